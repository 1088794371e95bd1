"""Tests of the inflow of an issue: it falls only where complaints really come in less often, and too little is said to be too little."""

from datetime import date, timedelta

import pytest

from vocservice.reporting.inflow import Inflow, inflow_of
from vocservice.reporting.rows import Row

from .made import MONDAY, frame, row

OPENED = MONDAY + timedelta(days=55)


def day_of(first: int, last: int, each: int, of: int, *, scope: str = "service_complaint") -> list[Row]:
    """From one day to another so many complaints among so many records a day."""
    return [
        row(day * 1000 + at, "use", "technology-" if at < each else "", at=MONDAY + timedelta(days=day),
            scope=scope if at < each else "neither")
        for day in range(first, last) for at in range(of)
    ]  # fmt: skip


def found(*days: list[Row], today: date = MONDAY + timedelta(days=90), factor: str = "technology") -> Inflow:
    return inflow_of(frame(*days), stage="use", factor=factor, opened=OPENED, today=today)


@pytest.mark.parametrize(
    ("each", "verdict"),
    [(0, "fallen"), (1, "fallen"), (3, "unchanged"), (6, "risen")],
    ids=["none any more", "a third", "as before", "twice"],
)
def test_the_inflow_against_the_weeks_before(each: int, verdict: str) -> None:
    seen = found(day_of(0, 56, 3, 10), day_of(56, 91, each, 10))
    assert (seen.verdict, seen.remedy) == (verdict, "")
    assert (seen.before.value, seen.before.n) == (0.3, 560) and (seen.recent.value, seen.recent.n) == (each / 10, 280)


def test_fewer_records_of_all_kinds_are_no_fall() -> None:
    assert found(day_of(0, 56, 6, 20), day_of(56, 91, 1, 3)).verdict == "unchanged"


@pytest.mark.parametrize(
    ("days", "today", "remedy"),
    [
        ([day_of(0, 56, 3, 10), day_of(56, 62, 0, 10)], MONDAY + timedelta(days=61), "8 more days"),
        ([day_of(50, 52, 3, 10), day_of(56, 91, 0, 10)], MONDAY + timedelta(days=90), "only 20 records in the eight weeks before"),
        ([day_of(0, 56, 3, 10), day_of(80, 82, 0, 10)], MONDAY + timedelta(days=90), "only 20 records since then"),
    ],
    ids=["too early", "few before", "few since"],
)
def test_too_little_is_not_known_and_says_what_is_missing(days: list[list[Row]], today: date, remedy: str) -> None:
    seen = found(*days, today=today)
    assert seen.verdict == "unknown" and remedy in seen.remedy


def test_only_service_complaints_of_the_cell_count() -> None:
    lasting = found(day_of(0, 56, 3, 10, scope="experience_issue"), day_of(56, 91, 3, 10, scope="both"))
    assert (lasting.before.value, lasting.recent.value) == (0.0, 0.3)
    assert found(day_of(0, 91, 3, 10), factor="brand").before.value == 0.0
    assert found(day_of(0, 91, 3, 10), factor="of another taxonomy").before.value == 0.0


def test_weeks_begin_on_monday_and_say_on_which_side_they_lie() -> None:
    weeks = found(day_of(0, 91, 1, 5)).weeks
    assert [week.monday for week in weeks][:2] == [MONDAY, MONDAY + timedelta(days=7)]
    assert {week.is_after for week in weeks[:8]} == {False} and {week.is_after for week in weeks[8:]} == {True}
    assert weeks[3].complaints == 7 and weeks[3].records == 35
