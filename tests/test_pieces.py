"""Tests of `pieces`: how records are cut into requests, and what JSON cannot hold."""

import json
from datetime import UTC, datetime

import pytest

from vocservice.errors import RecordError
from vocservice.pieces import MOST_BYTES, MOST_ITEMS, Record, body_of, packed, pieces
from vocservice.records import Rejected

HALF, LARGE = "a" * (MOST_BYTES // 2), "a" * (MOST_BYTES + 1)


@pytest.mark.parametrize(
    ("records", "size", "cut"),
    [
        ([], 2, []),
        (["a"] * 5, 2, [2, 2, 1]),
        (["a"] * (MOST_ITEMS + 1), 10**6, [MOST_ITEMS, 1]),
        ([HALF, "a", HALF, "a"], 9, [2, 2]),
        (["a", LARGE, "a", "a"], 9, [1, 1, 2]),
    ],
    ids=["none", "items", "most items", "bytes", "large"],
)
def test_records_are_cut_by_number_and_by_bytes(records: list[Record], size: int, cut: list[int]) -> None:
    found = list(pieces(records, size))
    assert [len(piece) for piece in found] == cut
    sent = [json.loads(body_of(piece))["records"] for piece in found]
    assert [record["text"] for piece in sent for record in piece] == records
    assert all(len(body_of(piece)) < MOST_BYTES + 2000 or len(piece) == 1 for piece in found)


def test_a_full_piece_does_not_wait_for_the_next_record() -> None:
    taken: list[int] = []
    first = next(pieces(({"text": "a", "id": taken.append(number) or number} for number in range(9)), 2))
    assert (len(first), taken) == (2, [0, 1])


@pytest.mark.parametrize(
    ("value", "code"), [("\ud83d", "invalid_encoding"), (float("nan"), "invalid_json"), (float("-inf"), "invalid_json")], ids=repr
)
def test_what_json_cannot_hold_is_rejected_in_its_place_and_null_is_sent(value: object, code: str) -> None:
    (piece,) = pieces(["a", {"id": 7, "text": value}, {"text": value}, {"id": value}, "b"], 9)
    assert [item.id for item in piece] == ["item-1", "7", "item-3", str(value).replace("\ud83d", "?"), "item-5"]
    assert [isinstance(item.fault, Rejected) and item.fault.code for item in piece] == [False, code, code, code, False]
    assert json.loads(body_of(piece)) == {"records": [{"text": "a"}, None, None, None, {"text": "b"}]}
    with pytest.raises(RecordError):
        packed({"text": value})


def test_times_are_sent_and_other_things_are_the_callers_fault() -> None:
    assert packed({"at": datetime(2026, 1, 2, tzinfo=UTC)}) == b'{"at": "2026-01-02T00:00:00+00:00"}'
    with pytest.raises(TypeError, match="a set cannot be sent"):
        list(pieces([{"text": {1}}], 9))
