"""Tests of who imports whom: the rules of the design, read from the sources, and what importing really loads."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
WEB = ("vocservice.web",)
RUNTIMES = ("vocservice.inference", "training")
ONLY_IN = {
    "flask": WEB,
    "werkzeug": WEB,
    "gunicorn": WEB,
    "torch": RUNTIMES,
    "transformers": RUNTIMES,
    "onnx": RUNTIMES,
    "onnxruntime": RUNTIMES,
    "tokenizers": RUNTIMES,
    "spacy": ("vocservice.text",),
    "sqlalchemy": ("vocservice.store",),
    "click": ("vocservice.cli", "training"),
    "authlib": ("vocservice.web.accounts.provider",),
    "joserfc": ("vocservice.web.accounts.provider",),
    "ray": ("vocservice.batch",),
    "sklearn": ("training",),
}
NEVER = ("pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve")
MAY_IMPORT = {
    "text": {"errors", "paths", "records"},
    "inference": {"errors", "overlap", "paths", "records", "taxonomy"},
    "tables": {"errors", "moments", "records", "strictjson", "turns"},
    "ingest": {"errors", "moments", "records", "strictjson", "tables", "turns"},
    "turns": {"records"},
    "moments": set(),
    "pace": {"moments", "records", "turns"},
    "store": {"errors", "ingest", "pace", "paths", "records", "reporting", "rules", "settings", "taxonomy", "tomlfile"},
    "strictjson": set(),
    "overlap": set(),
    "interpreter": set(),
    "batch": {"__version__", "api", "errors", "overlap", "paths", "records", "settings", "tables"},
    "client": {"errors", "pieces", "records", "transport", "unpacking"},
    "pieces": {"errors", "records"},
    "transport": {"errors", "jobs"},
    "unpacking": {"errors", "records"},
    "records": set(),
    "errors": set(),
    "taxonomy": {"errors", "paths"},
    "settings": {"errors", "paths", "tomlfile"},
    "tomlfile": {"errors"},
    "render": {"records", "taxonomy"},
    "rules": {"errors", "moments", "pace", "records", "taxonomy", "tomlfile"},
    "reporting": {"errors", "moments", "records", "taxonomy"},
    "jobs": {
        "api",
        "batch",
        "chunks",
        "errors",
        "ingest",
        "paths",
        "records",
        "reporting",
        "settings",
        "store",
        "tables",
        "taxonomy",
        "text",
    },
    "web": {
        "api",
        "batch",
        "browser",
        "errors",
        "ingest",
        "interpreter",
        "jobs",
        "moments",
        "pace",
        "paths",
        "records",
        "render",
        "reporting",
        "rules",
        "settings",
        "store",
        "strictjson",
        "tables",
        "taxonomy",
        "turns",
    },
}
STEPS = {
    *("vocservice.text.clean", "vocservice.text.language", "vocservice.text.segment", "vocservice.inference.engine"),
    "vocservice.rules.step",
}
# A training run has no pipeline to go through: it takes the same steps one by one.
KNOWS_THE_ORDER = "vocservice.pipeline"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it; the names taken from a package are given with it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SOURCES = {name_of(path): path for folder in ("vocservice", "training") for path in sorted((REPOSITORY / folder).rglob("*.py"))}
IMPORTS = {name: set(imported(path)) for name, path in SOURCES.items()}


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def importers_of(package: str) -> set[str]:
    return {name for name, modules in IMPORTS.items() if any(is_in(module, (package,)) for module in modules)}


@pytest.mark.parametrize(("library", "packages"), ONLY_IN.items())
def test_a_library_stays_where_it_belongs(library: str, packages: tuple[str, ...]) -> None:
    assert {name for name in importers_of(library) if not is_in(name, packages)} == set()


def test_the_libraries_are_found_where_they_are_used() -> None:
    assert all(importers_of(library) for library in ("flask", "torch", "onnxruntime", "spacy", "click"))


@pytest.mark.parametrize("module", NEVER)
def test_nothing_is_pickled(module: str) -> None:
    assert importers_of(module) == set()


@pytest.mark.parametrize(("part", "allowed"), MAY_IMPORT.items())
def test_a_part_imports_only_what_it_may(part: str, allowed: set[str]) -> None:
    whole = f"vocservice.{part}"
    modules = {module for name, found in IMPORTS.items() if is_in(name, (whole,)) for module in found}
    ours = {module.split(".")[1] for module in modules if module.startswith("vocservice.")}
    assert ours <= allowed | {part}


def test_steps_do_not_import_each_other() -> None:
    assert IMPORTS.keys() >= STEPS
    for step in STEPS:
        assert IMPORTS[step] & (STEPS - {step}) == set()


def test_only_the_pipeline_knows_the_order() -> None:
    knowing = {name for name, modules in IMPORTS.items() if len(modules & STEPS) > 1 and not is_in(name, ("training",))}
    assert knowing == {KNOWS_THE_ORDER}


def test_serving_never_imports_training_but_by_the_lazy_bridge() -> None:
    assert {name for name in importers_of("training") if not is_in(name, ("training",))} == set()
    mentions = {name for name, path in SOURCES.items() if '"training.__main__"' in path.read_text(encoding="utf-8")}
    assert mentions == {"vocservice.cli.training"}


def test_training_knows_nothing_of_the_web_or_the_command_line() -> None:
    assert {
        name for package in ("vocservice.web", "vocservice.cli") for name in importers_of(package) if is_in(name, ("training",))
    } == set()


@pytest.mark.parametrize("name", SOURCES)
def test_every_module_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(ast.parse(SOURCES[name].read_bytes()))


def loaded_by(statement: str, *, without: tuple[str, ...] = ()) -> set[str]:
    """The top-level modules that a statement loads in a fresh interpreter in which some cannot be imported."""
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in without)
    code = f"import sys; {blocked}{statement}; print(*{{name.partition('.')[0] for name, found in sys.modules.items() if found}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["vocservice.pipeline", "vocservice.web.app", "vocservice.inference.bundle", "vocservice.cli.training"])
def test_serving_needs_nothing_that_only_training_has(module: str) -> None:
    loaded_by(f"import {module}", without=("torch", "transformers", "onnx", "onnxscript", "sklearn", "scipy", "vaderSentiment"))


def test_the_client_needs_no_server_store_or_model() -> None:
    loaded_by("import vocservice.client", without=("flask", "werkzeug", "sqlalchemy", "onnxruntime", "spacy", "numpy", "pyarrow"))


@pytest.mark.parametrize("statement", ["import vocservice", "import vocservice.cli", "import vocservice.web.serving.with_gunicorn"])
def test_importing_is_light(statement: str) -> None:
    """The last one above all: gunicorn forks, and a runtime with threads must not be loaded before."""
    assert loaded_by(statement) & {"onnxruntime", "spacy", "numpy", "torch", "pyarrow", "pandas", "polars"} == set()
