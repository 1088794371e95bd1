"""Tests of reading rows: what is taken, what is left out and counted, days that are told and days that are guesses."""

from datetime import date
from typing import Any

import pytest
from builders import analysis, conversation
from hypothesis import given
from hypothesis import strategies as st

from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.reporting.labelled import object_of
from vocservice.reporting.rows import Origin, Score, day_of, hashed, origin_of, origin_of_object, read_rows, row_of, score_of
from vocservice.tables.labels import label_cells, new_columns

OBJECT = analysis().to_dict()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2025-01-31", date(2025, 1, 31)),
        ("2025-01-31T23:59:00Z", date(2025, 1, 31)),
        ("2025-01-31 08:00", date(2025, 1, 31)),
        ("2025/01/31", date(2025, 1, 31)),
        ("31 January 2025", date(2025, 1, 31)),
        ("Jan 31, 2025", date(2025, 1, 31)),
        ("01/02/2025", None),
        ("2025-02-30", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_day_is_read_as_written_and_never_guessed(text: str | None, day: date | None) -> None:
    assert day_of(text) == day


def test_a_row_holds_what_an_analysis_says() -> None:
    found = row_of(OBJECT, Origin("2025-01-31", "email", "anna", {"kind": "nps", "value": 9, "scale": 10}))
    assert [(label.key, label.evidence[0].text) for label in found.stages] == [("use", "crashed"), ("cultivation", "lovely")]
    assert [(one.key, one.polarity) for one in found.factors] == [("technology", "-"), ("courtesy", "+")]
    assert (found.level, found.sentiment, found.scope, found.flags) == (-1, -0.4, "experience_issue", ("churn_risk",))
    assert found.score == Score("nps", 9.0, 10.0) and found.at == date(2025, 1, 31)
    assert found.subject == hashed("anna") and "anna" not in repr(found)


def test_a_transcript_keeps_its_turns_and_outcome() -> None:
    found = row_of(analysis(conversation=conversation(("customer", "It broke"), ("agent", "Mended"))).to_dict(), Origin())
    assert found.texts == ("It broke", "Mended") and found.outcome == "resolved"


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ([], "invalid_type"),
        (Rejected("x", "empty_text", "no text").to_dict(), "empty_text"),
        ({"status": "rejected", "error": {"code": "<b>bad</b>"}}, "invalid_type"),
        (OBJECT | {"factors": [{"key": "technology", "polarity": "?"}]}, "invalid_type"),
        (OBJECT | {"stages": {"use": 1}}, "invalid_type"),
        (OBJECT | {"stages": [{"key": "use", "evidence": [{"start": -1, "end": 2, "text": ""}]}]}, "invalid_type"),
        (OBJECT | {"sentiment": {"level": 7, "score": 0}}, "invalid_type"),
        (OBJECT | {"sentiment": {"level": 1, "score": "much"}}, "invalid_type"),
        (OBJECT | {"id": 3}, "invalid_type"),
    ],
)
def test_what_is_malformed_is_left_out_and_counted(broken: Any, code: str) -> None:
    found = read_rows([(OBJECT, Origin()), (broken, Origin()), (OBJECT, Origin())])
    assert len(found.rows) == 2 and found.skipped == {code: 1}


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_object_stops_a_report(found: Any) -> None:
    assert len(read_rows([(found, Origin()), ({"status": "ok", "id": "a", "stages": found}, Origin())]).rows) <= 1


@pytest.mark.parametrize("found", [None, {}, {"value": "9"}, {"value": True}, {"value": float("nan")}])
def test_a_score_without_a_number_is_none(found: Any) -> None:
    assert score_of(found) is None


def test_a_row_of_a_labelled_table_is_the_analysis_it_was_written_from() -> None:
    made = analysis()
    columns = new_columns(transcripts=False)
    cells = dict(zip((column.name for column in columns), label_cells(made, columns), strict=True)) | {"status": "ok"}
    assert row_of(object_of(cells, record_id="a-1"), Origin()) == row_of(made.to_dict(), Origin())
    texts = {name: "" if cell is None else str(cell) for name, cell in cells.items()}
    assert row_of(object_of(texts, record_id="a-1"), Origin()) == row_of(made.to_dict(), Origin())


def test_a_rejected_row_of_a_table_keeps_its_code() -> None:
    assert read_rows([(object_of({"status": "rejected", "voc_error_code": "empty_text"}, record_id="a"), Origin())]).skipped == {
        "empty_text": 1
    }


def test_a_transcript_without_a_date_has_that_of_its_first_turn() -> None:
    turns = (RawTurn("bot", "Hello"), RawTurn("customer", "It broke", "2025-03-02T09:14:00Z"))
    assert origin_of(RawVerbatim("a", turns=turns)).created_at == "2025-03-02T09:14:00Z"
    assert origin_of(RawVerbatim("a", turns=turns, created_at="2025-03-01")).created_at == "2025-03-01"
    assert origin_of_object({"turns": [{"speaker": "bot"}, {"at": "2025-03-02"}, 3]}).created_at == "2025-03-02"
    assert origin_of_object({"turns": 3}).created_at is None


def test_segments_come_from_columns_metadata_or_the_object() -> None:
    raw = RawVerbatim("a", "text", metadata={"region": "north"}, row={"size": 3, "blank": ""})
    assert origin_of(raw, ["region", "size", "blank", "none"]).segments == {"region": "north", "size": "3"}
    assert origin_of_object({"region": "south", "metadata": {"size": "big"}}, ["region", "size"]).segments == {
        "region": "south",
        "size": "big",
    }
