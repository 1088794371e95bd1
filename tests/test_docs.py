"""Tests of the documentation: every command, option, setting, route and code is in it, and what it names exists."""

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from builders import fake_analyser
from pydantic import BaseModel, SecretStr

from vocservice.cli import COMMANDS
from vocservice.errors import VocError
from vocservice.ingest.signature import SHORTEST_SECRET
from vocservice.settings import NESTED, PREFIX, Settings
from vocservice.web.app import create_app
from vocservice.web.headers import STATIC
from vocservice.web.problems import HTTP_PROBLEMS

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
CLI, HTTP, CONFIGURATION, README = (
    (REPOSITORY / name).read_text(encoding="utf-8") for name in ("docs/cli.md", "docs/http.md", "docs/configuration.md", "README.md")
)
FORWARDED = ("train", "evaluate")
GENERATED = "quality.md", "quality-fast.md", "experiments.md", "validation.md"
SOURCES = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "vocservice").rglob("*.py")]
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


def in_code(text: str) -> set[str]:
    """What stands between backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def sections() -> dict[str, str]:
    """The sections of the page on the command line, by command."""
    parts = re.split(r"^## `voc ([\w-]+)`$", CLI, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def command(name: str) -> click.Command:
    """A command as click knows it; those of training are training's own."""
    module, names = ("training.__main__", {"train": "train", "evaluate": "evaluate"}) if name in FORWARDED else (COMMANDS[name].module, {})
    found: click.Command = getattr(import_module(module), names.get(name, name).replace("-", "_"))
    return found


def options(name: str) -> set[str]:
    """Those of a command, and of the commands in it."""
    found = command(name)
    commands = [found, *(found.commands.values() if isinstance(found, click.Group) else ())]
    parameters = [parameter for one in commands for parameter in one.params if isinstance(parameter, click.Option)]
    return {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}


def keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every setting with its default."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, (*above, name))
        else:
            yield (*above, name), field.default


def shown(default: object) -> str:
    """A default as the page shows it."""
    if isinstance(default, SecretStr):
        return shown(default.get_secret_value())
    return {"": "blank", "()": "none"}.get(str(default), f"`{default}`")


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings(page: Path) -> set[str]:
    return {slug(line.lstrip("#")) for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("#")}


def test_every_command_has_its_section_and_nothing_else_has() -> None:
    assert sections().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_option_is_in_its_section_and_nothing_else_is(name: str) -> None:
    if name in FORWARDED and not find_spec("torch"):
        pytest.skip("torch is not installed (make setup-train)")
    rows = [line.split("|")[1] for line in sections()[name].splitlines() if line.startswith("| `-")]
    assert {option for row in rows for option in in_code(row)} == options(name)


@pytest.mark.parametrize(("key", "default"), list(keys(Settings)), ids=str)
def test_every_setting_is_documented_with_its_variable_and_default(key: tuple[str, ...], default: object) -> None:
    plain = default.get_secret_value() if isinstance(default, SecretStr) else default
    shown = f"`{plain}`" if plain != "" else "blank"
    assert f"| `{'.'.join(key)}` | `{PREFIX}{NESTED.join(key).upper()}` | {shown} |" in CONFIGURATION


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    named = {
        word for source in SOURCES for word in re.findall(r"\"(VOC_[A-Z_]+)\"", source) if not word.startswith(("VOC_SETS", "VOC_ORDER"))
    }
    settings = {f"{PREFIX}{NESTED.join(key).upper()}" for key, _ in keys(Settings)}
    assert {word for word in in_code(CONFIGURATION) if re.fullmatch(r"VOC_[A-Z_]*[A-Z]", word)} == named | settings


def test_every_route_is_documented_and_no_other() -> None:
    rules = [rule for rule in create_app(fake_analyser(), Settings()).url_map.iter_rules() if rule.endpoint not in STATIC]
    served = {f"{method} {rule.rule}" for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert {word for word in in_code(HTTP) if re.match(r"(GET|POST|PUT|PATCH|DELETE) /", word)} == served


def test_every_error_code_is_documented() -> None:
    classes = {found for error in VocError.__subclasses__() for found in (error, *error.__subclasses__())}
    given = {code for source in SOURCES for code in re.findall(r"\bcode=\"([a-z_]+)\"", source)}
    rejected = {code for source in SOURCES for code in re.findall(r"Rejected\([^()]*?, \"([a-z_]+)\",", source)}
    codes = given | rejected | {found.code for found in classes} | {code for code, _ in HTTP_PROBLEMS.values()}
    assert {"empty_body", "text_too_long", "bundle_invalid", "not_found"} <= codes
    assert codes - in_code(HTTP) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        assert not anchor or anchor in headings(found), target


def test_every_page_is_listed() -> None:
    for folder in (REPOSITORY / "docs", REPOSITORY / "docs" / "decisions"):
        index = (folder / "README.md").read_text(encoding="utf-8")
        pages = {page.name for page in folder.glob("*.md")} - {"README.md", *GENERATED}
        assert {name for name in pages if f"({name})" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    made = [word for line in re.findall(r"(?:^    |`)make ((?:[a-z-]+ ?)+)", text, flags=re.MULTILINE) for word in line.split()]
    assert [word for word in made if word not in targets] == []
    for name, rest in re.findall(r"^    (?:.*\| )?(?:\S*/)?(?:python -m vocservice|voc) ([\w-]+)(.*)$", text, flags=re.MULTILINE):
        assert name in COMMANDS
        if name not in FORWARDED or find_spec("torch"):
            assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", rest)) <= options(name)


def test_the_two_commands_come_first() -> None:
    shown = re.findall(r"^    (.+)$", README, flags=re.MULTILINE)
    assert [line.split("#")[0].strip() for line in shown[:2]] == ["make demo", "make test"]


def test_the_secrets_of_the_examples_are_long_enough() -> None:
    shown = re.findall(r"^    .*--secret '([^']+)'", README, flags=re.MULTILINE)
    assert shown and all(len(secret) >= SHORTEST_SECRET for secret in shown)


def test_the_examples_are_python_and_json() -> None:
    for page in PAGES:
        for language, block in re.findall(
            r"^```(python|json)\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        ):
            assert ast.parse(block).body if language == "python" else json.loads(block)


def test_nothing_names_a_place_on_somebody_s_machine() -> None:
    for page in [*PAGES, *(REPOSITORY / name for name in ("Makefile", "Dockerfile", ".ci/run", "pyproject.toml"))]:
        assert not re.search(r"(?<![\w.])/(?:home|root|work|Users)/", page.read_text(encoding="utf-8")), page.name
