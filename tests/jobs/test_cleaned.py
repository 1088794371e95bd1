"""Tests of what is kept of a record: redacted everywhere, of the same shape, and labelled again exactly as at first."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from builders import analysis, conversation

from vocservice.api import Analyser
from vocservice.jobs.cleaned import cleaned
from vocservice.paths import home
from vocservice.records import Analysis, RawTurn, RawVerbatim
from vocservice.store.received.verbatims import from_json
from vocservice.tables import parse_record
from vocservice.text.rules import shipped_rules

RULES = shipped_rules()
MAIL = "jane.roe@example.com"


def samples() -> Iterator[RawVerbatim]:
    for name in ("feedback.jsonl", "transcripts.jsonl"):
        for line in (home() / "samples" / name).read_text(encoding="utf-8").splitlines():
            record = parse_record(json.loads(line), default_id="x")
            if isinstance(record, RawVerbatim):
                yield record


def through_the_store(value: Any) -> Any:
    return json.loads(json.dumps(value))


def again(analyser: Analyser, records: list[RawVerbatim]) -> None:
    """Analyse, keep, analyse what was kept: the same."""
    first = [found for found in zip(records, analyser.stream(records), strict=True) if isinstance(found[1], Analysis)]
    assert first
    kept = [from_json(through_the_store(cleaned(raw, result, RULES).verbatim)) for raw, result in first]  # type: ignore[arg-type]
    for (raw, before), after in zip(first, analyser.stream(kept), strict=True):
        assert isinstance(after, Analysis), raw.id
        assert after.to_dict() == before.to_dict(), raw.id


def test_the_samples_are_labelled_again_as_at_first(steps: Analyser) -> None:
    again(steps, list(samples()))


def test_the_real_bundle_labels_what_was_kept_as_at_first(real: Analyser) -> None:
    every = list(samples())
    again(real, [record for record in every if not record.turns][:12] + [record for record in every if record.turns][:4])


def test_redacted_text_comes_through_the_steps_unchanged(steps: Analyser) -> None:
    text = f"Mail {MAIL}, call +44 20 7946 0958, order #A-99812, card 4111 1111 1111 1111, see https://example.com. <email> it crashed."
    again(
        steps, [RawVerbatim("1", text, question="What does jane.roe@example.com think?"), RawVerbatim("2", "[NAME] was rude. [Email] me.")]
    )


def test_metadata_keep_their_keys_and_shape_and_lose_what_is_personal() -> None:
    details = {"mail": MAIL, "tags": ["a", f"to {MAIL}"], "deep": {"n": 3, "ok": True, "none": None}, "customer": "C-77", "number": 77}
    raw = RawVerbatim("1", "It crashed.", subject=" c-77", metadata=details)
    kept = cleaned(raw, analysis("It crashed."), RULES).details
    deep = {"n": 3, "ok": True, "none": None}
    assert kept == {"mail": "[EMAIL]", "tags": ["a", "to [EMAIL]"], "deep": deep, "customer": "[CUSTOMER]", "number": 77}


def test_a_customer_s_key_and_the_names_of_speakers_are_not_kept() -> None:
    raw = RawVerbatim("1", turns=(RawTurn("customer", "Jane here.", author="Jane Roe"),), subject="C-77", metadata={"by": "Jane Roe"})
    result = analysis("[NAME] here.", conversation=conversation(("customer", "[NAME] here.")))
    kept = cleaned(raw, result, RULES)
    assert "Jane" not in str(kept) and "C-77" not in str(kept)
    text = RawVerbatim("1", text="Jane here.", author="Jane Roe", metadata={"by": "Jane Roe"})
    assert "Jane" not in str(cleaned(text, analysis("[NAME] here."), RULES))


def test_turns_are_cleaned_where_the_bundle_has_no_conversation_model() -> None:
    raw = RawVerbatim("1", turns=(RawTurn("customer", f"Write to {MAIL}"), RawTurn("agent", "Will do, Jane Roe", author="Jane Roe")))
    kept = cleaned(raw, analysis("whatever"), RULES).verbatim
    assert [turn["text"] for turn in kept["turns"]] == ["Write to [EMAIL]", "Will do, [NAME]"]


@pytest.mark.parametrize("metadata", [None, {}])
def test_no_metadata_stay_none(metadata: dict[str, Any] | None) -> None:
    assert cleaned(RawVerbatim("1", "x", metadata=metadata), analysis("x"), RULES).details == metadata
