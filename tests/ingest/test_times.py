"""Tests of `times`: every form in use, and what cannot be a time of feedback."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sending import NOW, events, only
from vocservice.ingest.times import iso, parse_time, read_zone

DENVER = ZoneInfo("America/Denver")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00.000000Z"),
        ("2024-01-15t10:30:00z", "2024-01-15T10:30:00.000000Z"),
        ("2024-01-15T10:30:00.123Z", "2024-01-15T10:30:00.123000Z"),
        ("2024-01-15T10:30:00.123456789Z", "2024-01-15T10:30:00.123456Z"),
        ("2024-01-15T10:30:00+02:00", "2024-01-15T08:30:00.000000Z"),
        ("2024-01-15T10:30:00-0800", "2024-01-15T18:30:00.000000Z"),
        ("2024-01-15 10:30 UTC", "2024-01-15T10:30:00.000000Z"),
        (" 2024-01-15T10:30:00Z ", "2024-01-15T10:30:00.000000Z"),
        (1_705_314_600, "2024-01-15T10:30:00.000000Z"),
        (1_705_314_600.5, "2024-01-15T10:30:00.500000Z"),
        (1_705_314_600_000, "2024-01-15T10:30:00.000000Z"),
        (1_705_314_600_000_000, "2024-01-15T10:30:00.000000Z"),
        ("1705314600", "2024-01-15T10:30:00.000000Z"),
        ("1705314600000", "2024-01-15T10:30:00.000000Z"),
        ("2024/01/15 10:30:00 AM GMT+1", "2024-01-15T09:30:00.000000Z"),
        ("2024/01/15 10:30:00 PM GMT-5:30", "2024-01-16T04:00:00.000000Z"),
        ("2024/01/15 12:05:00 AM GMT", "2024-01-15T00:05:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_with_a_zone(value: Any, expected: str) -> None:
    found = parse_time(value, received_at=NOW)
    assert found and iso(found) == expected


@pytest.mark.parametrize(
    ("value", "order", "expected"),
    [
        ("2025-07-01 11:13:44", None, "2025-07-01T17:13:44.000000Z"),
        ("2025-01-12 10:00", None, "2025-01-12T17:00:00.000000Z"),
        ("2025-01-12", None, "2025-01-12T07:00:00.000000Z"),
        ("20250112", None, "2025-01-12T07:00:00.000000Z"),
        (20250112, None, "2025-01-12T07:00:00.000000Z"),
        ("2025-03-09 02:30:00", None, "2025-03-09T09:30:00.000000Z"),  # in the gap of the change to summer time
        ("2025-11-02 01:30:00", None, "2025-11-02T07:30:00.000000Z"),  # twice that day: the first
        ("1/2/2024 10:30:00", "month_first", "2024-01-02T17:30:00.000000Z"),
        ("1/2/2024 10:30:00", "day_first", "2024-02-01T17:30:00.000000Z"),
        ("31.12.2024, 10:30", "day_first", "2024-12-31T17:30:00.000000Z"),
    ],
)
def test_a_time_of_the_declared_zone(value: Any, order: Any, expected: str) -> None:
    found = parse_time(value, received_at=NOW, zone=DENVER, order=order)
    assert found and iso(found) == expected


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "soon", True, False, 0, 5, -1, float("inf"), [], {}, 10**40, "9" * 17, "9" * 400,
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z",
        "2024-01-15T25:00:00Z", "2024-01-15T10:61:00Z", "2024-01-15T10:30:61Z", "2024-01-15 13:30:00 PM GMT", "2024-01-15T10:30:00+99:00",
        "20240115", 20240115, "20241315",
        "1/2/2024 10:30:00 GMT", "2024-01-15T10:30:00", "1969-12-31T23:59:59Z", "2026-03-03T18:00:00Z", "٢٠٢٤-01-15T10:30:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_of_feedback(value: Any) -> None:
    assert parse_time(value, received_at=NOW) is None


@pytest.mark.parametrize("value", ["2024-01-15", "20240115", 20240115, "2024/1/15", " 2024-01-15 "])
def test_a_day_is_enough_for_when_feedback_was_given_and_too_little_for_a_version(value: Any) -> None:
    event = only("generic", {"id": "1", "text": "fine", "created_at": value, "updated_at": value})
    assert (event.version, event.verbatim.created_at) == (None, "2024-01-15T00:00:00.000000Z")
    assert parse_time("2024-01-15T10:30:00", received_at=NOW, day_is_enough=True) is None  # a clock that is in no zone


def test_a_clock_may_be_a_day_ahead() -> None:
    assert parse_time("2026-03-03T11:00:00Z", received_at=NOW) == datetime(2026, 3, 3, 11, tzinfo=UTC)


@given(st.text(max_size=40) | st.integers() | st.floats() | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([+-]\d\d:?\d\d|Z)?"))
def test_nothing_breaks_it(value: Any) -> None:
    found = parse_time(value, received_at=NOW, zone=DENVER, order="day_first")
    assert found is None or found.tzinfo


@pytest.mark.parametrize("name", ["", "Nowhere/Atall", "../../etc/passwd", "/etc", "a\0b", "UTC\n", "Europe"])
def test_an_unknown_zone_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        read_zone(name)


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2026-03-03T18:00:01Z", "yesterday", 12, {"a": 1}])
def test_a_time_that_cannot_be_used_is_a_warning(value: Any) -> None:
    options = {"id": "/id", "text": ["/text"], "created_at": "/at", "updated_at": "/at"}
    event = only("generic", {"id": "1", "text": "fine", "at": value}, options)
    assert (event.version, event.verbatim.created_at, event.warnings) == (None, None, ("timestamp_unusable",))


def test_versions_sort_in_the_order_of_time() -> None:
    options = {"id": "/id", "text": ["/text"], "updated_at": "/at"}
    times = ["2024-01-15T10:30:00.5Z", "2024-01-15T10:30:00Z", "2024-01-15T12:29:59+02:00", 1_705_314_601]
    versions = [event.version for at in times for event in events("generic", {"id": "1", "text": "x", "at": at}, options)]  # type: ignore[union-attr]
    assert sorted(versions) == [versions[2], versions[1], versions[0], versions[3]]
