"""Tests of the page on faults: every case has its row, every test that it names is there, and every numbered test is named."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (\d+(?: to \d+)?) \|(.*)\|$", PAGE, flags=re.MULTILINE))
NAMED = set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", PAGE))


def names_in(module: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", (TESTS / module).read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_case_has_a_row_with_a_test() -> None:
    assert [*ROWS] == [*map(str, range(1, 37)), "37 to 44", *map(str, range(45, 51))]
    assert [case for case, row in ROWS.items() if "::test_" not in row] == []


def test_every_test_that_is_named_is_there() -> None:
    assert {f"{module}::{name}" for module, name in NAMED if name not in names_in(module)} == set()


def test_every_test_with_the_number_of_a_case_stands_in_its_row() -> None:
    for module in (str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")):
        for name in names_in(module):
            if found := re.match(r"test_(\d+)_", name):
                assert f"`{module}::{name}`" in ROWS.get(found[1], ""), f"{module}::{name}"
