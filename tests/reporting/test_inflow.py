"""Tests of the inflow of an issue: it falls only where complaints really come in less often, and too little is said to be too little."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from vocservice.reporting.frame import Codes
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
    assert (seen.before.value, seen.before.n) == (0.3, 280) and (seen.recent.value, seen.recent.n) == (each / 10, 280)
    assert seen.before_days and (seen.before_days.first, seen.before_days.last) == (MONDAY, MONDAY + timedelta(days=27))


def test_fewer_records_of_all_kinds_are_no_fall() -> None:
    assert found(day_of(0, 56, 6, 20), day_of(56, 91, 1, 3)).verdict == "unchanged"


@pytest.mark.parametrize(
    ("days", "today", "remedy"),
    [
        ([day_of(0, 56, 3, 10), day_of(56, 62, 0, 10)], MONDAY + timedelta(days=61), "8 more days"),
        ([day_of(50, 52, 3, 10), day_of(56, 91, 0, 10)], MONDAY + timedelta(days=90), "only 20 customers before it was opened"),
        ([day_of(0, 56, 3, 10), day_of(80, 82, 0, 10)], MONDAY + timedelta(days=90), "only 20 customers since then"),
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


def few(first: int, last: int, every: int) -> list[Row]:
    """From one day to another one complaint every so many days among ten records a day."""
    return [one for day in range(first, last) for one in day_of(day, day + 1, 0 if day % every else 1, 10)]


@pytest.mark.parametrize(
    ("days", "since", "verdict", "remedy"),
    [(30, 28, "unknown", "so few complaints came before (4 of 280)"), (120, 120, "fallen", ""), (360, 182, "fallen", "")],
)
def test_of_few_complaints_all_days_since_are_waited_for(days: int, since: int, verdict: str, remedy: str) -> None:
    seen = found(few(0, 56, 7), few(56, 56 + days, 1000), today=OPENED + timedelta(days=days))
    assert seen.verdict == verdict and remedy in seen.remedy
    assert seen.recent_days and (seen.recent_days.last - seen.recent_days.first).days + 1 == since
    assert found(few(0, 56, 7), few(56, 56 + days, 7), today=OPENED + timedelta(days=days)).verdict != "fallen"


def test_complaints_from_long_before_are_compared_with_those_since() -> None:
    seen = found(day_of(-200, -140, 3, 5), day_of(56, 91, 0, 10))
    assert seen.verdict == "fallen" and (seen.before.value, seen.before.n) == (0.6, 300)
    assert seen.before_days and seen.before_days.last == OPENED - timedelta(days=28)


def test_the_four_weeks_that_made_the_issue_are_left_out_of_before() -> None:
    by_chance = found(day_of(0, 28, 3, 50), day_of(28, 56, 4, 50), day_of(56, 91, 3, 50))
    assert by_chance.before.value == 0.06 and by_chance.verdict == "unchanged"
    risen = found(day_of(0, 28, 1, 50), day_of(28, 56, 8, 50), day_of(56, 91, 1, 50))
    assert risen.before.value == 0.16 and risen.verdict == "fallen"


def test_a_fall_shows_twice_fourteen_days_apart() -> None:
    days = [day_of(0, 56, 3, 10), day_of(56, 77, 3, 10), day_of(77, 120, 1, 10)]
    seen = {day: found(*days, today=MONDAY + timedelta(days=day)) for day in (90, 100, 110)}
    assert {day: one.verdict for day, one in seen.items()} == {90: "unknown", 100: "unknown", 110: "fallen"}
    assert "14 days ago" in seen[90].remedy and seen[90].p is not None and seen[90].p <= 0.02


def test_one_customer_who_complains_daily_is_one() -> None:
    """Thirty complaints of one customer more, or fewer, change nothing; of thirty they do."""
    usual = [*day_of(0, 56, 1, 10), *day_of(56, 91, 1, 10)]

    def after(subjects: list[str]) -> Inflow:
        more = [replace(one, id=f"x{at}", subject=who) for at, (one, who) in enumerate(zip(day_of(63, 91, 2, 2), subjects, strict=True))]
        return found(usual, more)

    loud, many = after(["loud"] * 56), after([f"m{at}" for at in range(56)])
    assert loud.recent.value == many.recent.value and loud.recent.n == many.recent.n
    assert (loud.verdict, many.verdict) == ("unchanged", "risen")
    assert loud.recent.low is not None and many.recent.low is not None and loud.recent.low < many.recent.low


def test_complaints_that_stay_are_hardly_ever_told_as_fallen_however_often_one_looks() -> None:
    made = [row(at, "use", "technology-", at=MONDAY + timedelta(days=at // 10), scope="service_complaint") for at in range(196 * 10)]
    told, rng, opened = frame(made), np.random.default_rng(7), MONDAY + timedelta(days=83)

    def falls() -> bool:
        drawn = Codes(("service_complaint", "neither"), (rng.random(len(made)) >= 0.1).astype(np.int32))
        days = {"stage": "use", "factor": "technology", "opened": opened}
        looks = (inflow_of(replace(told, scope=drawn), **days, today=opened + timedelta(days=day)) for day in range(14, 113, 7))
        return any(look.verdict == "fallen" for look in looks)

    assert sum(falls() for _ in range(30)) <= 2
