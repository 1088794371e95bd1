"""Tests of what rules hold for: every name over a record that has it and one that has not, evidence, and what is not known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import analysis, conversation, piece

from vocservice.records import Evidence, Label, RawTurn, RawVerbatim
from vocservice.rules.evaluate import match
from vocservice.rules.facts import Facts, facts_of
from vocservice.rules.names import FIELDS, read_rule
from vocservice.taxonomy import load_taxonomy, parse_taxonomy

TAXONOMY = load_taxonomy()
NOW = datetime(2026, 11, 28, 18, 30, tzinfo=UTC)  # a Saturday
WORDS = (("customer", "It crashed twice, I want to CANCEL it."), ("agent", "We cannot refund."), ("customer", "Cancelling it is."))
TURNS = (
    RawTurn("customer", WORDS[0][1], "2026-11-28T18:00:00Z"),
    RawTurn("agent", WORDS[1][1], "2026-11-28T18:06:00Z"),
    RawTurn("customer", WORDS[2][1], "2026-11-28T18:07:00Z"),
)
TALK = replace(conversation(*WORDS), turns=conversation(*WORDS).turns)
RECORD = RawVerbatim(
    "t-1",
    turns=TURNS,
    channel="chat",
    created_at="2026-11-27T17:59:00+00:00",
    score={"kind": "nps", "value": 3, "scale": 10},
    metadata={"plan": "Gold", "seats": "12", "vip": True, "account": {"tier": 2}, "list": [1]},
)


def whole(**changes: Any) -> Facts:
    """A transcript of which everything is known."""
    result = analysis("\n".join(text for _, text in WORDS), conversation=TALK, **changes).to_dict()
    return replace(facts_of(RECORD, result, now=NOW), sources=("Shop", "src_1"))


def bare() -> Facts:
    """A text of which nothing is known but its words."""
    made = analysis("ok", stages=(), factors=(), sentiment=None, scope=None, flags=(), abstained=())
    return Facts({**made.to_dict(), "language": None}, NOW)


HOLD = [
    "stage includes use",
    "stage in (purchase, cultivation)",
    "stage not in (purchase, advocacy)",
    "stage.use > 0.85",
    "factor.technology is negative",
    "factor.technology is not positive",
    "factor.technology >= 0.8",
    "scope is experience_issue",
    "scope is not both",
    "scope not in (both, neither)",
    "experience_issue > 0.5",
    "sentiment <= -1",
    "sentiment in (-1, -2)",
    "sentiment.low is -1",
    "sentiment.recovery < 0.1",
    "sentiment.score < 0",
    "sentiment.start is -1",
    "sentiment.end > 0",
    "churn_risk >= 0.5",
    "flag.escalation is unknown",
    "reason includes repeat_contact",
    "resolved > 0.8",
    "needs_review",
    "needs_review is true",
    "needs_review.probability is 0.8",
    "stage.advocacy is withheld",
    "stage.advocacy is unknown",
    "kind is transcript",
    "language is EN",
    "channel is Chat",
    "channel in (chat, phone)",
    'source is "shop"',
    "source in (api, src_1)",
    "score <= 6",
    "score.kind is nps and score.scale is 10",
    "metadata.plan in (gold, platinum)",
    "metadata.seats > 11",
    "metadata.seats is 12",
    "metadata.vip",
    "metadata.vip is true",
    "metadata.account.tier is 2",
    "metadata.list is unknown",
    "metadata.nothing is unknown",
    'text mentions "cancel"',
    "created.age > 24 h",
    "created.time < 18:00",
    "created.weekday is friday",
    "received.age < 1 s",
    "received.time is 18:30",
    "received.weekday in (saturday, sunday)",
    "turns is 3",
    "duration is not unknown",
    "duration <= 7 min",
    "response.first > 5 min",
    "response.longest <= 6 min",
    "silence.longest >= 6 min",
    "not channel is phone",
    "channel is phone or churn_risk",
]
FAIL = [
    "stage includes purchase",
    "stage not in (purchase, use)",
    "stage not in (cultivation, advocacy)",
    "stage.advocacy > 0.1",
    "factor.technology is positive",
    "scope is both",
    "churn_risk > 0.5",
    "sentiment is 0",
    "kind is text",
    "score > 6",
    "metadata.plan > 1",
    "metadata.account is 2",
    "metadata.vip is false",
    'text mentions "refund"',
    'text mentions "can"',
    "source is x",
    "needs_review is false",
    "outcome is unknown",
    "not needs_review",
    "channel is chat and kind is text",
    "response.first > 6 min",
    "flag.churn_risk is withheld",
]
# What is not known is false both ways.
UNKNOWN = [name for name, field in FIELDS.items() if field.kind != "text" and name != "kind" and not name.startswith("turns")]
SAMPLES = {"word": "x", "number": "1", "span": "1 s", "clock": "12:00", "truth": "true"}


@pytest.mark.parametrize("rule", HOLD)
def test_a_rule_holds(rule: str) -> None:
    assert match(read_rule(rule, TAXONOMY), whole())


@pytest.mark.parametrize("rule", FAIL)
def test_a_rule_does_not_hold(rule: str) -> None:
    assert match(read_rule(rule, TAXONOMY), whole()) is None


def comparisons_of(name: str) -> list[str]:
    """Every comparison that a name allows."""
    field = FIELDS[name]
    value = field.words[0] if field.words else SAMPLES[field.kind]
    orders = [f"{name} {sign} {value}" for sign in ("<", "<=", ">", ">=")]
    same = [f"{name} is {value}", f"{name} is not {value}"]
    listed = [f"{name} in ({value})", f"{name} not in ({value})"]
    return {"span": orders, "clock": [*orders, *same], "number": [*orders, *same, *listed], "truth": same}.get(field.kind, [*same, *listed])


@pytest.mark.parametrize("rule", [rule for name in UNKNOWN for rule in comparisons_of(name)])
def test_a_comparison_with_what_is_not_known_is_false_both_ways(rule: str) -> None:
    assert match(read_rule(rule, TAXONOMY), bare()) is None


@pytest.mark.parametrize("name", [*UNKNOWN, "scope", "sentiment", "stage", "flag.churn_risk", "factor.price_value", "metadata.plan"])
def test_only_is_unknown_asks_for_it(name: str) -> None:
    assert match(read_rule(f"{name} is unknown", TAXONOMY), bare())
    assert match(read_rule(f"{name} is not unknown", TAXONOMY), bare()) is None


@pytest.mark.parametrize(
    "rule", ["scope is not both", "scope not in (both, neither)", "churn_risk < 0.9", "sentiment < 2", "factor.technology is not positive"]
)
def test_labels_that_were_not_given_compare_as_nothing(rule: str) -> None:
    assert match(read_rule(rule, TAXONOMY), bare()) is None
    assert match(read_rule(f"not {rule}", TAXONOMY), bare())


def test_a_match_tells_the_tests_that_held_with_the_evidence_of_their_labels() -> None:
    text = "The app crashed twice. Support was lovely and fixed it."
    facts = Facts(analysis(text).to_dict(), NOW, channel="chat")
    rule = "factor.technology is negative and (channel is phone or channel is chat) and not needs_review and stage includes use"
    found = match(read_rule(rule, TAXONOMY), facts)
    assert found
    assert found.because == "factor.technology is negative and channel is chat and not needs_review and stage includes use"
    assert found.evidence == (piece(text, "crashed"),)


@pytest.mark.parametrize(
    ("phrase", "pieces"),
    [
        ("cancel", [(0, "CANCEL")]),
        ("cancel*", [(0, "CANCEL"), (2, "Cancelling")]),
        ("cancel  it", [(0, "CANCEL it")]),
        ("refund", []),
        ("it*", [(0, "It"), (0, "it"), (2, "it")]),
        ("(a+)+", []),
    ],
)
def test_words_are_looked_for_in_what_the_customer_says(phrase: str, pieces: list[tuple[int, str]]) -> None:
    found = match(read_rule(f'text mentions "{phrase}"', TAXONOMY), whole())
    told = [(one.turn, one.text) for one in found.evidence] if found else []
    assert told == pieces
    for one in found.evidence if found else ():
        assert isinstance(one, Evidence) and WORDS[one.turn or 0][1][one.start : one.end] == one.text


@pytest.mark.parametrize(("text", "holds"), [("cancel my plan", True), ("cancel\u00a0\n plan", False), (f"cancel {' ' * 2000}.", False)])
def test_a_star_alone_is_a_word_and_blanks_take_no_time(text: str, holds: bool) -> None:
    facts = facts_of(RECORD, {"text": text}, now=NOW)
    assert (match(read_rule('text mentions "cancel * plan"', TAXONOMY), facts) is not None) == holds
    assert match(read_rule(f'text mentions "cancel{" *" * 20} plan"', TAXONOMY), facts) is None


def test_times_out_of_order_and_missing_are_no_fault() -> None:
    turns = (
        RawTurn("customer", "a", "2026-11-28T18:06:00Z"),
        RawTurn("agent", "b", "2026-11-28T18:00:00Z"),
        RawTurn("agent", "c", "never"),
    )
    facts = facts_of(replace(RECORD, turns=turns), {}, now=NOW)
    assert match(read_rule("response.first is unknown", TAXONOMY), facts)
    assert match(read_rule("duration >= 6 min", TAXONOMY), facts)


@pytest.mark.parametrize(
    ("given", "is_known"), [("2026-11-27", False), ("20261127", False), ("2026-11-27T00:00", True), ("2026-11-27 07:59:00Z", True)]
)
def test_a_day_without_a_time_has_no_time_of_day(given: str, is_known: bool) -> None:
    facts = facts_of(replace(RECORD, created_at=given), {}, now=NOW)
    assert (match(read_rule("created.time < 08:00", TAXONOMY), facts) is not None) == is_known
    assert match(read_rule("created.weekday is friday and created.age > 1 d", TAXONOMY), facts)


def test_sets_of_another_taxonomy_are_named_as_they_are() -> None:
    labels = [{"key": key, "label": key, "definition": key} for key in ("on time", "late")]
    levels = [{"key": key, "label": key, "definition": key} for key in ("1", "2", "3")]
    other = parse_taxonomy(
        {
            "name": "x",
            "version": "1",
            "arrival": {"kind": "multi", "labels": [{**one, "key": one["key"].replace(" ", "-")} for one in labels]},
            "grade": {"kind": "ordinal", "labels": levels},
        }
    )
    facts = Facts({"labels": {"arrival": [Label("on-time", 0.9).to_dict()], "grade": [Label("2", 0.7).to_dict()]}}, NOW)
    for rule in ('arrival includes "on-time"', 'arrival["on-time"] > 0.8', "grade >= 2", "grade in (2, 3)"):
        assert match(read_rule(rule, other), facts), rule
    assert match(read_rule("late", other), facts) is None


def test_unbounded_spans_of_time_are_no_fault() -> None:
    facts = replace(whole(), created_at=NOW - timedelta(days=10_000))
    assert match(read_rule("created.age > 365 d", TAXONOMY), facts)
