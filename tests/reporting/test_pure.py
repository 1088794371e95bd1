"""Tests that reporting stays pure: four libraries, no web, no store, no clock and no network."""

import ast
import sys
from pathlib import Path

import pytest

import vocservice.reporting

FILES = sorted(Path(vocservice.reporting.__file__).parent.glob("*.py"))
LIBRARIES = {"numpy", "pyarrow", "jinja2", "xlsxwriter", "vocservice"}
NEVER = {"socket", "urllib", "http", "subprocess", "logging", "time", "random"}


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.partition(".")[0] for name in plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_four_libraries_are_used(path: Path) -> None:
    found = imported(path)
    assert found - LIBRARIES <= sys.stdlib_module_names - NEVER


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_day_is_given_never_taken(path: Path) -> None:
    assert not {".now(", ".today("} & {call for call in (".now(", ".today(") if call in path.read_text(encoding="utf-8")}
