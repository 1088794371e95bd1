"""Tests of the records' JSON form: field by field what the records hold, in the order of the contract."""

from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import pytest
from builders import analysis, conversation

from vocservice.records import Analysis, Factor, Label, Low, Redaction, Rejected, RuleHit, Sentiment, Withheld

CASES = {
    "every kind of label": analysis(),
    "nothing given": analysis(stages=(), factors=(), sentiment=None, scope=None, flags=(), abstained=()),
    "masks and warnings": analysis(redactions=(Redaction("email", 0, 7), Redaction("name", 3, 9, 1)), warnings=("invalid_characters",)),
    "labels of another taxonomy": analysis(
        labels={"aspects": (Factor("app", "-", 0.5),), "themes": (Label("care", 0.2),), "none": ()}, lacks=("stages", "flags")
    ),
    "a transcript": analysis(conversation=conversation(("customer", "hi"), ("agent", "hello"))),
    "a transcript with times": analysis(
        conversation=conversation(("customer", "hi"), ("system", "On hold"), ("agent", "hello"), at=("00:00:01", None, "00:00:03"))
    ),
    "what rules did": analysis(
        rules=(RuleHit("a", "review", "Read it", "needs_review"), RuleHit("b", "route", "To sales", "needs_review", queue="sales")),
        abstained=(Withheld("stages.advocacy", 0.3), Withheld("flags.churn_risk", 0.9, "rule:c")),
        conversation=replace(conversation(("customer", "hi")), review_because="rule:a"),
    ),
    "the caller's row": analysis(row={"id": object()}),
}


def filled(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Without a field that is blank."""
    return {key: value for key, value in fields.items() if key != name or value}


def spoken(*, labels: dict[str, Any] | None, conduct: tuple[str, ...] | None, **fields: Any) -> dict[str, Any]:
    """A turn, of the customer's with its labels behind, of an agent's with the conduct."""
    return filled(fields, "at") | ({} if conduct is None else {"conduct": conduct}) | (labels or {})


def by_fields(found: Analysis) -> dict[str, Any]:
    """The contract from the fields' own names."""
    fields = asdict(analysis(**{name: getattr(found, name) for name in found.__slots__ if name not in ("row", "vector")}))
    labels, talk, _, _ = fields.pop("labels"), fields.pop("conversation"), fields.pop("row"), fields.pop("vector")
    fields = {name: value for name, value in fields.items() if name not in ("lacks", *found.lacks)}
    rules = tuple(filled(rule, "queue") for rule in fields.pop("rules"))
    fields["abstained"] = tuple(filled(withheld, "because") for withheld in fields["abstained"])
    out = {"id": fields.pop("id"), "status": "ok", **fields} | ({"labels": labels} if labels else {}) | ({"rules": rules} if rules else {})
    if talk:
        ends = {name: {key: talk[name][key] for key in ("level", "score")} for name in ("sentiment_start", "sentiment_end")}
        moods = [(turn["sentiment"]["score"], at) for at, turn in enumerate(talk["turns"]) if turn["sentiment"]]
        low = talk["turns"][min(moods)[1]]["sentiment"]
        ends |= {"sentiment_low": {"level": low["level"], "score": low["score"], "turn": min(moods)[1]}}
        ends |= {"sentiment_recovery": moods[-1][0] - low["score"]}
        review = {"value": talk["needs_review"], "probability": talk["needs_review_probability"]}
        review = filled(review | {"because": talk["review_because"]}, "because")
        turns = tuple(spoken(**turn) for turn in talk["turns"])
        out |= {"turns": turns, "outcome": talk["outcome"], **ends, "needs_review": review, "reasons": talk["reasons"]}
        out |= {"pace": with_counts(talk["pace"])} if talk["pace"] else {}
    return out


def with_counts(pace: dict[str, Any]) -> dict[str, Any]:
    """With how many turns are named, behind them."""
    counts = {"hold_turns": "holds", "transfer_turns": "transfers"}
    pairs = ([(name, value)] + ([(counts[name], len(value))] if name in counts else []) for name, value in pace.items())
    return dict(chain.from_iterable(pairs))


@pytest.mark.parametrize("found", CASES.values(), ids=CASES.keys())
def test_the_json_form_holds_every_field_in_order(found: Analysis) -> None:
    assert repr(found.to_dict()) == repr(by_fields(found))


@pytest.mark.parametrize(
    ("moods", "expected"),
    [
        ((), None),
        ((None, -0.5), (1, -1, -0.5, 0.0)),
        ((0.1, None, -0.9, -0.9, 0.35), (2, -2, -0.9, 1.25)),
        ((0.1, -0.2, None), (1, 0, -0.2, 0.0)),
    ],
)
def test_the_lowest_mood_is_the_first_of_the_lowest_and_recovers_to_the_last(
    moods: tuple[float | None, ...], expected: tuple[float, ...] | None
) -> None:
    turns = [{"sentiment": None if mood is None else {"level": round(2 * mood), "score": mood}} for mood in moods]
    low = Low.in_result({"turns": turns})
    assert (low and (low.turn, low.level, low.score, low.recovery)) == expected
    assert Low.in_result({"text": "a text"}) is None


def test_a_rejection_names_its_record() -> None:
    rejected = Rejected("a", "empty_text", "there is no customer text to read", {"text": ""})
    assert rejected.to_dict() == {
        "id": "a",
        "status": "rejected",
        "error": {"code": "empty_text", "message": "there is no customer text to read"},
    }


def test_changing_the_json_form_changes_no_record() -> None:
    found = analysis(sentiment=Sentiment(1, 0.5, {"1": 1.0}))
    found.to_dict()["sentiment"]["probabilities"].clear()
    assert found.sentiment == Sentiment(1, 0.5, {"1": 1.0})
