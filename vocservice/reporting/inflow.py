"""A frame and a cell of the journey map in, how its service complaints come in out: before a day, since then, and whether they fell.

Shares of all records with a scope, so that fewer records of any kind are not taken for fewer complaints.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from vocservice.reporting.estimate import Estimate, share
from vocservice.reporting.frame import NEGATIVE, Bools, Frame, Ints, count_of
from vocservice.reporting.scope import monday_of
from vocservice.reporting.stats import difference_interval, two_proportions

Verdict = Literal["fallen", "risen", "unchanged", "unknown"]

BEFORE_DAYS = 56
RECENT_DAYS = 28
MIN_DAYS = 14
MIN_RECORDS = 30
CLEAR_P = 0.05
SHOWN_WEEKS = 26


@dataclass(frozen=True, slots=True)
class InflowWeek:
    """The complaints of one week, from its Monday, among its records with a scope."""

    monday: date
    complaints: int
    records: int
    is_after: bool

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Within:
    """Which rows of a frame are of one cause.

    Attributes:
        bundle: whose vectors say so.
        drawn: (n,) rows that are looked at at all, complaints or not.
        held: (n,) rows whose vector lies in the region of the cause.
        unknown: (n,) rows that have no vector of this bundle.
        part: of all customers are drawn, 0 to 1.
    """

    bundle: str
    drawn: Bools
    held: Bools
    unknown: Bools
    part: float


@dataclass(frozen=True, slots=True)
class Told:
    """How the complaints of one cause were told: by the vectors of which bundle, of how many complaints of its cell on both sides,
    how many of these have no such vector, and among which part of all customers."""

    bundle: str
    complaints: int
    without: int
    part: float


@dataclass(frozen=True, slots=True)
class Inflow:
    """How complaints of a cell, or of one cause in it, come in.

    Attributes:
        before: share in the eight weeks up to the day.
        recent: share in the last four weeks, as far as they lie after the day.
        difference: recent less before, with its interval.
        p: two-sided, of equal shares.
        verdict: fallen or risen where p says so; unknown before two weeks have passed, with fewer than 30 records on a side, or where
            complaints without a vector could change it.
        remedy: what is missing for a verdict; blank where there is one.
        told: of a cause, how its complaints were told; null for all complaints of a cell.
    """

    before: Estimate
    recent: Estimate
    difference: Estimate
    p: float | None
    verdict: Verdict
    remedy: str
    weeks: tuple[InflowWeek, ...]
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class _Side:
    """Of the records on one side of the day: complaints of the issue, complaints that cannot be told, all with a scope."""

    hits: int
    unknown: int
    n: int


def inflow_of(frame: Frame, *, stage: str, factor: str, opened: date, today: date, within: Within | None = None) -> Inflow:
    """The inflow of service complaints that blame a factor at a stage, on both sides of a day.

    Args:
        within: the complaints of one cause; all of the cell by default.
    """
    complaints, among, day = complaints_of(frame, stage, factor), frame.has_scope, frame.day
    first, last = opened.toordinal(), today.toordinal()
    hits, unknown = complaints, np.zeros(len(frame), dtype=bool)
    if within:
        complaints, among = complaints & within.drawn, among & within.drawn
        hits, unknown = complaints & within.held, complaints & within.unknown
    masks = [among & side for side in _sides(day, first, last)]
    before, recent = (_Side(*(count_of(rows & mask) for rows in (hits, unknown, among))) for mask in masks)
    shares = share(before.hits, before.n, least=1), share(recent.hits, recent.n, least=1)
    told = _told(within, count_of(complaints & (masks[0] | masks[1])), before.unknown + recent.unknown)
    weeks, n = tuple(_weeks(day, hits, among, first, last)), before.n + recent.n
    if remedy := _remedy(before.n, recent.n, last - first) or _untold(before, recent, told):
        return Inflow(*shares, Estimate(n), None, "unknown", remedy, weeks, told)
    change = recent.hits / recent.n - before.hits / before.n
    difference = Estimate(n, change, *difference_interval(before.hits, before.n, recent.hits, recent.n))
    p, verdict = _verdict(before.hits, before.n, recent.hits, recent.n)
    return Inflow(*shares, difference, p, verdict, "", weeks, told)


def complaints_of(frame: Frame, stage: str, factor: str) -> Bools:
    """The rows that are service complaints and blame a factor at a stage."""
    at = np.zeros(len(frame), dtype=bool)
    if stage in frame.stage_keys and factor in frame.factor_keys:
        places = frame.places
        mask = (places.polarity == NEGATIVE) & (places.stage == frame.stage_keys.index(stage))
        at[places.row[mask & (places.factor == frame.factor_keys.index(factor))]] = True
    return np.asarray(at & frame.is_service)


def counted(frame: Frame, *, opened: date, today: date) -> Bools:
    """The rows that an inflow counts, on a side or in a week that is shown."""
    first, last = opened.toordinal(), today.toordinal()
    before, recent = _sides(frame.day, first, last)
    week = (frame.day - 1) // 7
    return np.asarray(before | recent | ((week >= _first_week(first, last)) & (frame.day <= last)))


def _sides(day: Ints, opened: int, today: int) -> tuple[Bools, Bools]:
    """The rows of the weeks before the day, and of the last weeks since."""
    before = (day > opened - BEFORE_DAYS) & (day <= opened) & (day > 0)
    return before, (day > max(opened, today - RECENT_DAYS)) & (day <= today)


def _told(within: Within | None, complaints: int, without: int) -> Told | None:
    return Told(within.bundle, complaints, without, within.part) if within else None


def _verdict(old: int, of_old: int, new: int, of_new: int) -> tuple[float, Verdict]:
    p = two_proportions(old, of_old, new, of_new)
    return p, "unchanged" if p > CLEAR_P else "fallen" if new / of_new < old / of_old else "risen"


def _untold(before: _Side, recent: _Side, told: Told | None) -> str:
    """Blank where the verdict is the same whichever complaints without a vector are of the cause."""
    if told is None or not told.without:
        return ""
    most_before = _verdict(before.hits + before.unknown, before.n, recent.hits, recent.n)
    most_recent = _verdict(before.hits, before.n, recent.hits + recent.unknown, recent.n)
    if most_before[1] == most_recent[1]:
        return ""
    made_by = f"of {told.bundle}, by which this cause is known" if told.bundle else "by which this cause is known"
    return f"{told.without} of {told.complaints} complaints have no vector {made_by}"


def _remedy(before: int, recent: int, days: int) -> str:
    if days < MIN_DAYS:
        return f"{MIN_DAYS - days} more days must pass since it was opened"
    if before < MIN_RECORDS:
        return f"only {before} records in the eight weeks before it was opened; {MIN_RECORDS} are needed"
    return "" if recent >= MIN_RECORDS else f"only {recent} records since then, in the last four weeks; {MIN_RECORDS} are needed"


def _first_week(opened: int, today: int) -> int:
    """Eight weeks before the day, at most the latest 26."""
    return max((opened - BEFORE_DAYS) // 7, (today - 1) // 7 - SHOWN_WEEKS + 1)


def _weeks(day: Ints, hits: Bools, among: Bools, opened: int, today: int) -> Iterator[InflowWeek]:
    """The weeks that are shown, up to today."""
    first, last = _first_week(opened, today), (today - 1) // 7
    week = (day - 1) // 7
    shown = among & (week >= first) & (week <= last)
    records, complaints = (np.bincount(week[mask] - first, minlength=last - first + 1).tolist() for mask in (shown, shown & hits))
    for number, n in enumerate(records, first):
        yield InflowWeek(monday_of(number), complaints[number - first], n, number * 7 + 7 > opened)
