"""The shipped samples in, what `docs/samples.md` promises of them out: they parse, are complete, and nothing in them is empty."""

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from vocservice.records import SPEAKERS, RawVerbatim
from vocservice.tables import read

SAMPLES = Path(__file__).parents[1] / "samples"
COLUMNS = ["id", "text", "channel", "question", "created_at", "score"]
CHANNELS = {"review", "survey", "tweet", "chat", "email"}
SCORE_RANGES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "stars": (1, 5)}


def read_csv() -> list[dict[str, str]]:
    with (SAMPLES / "feedback.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        assert reader.fieldnames == COLUMNS
        return list(reader)


def read_jsonl(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


RECORDS: dict[str, list[dict[str, Any]]] = {
    "feedback.csv": read_csv(),
    "feedback.jsonl": read_jsonl("feedback.jsonl"),
    "transcripts.jsonl": read_jsonl("transcripts.jsonl"),
}
FEEDBACK = ["feedback.csv", "feedback.jsonl"]
TURNS = [turn for record in RECORDS["transcripts.jsonl"] for turn in record["turns"]]


@pytest.mark.parametrize(("name", "least", "most"), [("feedback.csv", 80, 200), ("feedback.jsonl", 70, 200), ("transcripts.jsonl", 10, 10)])
def test_count(name: str, least: int, most: int) -> None:
    assert least <= len(RECORDS[name]) <= most


@pytest.mark.parametrize("name", RECORDS)
def test_ids_are_unique_strings(name: str) -> None:
    ids = [record["id"] for record in RECORDS[name]]
    assert all(isinstance(record_id, str) and record_id.strip() for record_id in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", FEEDBACK)
def test_no_text_is_empty_or_repeated(name: str) -> None:
    texts = [record["text"] for record in RECORDS[name]]
    assert all(text.strip() for text in texts)
    assert len(set(texts)) == len(texts)


def test_the_two_feedback_files_share_only_stock_answers() -> None:
    csv_texts, jsonl_texts = ({record["text"] for record in RECORDS[name]} for name in FEEDBACK)
    assert csv_texts & jsonl_texts == {"Nothing", "NA"}


@pytest.mark.parametrize("name", FEEDBACK)
def test_channels_are_the_promised_ones(name: str) -> None:
    assert {record["channel"] for record in RECORDS[name]} == CHANNELS


@pytest.mark.parametrize("name", FEEDBACK)
def test_dates_are_iso_with_zone(name: str) -> None:
    assert all(datetime.fromisoformat(record["created_at"]).tzinfo for record in RECORDS[name])


@pytest.mark.parametrize("name", FEEDBACK)
def test_awkward_records_are_there(name: str) -> None:
    records = RECORDS[name]
    texts = [record["text"] for record in records]
    assert "007" in {record["id"] for record in records}
    assert "NA" in texts
    assert any(not any(character.isalnum() for character in text) and not text.isascii() for text in texts)
    assert any(record["text"] == "Nothing" and record["question"] == "What could we do better?" for record in records)


def test_csv_cells_hold_commas_quotes_and_line_breaks() -> None:
    texts = [record["text"] for record in RECORDS["feedback.csv"]]
    assert all(any(mark in text for text in texts) for mark in (",", '"', "\n"))


def test_csv_scores_are_nps_or_blank() -> None:
    scores = [record["score"] for record in RECORDS["feedback.csv"]]
    assert "" in scores
    assert all(0 <= int(score) <= 10 for score in scores if score)


def test_jsonl_scores_lie_on_their_scale() -> None:
    scores = [record["score"] for record in RECORDS["feedback.jsonl"] if "score" in record]
    assert {score["kind"] for score in scores} == set(SCORE_RANGES)
    for score in scores:
        low, high = SCORE_RANGES[score["kind"]]
        assert low <= score["value"] <= score["scale"] == high


def test_jsonl_has_several_languages() -> None:
    assert {record["language"] for record in RECORDS["feedback.jsonl"]} == {"en", "de", "es", "fr"}


@pytest.mark.parametrize("name", FEEDBACK)
def test_a_record_with_invented_personal_data_is_there(name: str) -> None:
    assert any("4111" in record["text"] and "@example." in record["text"] for record in RECORDS[name])


def test_transcripts_have_four_to_twelve_turns() -> None:
    assert all(4 <= len(record["turns"]) <= 12 for record in RECORDS["transcripts.jsonl"])


def test_every_known_speaker_and_no_other_speaks() -> None:
    assert {turn["speaker"] for turn in TURNS} == set(SPEAKERS)


def test_no_turn_is_empty() -> None:
    assert all(turn["text"].strip() for turn in TURNS)


@pytest.mark.parametrize(
    ("name", "conversations", "turns"), [("turns.csv", 2, 8), ("conversations.json", 2, 6), ("call.vtt", 1, 5), ("chat.txt", 1, 5)]
)
def test_conversations_of_other_files_are_read_whole(name: str, conversations: int, turns: int) -> None:
    with read(str(SAMPLES / name)) as source:
        found = [record for record in source if isinstance(record, RawVerbatim)]
    assert (len(found), sum(len(record.turns) for record in found)) == (conversations, turns)
    assert all(turn.text for record in found for turn in record.turns) and not any(record.warnings for record in found)


def test_turns_are_in_order_of_time() -> None:
    for record in RECORDS["transcripts.jsonl"]:
        times = [datetime.fromisoformat(turn["at"]) for turn in record["turns"]]
        assert times == sorted(times)
