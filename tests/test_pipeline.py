"""Records go through in order, once each, and one that fails takes no neighbour along."""

import gc
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from threading import Event

import pytest
from builders import CANARY, FakeEngine

from vocservice import overlap
from vocservice.errors import BundleError, RecordError
from vocservice.inference.engine import Scored
from vocservice.interpreter import ALLOCATIONS
from vocservice.paths import config_path
from vocservice.pipeline import Pipeline, prepare
from vocservice.records import Analysis, RawTurn, RawVerbatim, Rejected, Segment, Verbatim
from vocservice.text.redact import RedactionRules
from vocservice.turns import MAX_TURNS

RULES = RedactionRules.load(config_path("redaction.toml"))
GERMAN = "Das Essen war leider schon wieder kalt und niemand hat sich darum gekümmert, sehr schade."


class CountingEngine(FakeEngine):
    """Remembers its batches; a text with "poison" breaks its whole batch."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self.error = error or RuntimeError(f"failed on {CANARY}")

    def score(self, verbatims: Sequence[Verbatim], segments: Sequence[Sequence[Segment]], **_: object) -> list[Scored]:
        self.batches.append([verbatim.text for verbatim in verbatims])
        if any("poison" in verbatim.text for verbatim in verbatims):
            raise self.error
        return super().score(verbatims, segments)


def pipeline(engine: FakeEngine | None = None, **named: int) -> Pipeline:
    return Pipeline(engine or CountingEngine(), redaction=RULES, **named)  # type: ignore[arg-type]


def raws(*texts: str) -> list[RawVerbatim]:
    return [RawVerbatim(f"r-{at}", text) for at, text in enumerate(texts)]


def codes(results: Sequence[object]) -> list[str]:
    return [result.code if isinstance(result, Rejected) else "ok" for result in results]


def test_order_is_kept_with_one_result_a_record() -> None:
    given = [*raws("good food", " ", "late crew", GERMAN), Rejected("x", "invalid_json", "broken"), RawVerbatim("last", "good food")]
    found = list(pipeline(chunk=2).analyse(given))
    assert [result.id for result in found] == ["r-0", "r-1", "r-2", "r-3", "x", "last"]
    assert codes(found) == ["ok", "empty_text", "ok", "unsupported_language", "invalid_json", "ok"]


def test_a_transcript_without_a_customer_says_what_to_call_their_turns() -> None:
    (found,) = pipeline().analyse([RawVerbatim("t", turns=(RawTurn("agent", "Anything else?"), RawTurn("customer", " ")))])
    assert isinstance(found, Rejected) and found.code == "empty_text"
    assert found.message == "no turn of a customer has text; give their turns the speaker customer, or leave the record out"


def test_equal_texts_are_scored_once_and_answered_each() -> None:
    engine = CountingEngine()
    found = list(pipeline(engine).analyse(raws("good food", "late crew", "good food", "  good   food ")))
    assert engine.batches == [["good food", "late crew"]]
    assert codes(found) == ["ok"] * 4 and [result.id for result in found] == ["r-0", "r-1", "r-2", "r-3"]


@pytest.mark.parametrize(
    "other",
    [
        RawVerbatim("b", "good food", channel="survey"),
        RawVerbatim("b", "good food", question="Why?"),
        RawVerbatim("b", None, (RawTurn("customer", "good food"),)),
        RawVerbatim("b", "good foods"),
    ],
    ids=["channel", "question", "transcript", "text"],
)
def test_what_changes_the_scores_is_not_taken_for_equal(other: RawVerbatim) -> None:
    engine = CountingEngine()
    list(pipeline(engine).analyse([RawVerbatim("a", "good food"), other]))
    assert [len(batch) for batch in engine.batches] == [2]


def test_a_poison_record_is_rejected_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        found = list(pipeline().analyse(raws("good food", f"{CANARY} poison", "late crew", f"{CANARY} poison")))
    assert codes(found) == ["ok", "analysis_failed", "ok", "analysis_failed"]
    assert CANARY not in caplog.text and "RuntimeError" in caplog.text
    assert all(CANARY not in result.message for result in found if isinstance(result, Rejected))


def test_an_error_of_ours_keeps_its_code() -> None:
    (found,) = pipeline(CountingEngine(BundleError("gave scores that are not numbers"))).analyse(raws("poison"))
    assert isinstance(found, Rejected) and found.code == "bundle_invalid"


def test_a_record_that_cannot_be_assembled_is_rejected_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from vocservice import pipeline as module

    real = module.assemble

    def fail(verbatim: Verbatim, *given: object) -> Analysis:
        if verbatim.id == "r-1":
            raise IndexError(verbatim.text)
        return real(verbatim, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "assemble", fail)
    found = list(pipeline().analyse(raws("good food", "late crew", "bad price")))
    assert codes(found) == ["ok", "analysis_failed", "ok"]


def test_a_stream_is_read_no_further_than_its_chunk() -> None:
    read: list[int] = []

    def endless() -> Iterator[RawVerbatim]:
        for number in range(10**9):
            read.append(number)
            yield RawVerbatim(str(number), f"good food {number}")

    results = pipeline(chunk=8).analyse(endless())
    assert [next(results).id for _ in range(9)] == [str(number) for number in range(9)]
    assert len(read) == 16


def test_read_ahead_or_not_it_is_scored_in_the_same_batches_and_comes_out_the_same() -> None:
    given = [*raws(*(f"good food {number % 7}" for number in range(30))), Rejected("x", "invalid_json", "broken"), *raws("poison", " ")]
    one, two = CountingEngine(), CountingEngine()
    assert list(pipeline(two, chunk=4, at_once=2).analyse(given, ahead=True)) == list(pipeline(one, chunk=4).analyse(given))
    assert sorted(one.batches) == sorted(two.batches)


@pytest.mark.parametrize("at_once", [1, 2])
def test_garbage_is_collected_rarely_while_chunks_are_read_ahead_and_as_usual_otherwise(at_once: int) -> None:
    usual, records = gc.get_threshold(), raws("good food", "late crew", "bad price")
    results = pipeline(chunk=2, at_once=at_once).analyse(records, ahead=True)
    assert next(results).id == "r-0" and gc.get_threshold()[0] == ALLOCATIONS
    results.close()  # type: ignore[attr-defined]
    assert gc.get_threshold() == usual
    assert {gc.get_threshold() for _ in pipeline(chunk=2, at_once=at_once).analyse(records)} == {usual}


def test_the_first_chunk_reaches_the_engine_before_the_next_is_made_ready() -> None:
    has_begun = Event()

    class Begun(CountingEngine):
        def score(self, verbatims: Sequence[Verbatim], segments: Sequence[Sequence[Segment]], **named: object) -> list[Scored]:
            has_begun.set()
            return super().score(verbatims, segments)

    def records() -> Iterator[RawVerbatim]:
        yield from raws("good food", "late crew")
        assert has_begun.wait(10)
        yield RawVerbatim("last", "bad price")

    assert codes(list(pipeline(Begun(), chunk=2, at_once=2).analyse(records(), ahead=True))) == ["ok"] * 3


def test_the_encoder_has_one_chunk_at_a_time_while_others_are_made_ready() -> None:
    turns: list[object] = []

    class Turns(CountingEngine):
        def score(self, verbatims: Sequence[Verbatim], segments: Sequence[Sequence[Segment]], **named: object) -> list[Scored]:
            turns.append(named["turn"])
            return super().score(verbatims, segments)

    list(pipeline(Turns(), chunk=2, at_once=2).analyse(raws("good food", "late crew", "bad price", "lovely staff"), ahead=True))
    assert len(turns) == 2 and turns[0] is turns[1] and isinstance(turns[0], overlap.Turns)


def test_what_nobody_waits_for_any_more_is_not_tried_record_by_record(caplog: pytest.LogCaptureFixture) -> None:
    """As after Ctrl-C, when the interpreter ends and the encoder takes no more work."""
    has_begun, is_abandoned = Event(), Event()

    class Ending(FakeEngine):
        def score(
            self, verbatims: Sequence[Verbatim], segments: Sequence[Sequence[Segment]], *, turn: AbstractContextManager[object], **_: object
        ) -> list[Scored]:
            with turn:
                pass
            if verbatims[0].text == "good food":
                return super().score(verbatims, segments)
            has_begun.set()
            assert is_abandoned.wait(10)
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    results = pipeline(Ending(), chunk=2, at_once=2).analyse(raws("good food", "bad price", "late crew", "lovely staff"), ahead=True)
    assert next(results).id == "r-0" and has_begun.wait(10)
    results.close()  # type: ignore[attr-defined]
    is_abandoned.set()
    for thread in threading.enumerate():
        if thread.name.startswith("overlap"):
            thread.join(10)
    assert not caplog.records


def test_the_callers_row_comes_back_untouched() -> None:
    row = {"id": "007", "text": "good food", "extra": "NA"}
    given = [RawVerbatim("007", "good food", row=row), RawVerbatim("8", " ", row=row)]
    assert [result.row for result in pipeline().analyse(given)] == [row, row]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (RawVerbatim("a", ""), "empty_text"),
        (RawVerbatim("a", None), "empty_text"),
        (RawVerbatim("a", "\u200b \n"), "empty_text"),
        (RawVerbatim("a", None, (RawTurn("agent", "Hello there"),)), "empty_text"),
        (RawVerbatim("a", "good " * 30), "text_too_long"),
        (RawVerbatim("a", None, (RawTurn("customer", "good " * 10), RawTurn("agent", "good " * 11))), "text_too_long"),
        (RawVerbatim("a", None, (RawTurn("customer", "good food", author="good " * 19),)), "text_too_long"),
        (RawVerbatim("a", None, (RawTurn("customer", ""),) * (MAX_TURNS + 1)), "text_too_long"),
        (RawVerbatim("a", GERMAN), "unsupported_language"),
    ],
)
def test_what_cannot_be_read_is_refused_without_its_words(raw: RawVerbatim, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        prepare(raw, redaction=RULES, max_characters=100)
    assert caught.value.code == code
    assert "good" not in caught.value.message and "Essen" not in caught.value.message


def test_a_text_of_just_the_limit_is_read() -> None:
    assert prepare(RawVerbatim("a", "good " * 19 + "goods"), redaction=RULES, max_characters=100).text.endswith("goods")


def test_a_plain_text_becomes_one_clean_customer_turn() -> None:
    raw = RawVerbatim(
        "a", "<b>Good</b>   food, mail jo.bloggs@example.com", channel="survey", question=" <em>Why</em>,\u00a0jo.bloggs@example.com? "
    )
    found = prepare(raw, redaction=RULES)
    assert (found.text, found.is_transcript, found.language) == ("Good food, mail [EMAIL]", False, "en")
    assert (found.channel, found.question) == ("survey", "Why, [EMAIL]?")
    (mask,) = found.redactions
    assert (mask.kind.lower(), found.text[mask.start : mask.end], mask.turn) == ("email", "[EMAIL]", None)


def test_redactions_of_a_transcript_lie_in_their_turn() -> None:
    turns = (RawTurn("customer", "Hello there, good food"), RawTurn("customer", "Mail jo.bloggs@example.com please"))
    found = prepare(RawVerbatim("a", None, turns), redaction=RULES)
    (mask,) = found.redactions
    assert mask.turn == 1 and found.turns[1].text[mask.start : mask.end] == "[EMAIL]"


def test_names_of_the_people_in_a_thread_are_masked_in_every_turn() -> None:
    turns = (RawTurn("agent", "Sorry to hear that, Zebedee.", author="Florence"), RawTurn("customer", "Thanks Florence", author="Zebedee"))
    found = prepare(RawVerbatim("a", None, turns), redaction=RULES)
    assert [turn.text for turn in found.turns] == ["Sorry to hear that, [NAME].", "Thanks [NAME]"]


def test_the_name_of_who_wrote_a_text_is_masked_and_what_its_reader_says_is_passed_on() -> None:
    record = RawVerbatim("a", "It broke again. Zebedee Roe", author="Zebedee Roe", warnings=("speaker_unknown",))
    found = prepare(record, redaction=RULES)
    assert (found.text, found.warnings) == ("It broke again. [NAME]", ("speaker_unknown",))


def test_only_the_customers_words_decide_the_language() -> None:
    turns = (RawTurn("agent", GERMAN), RawTurn("customer", "The food was cold again and nobody cared."))
    assert prepare(RawVerbatim("a", None, turns), redaction=RULES).language == "en"
