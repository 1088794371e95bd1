"""Tests of the language of rules: what is read, what is refused and how it is told, and that a tree and its text are the same."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocservice.errors import RuleError
from vocservice.rules.names import FIELDS, read_rule
from vocservice.rules.parse import DEEPEST, MOST_TESTS, parse
from vocservice.rules.syntax import AllOf, AnyOf, Compare, Holds, Includes, Is, Mentions, Name, Not, OneOf, Value
from vocservice.rules.tokens import LONGEST
from vocservice.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()


@pytest.mark.parametrize(
    ("rule", "full"),
    [
        ("churn_risk > 0.6", "flag.churn_risk > 0.6"),
        ("flags churn_risk > .6", None),
        ("reason.churn_risk > 0.6", "reason.churn_risk > 0.6"),
        ("churn_risk", "flag includes churn_risk"),
        ("abandoned", "reason includes abandoned"),
        ("service_complaint and resolved", "scope is service_complaint and outcome is resolved"),
        ("factor price_value is negative", "factor.price_value is negative"),
        ("stages includes purchase", "stage includes purchase"),
        ("stage IN (use, purchase) AND NOT needs_review", "stage in (use, purchase) and not needs_review"),
        ("a or b", None),
        ("sentiment <= -1", "sentiment <= -1"),
        ("sentiment.end is -2", "sentiment.end is -2"),
        ("metadata.plan in ('gold', \"platinum plus\")", 'metadata.plan in (gold, "platinum plus")'),
        ('metadata["customer tier"].level >= 2.50', 'metadata["customer tier"].level >= 2.5'),
        ('metadata["in"] is "not"', 'metadata["in"] is "not"'),
        ("metadata.vip", "metadata.vip"),
        ('text mentions "cancel* my"', 'text mentions "cancel* my"'),
        ("response.first > 90 s", "response.first > 90 s"),
        ("response.first > 120 s", "response.first > 2 min"),
        ("created.age > 1.1 d", "created.age > 1584 min"),  # which 1.1 * 86,400 is not
        ("created.time >= 9:05", "created.time >= 09:05"),
        ("created.weekday not in (saturday, sunday)", "created.weekday not in (saturday, sunday)"),
        ("churn_risk is withheld or outcome is not unknown", "flag.churn_risk is withheld or outcome is not unknown"),
        ("(kind is text)", "kind is text"),
        ("not (kind is text or turns > 4) and churn_risk", "not (kind is text or turns > 4) and flag includes churn_risk"),
    ],
)
def test_a_rule_is_read_and_told_in_full(rule: str, full: str | None) -> None:
    if full is None:
        with pytest.raises(RuleError):
            read_rule(rule, TAXONOMY)
        return
    assert str(read_rule(rule, TAXONOMY)) == full
    assert read_rule(full, TAXONOMY) == read_rule(rule, TAXONOMY)
    assert parse(full) == read_rule(rule, TAXONOMY)


@pytest.mark.parametrize(
    ("rule", "at", "told"),
    [
        ("", None, "must say something"),
        ("x" * (LONGEST + 1), None, "at most 2000 characters"),
        ("churn_risc > 0.6", 1, "did you mean churn_risk"),
        ("kind is text and flag.churn > 0.6", 18, "did you mean flag.churn_risk?"),
        ("factor price is negative", 1, "did you mean factor.price_value?"),
        ("sentiment.ending < 0", 1, "did you mean sentiment.end"),
        ("stage includes purchasing", 16, "did you mean purchase?"),
        ("scope is complaint", 10, "did you mean service_complaint?"),
        ("score.kind is x", 15, "only nps or csat or ces or stars"),
        ("stage is purchase", 1, "after stage comes includes"),
        ("scope includes both", 1, "after scope comes is"),
        ("churn_risk > 60", 14, "from 0 to 1"),
        ("churn_risk is true", 1, "a probability, or nothing"),
        ("factor.price_value is bad", 23, "positive, negative or mixed"),
        ("sentiment < -3", 13, "from -2 to 2"),
        ("sentiment is negative", 14, "a number"),
        ("channel > 5", 1, "and words"),
        ("channel is 5", 12, "and words"),
        ("turns > 5 min", 9, "and a number"),
        ("duration > 5", 12, "such as 5 min"),
        ("created.time > 25:00", 16, "from 00:00 to 23:59"),
        ("metadata > 5", 1, "metadata.plan"),
        ("metadata.x > 5 min", 14, "and a number"),
        ("needs_review is withheld", 1, "only a label can be withheld"),
        ("channel mentions 'x'", 1, "only text"),
        ("text is 'x'", 1, "mentions"),
        ("text mentions x", 15, "a quoted text"),
        ("text mentions '*'", 15, "at least one letter"),
        ("text mentions '.*'", 15, "at least one letter"),
        ("channel = chat", 9, "write is"),
        ("a && b", 3, "write and"),
        ("channel is 'chat", 12, "same quote"),
        ("channel is chat;", 16, "belongs nowhere"),
        ("channel is", 11, "expected a value, found the end"),
        ("channel", 1, "after channel comes is"),
        ("channel in chat", 12, "expected ("),
        ("(channel is chat", 17, "expected ), found the end"),
        ("channel is chat channel is chat", 17, "expected and, or, or the end"),
        ("channel not chat", 13, "expected in"),
        ("and", 1, "expected a name"),
        ("metadata.5 is 1", 10, 'written ["so"]'),
        ("turns > " + "9" * 400, 9, "at most 15 characters"),
        ("(" * (DEEPEST + 1) + "kind is text" + ")" * (DEEPEST + 1), DEEPEST + 2, "at most 20 levels"),
        ("not " * 400 + "needs_review", 85, "at most 20 levels"),
        (" or ".join(["turns>1"] * (MOST_TESTS + 1)), 1101, "at most 100 tests"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_fault_names_its_place_and_what_was_expected(rule: str, at: int | None, told: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_rule(rule, TAXONOMY)
    assert told in caught.value.message
    assert caught.value.at == at


WORDS = st.one_of(st.sampled_from(["chat", "and", "true", "in", "5"]), st.text(string.printable + "éß\\\"'", min_size=1, max_size=12))
NUMBERS = st.one_of(st.integers(-9999, 9999).map(float), st.decimals(-99, 99, places=3).map(float))
VALUES = st.one_of(
    st.builds(Value, st.just("word"), WORDS),
    st.builds(Value, st.just("number"), NUMBERS),
    st.builds(Value, st.just("span"), st.integers(0, 10**6).map(float)),
    st.builds(Value, st.just("clock"), st.integers(0, 1439).map(float)),
    st.builds(Value, st.just("truth"), st.booleans()),
)
NAMES = st.one_of(
    st.sampled_from(sorted(FIELDS)).map(lambda name: Name(tuple(name.split(".")))),
    st.lists(WORDS, min_size=1, max_size=3).map(lambda parts: Name(("metadata", *parts))),
)
PHRASES = WORDS.filter(lambda text: any(character.isalnum() for character in text))
TESTS = st.one_of(
    st.builds(Compare, NAMES, st.sampled_from(["is", "is not", "<", "<=", ">", ">="]), VALUES),
    st.builds(OneOf, NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple), st.booleans()),
    st.builds(Includes, NAMES, VALUES),
    st.builds(Mentions, NAMES, PHRASES),
    st.builds(Is, NAMES, st.sampled_from(["unknown", "withheld"]), st.booleans()),
    st.builds(Holds, NAMES),
)
TREES = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


@given(TREES)
@settings(max_examples=300, deadline=None)
def test_the_text_of_a_tree_gives_the_tree_again(tree: object) -> None:
    text = str(tree)
    assert len(text) > LONGEST or parse(text) == tree


@given(st.text(string.ascii_lowercase + " ()[].,<>=\"'0123456789_", max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_a_rule_or_a_fault(text: str) -> None:
    place, found = 1, None
    try:
        found = read_rule(text, TAXONOMY)
    except RuleError as error:
        place = error.at or 1
    assert 1 <= place <= len(text) + 1
    assert found is None or read_rule(str(found), TAXONOMY) == found
