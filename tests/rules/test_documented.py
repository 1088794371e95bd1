"""Tests of the page on rules: every name, operator, unit and bound of the language is on it, and its examples are rules."""

import re
from pathlib import Path

import pytest

from vocservice.rules.names import FIELDS, read_rule
from vocservice.rules.parse import DEEPEST, MOST_TESTS
from vocservice.rules.syntax import UNITS
from vocservice.rules.tokens import KEYWORDS, LONGEST
from vocservice.taxonomy import load_taxonomy

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE)
OPERATORS = ("is", "is not", "in", "not in", "<", "<=", ">", ">=", "includes", "mentions", "is unknown", "is not unknown", "is withheld")


@pytest.mark.parametrize("name", FIELDS)
def test_every_name_is_in_the_table_with_its_meaning(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    assert FIELDS[name].meaning in row


@pytest.mark.parametrize("word", [*OPERATORS, *sorted(KEYWORDS), "(", "metadata."])
def test_every_operator_is_shown(word: str) -> None:
    assert any(re.search(rf"(?<!\w){re.escape(word)}", code) for code in CODE)


def test_every_unit_and_bound_is_told() -> None:
    assert all(re.search(rf"`\d+ {unit}`", PAGE) for unit in UNITS)
    for bound in (f"{LONGEST} characters", f"{MOST_TESTS} tests", f"{DEEPEST} levels"):
        assert bound in PAGE


def test_the_examples_are_rules() -> None:
    table = PAGE.partition("| test |")[2].partition("Values are")[0]
    rules = [
        code for row in table.splitlines() if row.startswith("| `") for code in re.findall(r"`([^`]+)`", row.split("|")[1]) if len(code) > 2
    ]
    assert len(rules) > 12
    for rule in [*rules, "scope is service_complaint and churn_risk > 0.6 and channel is chat"]:
        assert read_rule(rule, load_taxonomy())
