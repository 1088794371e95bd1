"""A frame and a cell of the journey map in, how its service complaints come in out: before a day, since then, and whether they fell.

Shares of all records with a scope, so that fewer records of any kind are not taken for fewer complaints.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from vocservice.reporting.estimate import Estimate, share
from vocservice.reporting.frame import NEGATIVE, Bools, Frame, Ints
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
class Inflow:
    """How complaints of a cell come in.

    Attributes:
        before: share in the eight weeks up to the day.
        recent: share in the last four weeks, as far as they lie after the day.
        difference: recent less before, with its interval.
        p: two-sided, of equal shares.
        verdict: fallen or risen where p says so; unknown before two weeks have passed or with fewer than 30 records on a side.
        remedy: what is missing for a verdict; blank where there is one.
    """

    before: Estimate
    recent: Estimate
    difference: Estimate
    p: float | None
    verdict: Verdict
    remedy: str
    weeks: tuple[InflowWeek, ...]


def inflow_of(frame: Frame, *, stage: str, factor: str, opened: date, today: date) -> Inflow:
    """The inflow of service complaints that blame a factor at a stage, on both sides of a day."""
    hits, among, day = _complaints(frame, stage, factor), frame.has_scope, frame.day
    first, last = opened.toordinal(), today.toordinal()
    before = among & (day > first - BEFORE_DAYS) & (day <= first) & (day > 0)
    recent = among & (day > max(first, last - RECENT_DAYS)) & (day <= last)
    (old, of_old), (new, of_new) = ((int((hits & side).sum()), int(side.sum())) for side in (before, recent))
    shares = share(old, of_old, least=1), share(new, of_new, least=1)
    weeks, n = tuple(_weeks(day, hits, among, first, last)), of_old + of_new
    if remedy := _remedy(of_old, of_new, last - first):
        return Inflow(shares[0], shares[1], Estimate(n), None, "unknown", remedy, weeks)
    p, change = two_proportions(old, of_old, new, of_new), new / of_new - old / of_old
    difference = Estimate(n, change, *difference_interval(old, of_old, new, of_new))
    verdict: Verdict = "unchanged" if p > CLEAR_P else "fallen" if change < 0 else "risen"
    return Inflow(shares[0], shares[1], difference, p, verdict, "", weeks)


def _complaints(frame: Frame, stage: str, factor: str) -> Bools:
    """The rows that are service complaints and blame the factor at the stage."""
    at = np.zeros(len(frame), dtype=bool)
    if stage in frame.stage_keys and factor in frame.factor_keys:
        places = frame.places
        mask = (places.polarity == NEGATIVE) & (places.stage == frame.stage_keys.index(stage))
        at[places.row[mask & (places.factor == frame.factor_keys.index(factor))]] = True
    return np.asarray(at & frame.is_service)


def _remedy(before: int, recent: int, days: int) -> str:
    if days < MIN_DAYS:
        return f"{MIN_DAYS - days} more days must pass since it was opened"
    if before < MIN_RECORDS:
        return f"only {before} records in the eight weeks before it was opened; {MIN_RECORDS} are needed"
    return "" if recent >= MIN_RECORDS else f"only {recent} records since then, in the last four weeks; {MIN_RECORDS} are needed"


def _weeks(day: Ints, hits: Bools, among: Bools, opened: int, today: int) -> Iterator[InflowWeek]:
    """From eight weeks before the day to today, at most the latest 26."""
    last = (today - 1) // 7
    first = max((opened - BEFORE_DAYS) // 7, last - SHOWN_WEEKS + 1)
    week = (day - 1) // 7
    shown = among & (week >= first) & (week <= last)
    records, complaints = (np.bincount(week[mask] - first, minlength=last - first + 1).tolist() for mask in (shown, shown & hits))
    for number, n in enumerate(records, first):
        yield InflowWeek(monday_of(number), complaints[number - first], n, number * 7 + 7 > opened)
