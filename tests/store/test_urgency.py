"""Tests of `urgency`: which labels bring a record to the desk, and how many points they are worth."""

from pathlib import Path

import pytest
from builders import analysis, saved

from vocservice.errors import ConfigError
from vocservice.records import Json, Label
from vocservice.store.review import urgency
from vocservice.store.review.urgency import Rules

RULES = Rules(frozenset({"needs_review", "flags.churn_risk"}), {"needs_review": 40, "flags.churn_risk": 20, "reasons.churn_risk": 20})


@pytest.mark.parametrize(
    ("labels", "points", "is_in"),
    [
        ({}, 0, False),
        ({"flags.question": 1.0}, 0, False),
        ({"flags.churn_risk": 0.5}, 100, True),
        ({"flags.churn_risk": 0.5, "reasons.churn_risk": 0.9}, 180, True),
        ({"needs_review": 0.8, "flags.churn_risk": 0.5}, 420, True),
    ],
)
def test_urgency_is_the_sum_of_points_times_probability(labels: dict[str, float], points: int, is_in: bool) -> None:
    assert (urgency.urgency(labels, RULES), urgency.enters(labels, RULES)) == (points, is_in)


def test_the_labels_of_a_result_are_named_by_set() -> None:
    result: Json = analysis(flags=(Label("churn_risk", 0.5),)).to_dict()
    assert urgency.given(result) == {"flags.churn_risk": 0.5, "scope.experience_issue": 0.55, "sentiment.-1": 0.5}


def test_the_shipped_rules_name_labels_of_the_shipped_taxonomy() -> None:
    from vocservice.taxonomy import load_taxonomy

    known = {f"{label_set.name}.{key}" for label_set in load_taxonomy().sets for key in label_set.keys} | {"needs_review", "rules"}
    assert urgency.rules().enter | urgency.rules().points.keys() <= known


@pytest.mark.parametrize(
    "text", ["", "enter = []\n[points]\n", 'enter = ["x"]\n[points]\nx = -1\n', 'enter = ["x"]\nother = 1\n[points]\n', "="]
)
def test_rules_that_are_wrong_stop_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        urgency.read_rules(saved(tmp_path, "desk.toml", text))
    with pytest.raises(ConfigError):
        urgency.read_rules(tmp_path / "none.toml")
