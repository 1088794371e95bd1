"""The texts that the project wrote: labelled by the taxonomy, each once, evidence within them, nothing personal in them."""

import re
from collections import Counter

import pytest

from training.examples import Example, Labels, OneOf
from training.written import read_everyday, read_written, read_written_talks
from vocservice.records import SPEAKERS
from vocservice.taxonomy import load_taxonomy
from vocservice.text.clean import clean
from vocservice.text.redact import RedactionRules


@pytest.fixture(scope="module")
def written() -> list[Example]:
    return read_written()


@pytest.fixture(scope="module")
def everyday() -> list[Example]:
    return read_everyday()


@pytest.fixture(scope="module")
def all_texts(written: list[Example], everyday: list[Example]) -> list[Example]:
    return [*written, *everyday]


def test_every_text_stands_once(all_texts: list[Example]) -> None:
    assert max(Counter(example.id for example in all_texts).values()) == 1
    assert max(Counter((example.question, example.text.casefold()) for example in all_texts).values()) == 1


def test_no_text_that_measures_is_learned_from(written: list[Example], everyday: list[Example]) -> None:
    assert len(everyday) >= 300
    assert not {_words(example) for example in everyday} & {_words(example) for example in written}


def test_labels_are_keys_of_the_taxonomy_within_its_limits(all_texts: list[Example]) -> None:
    taxonomy = load_taxonomy()
    for example in all_texts:
        for name, target in example.targets.items():
            assert _keys(target) <= set(taxonomy[name].keys)
        stages = example.targets.get("stages")
        assert stages is None or len(_keys(stages)) <= (taxonomy["stages"].max_labels or 99)


def test_what_is_labelled_by_the_codebook_is_labelled_whole(written: list[Example], everyday: list[Example]) -> None:
    whole = {label_set.name for label_set in load_taxonomy().of("verbatim")}
    assert {frozenset(example.targets) for example in written} == {frozenset(whole), frozenset({"sentiment"})}
    assert {frozenset(example.targets) for example in everyday} == {frozenset(whole)}


@pytest.mark.parametrize(("texts", "least"), [("written", 20), ("everyday", 5)])
def test_every_label_occurs(texts: str, least: int, request: pytest.FixtureRequest) -> None:
    """The texts are there for the rare ones too."""
    examples: list[Example] = request.getfixturevalue(texts)
    for label_set in load_taxonomy().of("verbatim"):
        found = Counter(key for example in examples for key in _keys(example.targets.get(label_set.name)))
        assert all(found[key] >= least for key in label_set.keys), (label_set.name, found)


def test_evidence_lies_within_the_text(written: list[Example]) -> None:
    for example in written:
        for target in example.targets.values():
            if isinstance(target, Labels):
                assert set(target.evidence) == set(target.given)
                assert all(0 <= start < end <= len(example.text) for spans in target.evidence.values() for start, end, *_ in spans)


def test_no_text_holds_a_link_or_an_address(all_texts: list[Example]) -> None:
    assert not [example.id for example in all_texts if re.search(r"https?:|www\.|\S@\S", example.text)]


def test_no_text_is_blank_once_cleaned(all_texts: list[Example]) -> None:
    rules = RedactionRules()
    assert all(clean(example.text, rules=rules).text.strip() for example in all_texts)


def test_written_conversations_are_labelled_whole() -> None:
    taxonomy, rows = load_taxonomy(), read_written_talks()
    assert rows and max(Counter(row["id"] for row in rows).values()) == 1
    for row in rows:
        assert len(row["turns"]) > 1 and "customer" in {turn["speaker"] for turn in row["turns"]} <= set(SPEAKERS), row["id"]
        assert row["outcome"] in taxonomy["outcome"].keys and set(row["reasons"]) <= set(taxonomy["reasons"].keys)
        assert row["needs_review"] is bool(row["reasons"])
        for name in ("stages", "factors", "flags"):
            assert set(row[name]) <= set(taxonomy[name].keys)
        assert row["scope"] in taxonomy["scope"].keys
        assert {row["sentiment"], row["sentiment_start"], row["sentiment_end"]} <= {-2, -1, 0, 1, 2}


def test_written_conversations_hold_enough_of_every_outcome_and_reason() -> None:
    taxonomy, rows = load_taxonomy(), read_written_talks()
    reasons = Counter(key for row in rows for key in row["reasons"])
    outcomes = Counter(row["outcome"] for row in rows)
    assert all(reasons[key] >= 8 for key in taxonomy["reasons"].keys), reasons
    assert all(outcomes[key] >= 8 for key in taxonomy["outcome"].keys), outcomes


def _words(example: Example) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", example.text.casefold()))


def _keys(target: Labels | OneOf | None) -> set[str]:
    match target:
        case Labels(given=given):
            return set(given)
        case OneOf(keys=keys):
            return set(keys)
    return set()
