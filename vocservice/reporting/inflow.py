"""A frame and a cell of the journey map in, the inflow of its service complaints out: before and since a day, and whether it fell.

Shares are of all records with a scope, so that fewer records in total do not look like fewer complaints. Tests count each customer
once on each side, by the share of its records that complain.

The compared periods are chosen before looking at the new data: the shortest ones in which no complaint at all would be a clear
fall. The four weeks up to the day are excluded from the past, because they were selected for many complaints, unless complaints rose
beyond that selection effect. A fall must show twice, because daily looks find one by chance: with constant complaints some
daily look in 26 weeks reports one in 2 to 5 of 100 runs (simulated by a script that was not kept, 200
each: 0.5 % to 20 % of 5 to 100 records a day).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain, product
from typing import Literal

import numpy as np

from vocservice.reporting.estimate import Estimate, share
from vocservice.reporting.frame import NEGATIVE, Bools, Frame, Ints, count_of, distinct
from vocservice.reporting.plural import plural
from vocservice.reporting.scope import monday_of
from vocservice.reporting.stats import interval_from_both, two_proportions
from vocservice.reporting.voices import Heard, Voices

Verdict = Literal["fallen", "risen", "unchanged", "unknown"]
_Seen = Literal["fallen", "risen", "unchanged", "lower", "rare"]

BEFORE_DAYS = 56
RECENT_DAYS = 28
CHOSEN_DAYS = 28
MIN_DAYS = 14
APART_DAYS = 14
MIN_CUSTOMERS = 30
CHANGED_P = 0.05
FALLEN_P = 0.02
RISEN_BEFORE_P = 1e-4
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
    """The rows of a frame that belong to one cause.

    Attributes:
        bundle: the bundle of the vectors.
        drawn: (n,) rows of the sampled customers, complaints or not.
        held: (n,) rows whose vector lies in the region of the cause.
        unknown: (n,) rows without a vector of this bundle.
        part: share of customers sampled, 0 to 1.
    """

    bundle: str
    drawn: Bools
    held: Bools
    unknown: Bools
    part: float


@dataclass(frozen=True, slots=True)
class Told:
    """How the complaints of one cause were identified: the bundle of the vectors, the number of complaints of its cell on both sides,
    how many of them lack such a vector, and the share of customers sampled."""

    bundle: str
    complaints: int
    without: int
    part: float


@dataclass(frozen=True, slots=True)
class Span:
    """A first and a last day."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Inflow:
    """The inflow of complaints of a cell, or of one cause in it.

    Attributes:
        before: share in the eight weeks up to four weeks before the day; in these four if complaints rose clearly; if there were
            too few complaints for a fall to show, in all the time before.
        recent: share in the last four weeks since the day; if no complaint in these would not show a fall, in
            all days since, at most 26 weeks.
        difference: recent minus before, with its interval.
        p: two-sided, for equal shares.
        verdict: risen by p, fallen if so now and as of 14 days ago; unknown before two weeks have passed,
            with fewer than 30 customers on a side, with too few earlier complaints for a clear fall, or if
            complaints without a vector could change it.
        remedy: what is missing for a verdict; blank if there is one.
        told: for a cause, how its complaints were identified; None for all complaints of a cell.
        before_days, recent_days: the compared periods; None without records.
    """

    before: Estimate
    recent: Estimate
    difference: Estimate
    p: float | None
    verdict: Verdict
    remedy: str
    weeks: tuple[InflowWeek, ...]
    told: Told | None = None
    before_days: Span | None = None
    recent_days: Span | None = None


@dataclass(frozen=True, slots=True)
class _Side:
    """Between two days: records with a scope, complaints of the issue, undecidable ones, and all of the cell.

    `heard` are the customers of the records, `voices` and `untold` the complaints and undecidable ones with each customer counted once.
    """

    first: int
    last: int
    n: int
    hits: int
    unknown: int
    complaints: int
    heard: Heard
    voices: float
    untold: float

    @property
    def span(self) -> Span | None:
        return Span(date.fromordinal(self.first), date.fromordinal(self.last)) if self.n else None

    @property
    def share(self) -> float:
        return self.hits / self.n

    @property
    def level(self) -> float:
        """The share of complaints, counting each customer once."""
        return self.voices / self.heard.customers


@dataclass(frozen=True)
class _Tally:
    """Countable records of a side, by day: (n,) day and customer of each, and (3, n) its kind."""

    day: Ints
    subject: Ints
    masks: Bools
    is_one_each: bool

    @classmethod
    def of(cls, frame: Frame, among: Bools, masks: Sequence[Bools], last: int) -> "_Tally":
        """Records with complaints of the issue, undecidable ones, and complaints of the cell, up to a last day."""
        rows = np.flatnonzero(among & (frame.day > 0) & (frame.day <= last))
        rows = rows[np.argsort(frame.day[rows], kind="stable")]
        subject = frame.subject[rows]
        return cls(frame.day[rows], subject, np.array([mask[rows] for mask in masks]), distinct(subject) == len(rows))

    def side(self, first: int, last: int) -> _Side:
        """From a first day with a record to a last day."""
        first = max(first, int(self.day[0])) if len(self.day) else first
        low, high = np.searchsorted(self.day, (first, last + 1)).tolist()
        here = slice(low, max(low, high))
        masks, subject = self.masks[:, here], self.subject[here]
        hits, unknown, complaints = map(count_of, masks)
        if self.is_one_each:
            return _Side(first, last, len(subject), hits, unknown, complaints, Heard(len(subject), len(subject)), hits, unknown)
        who = Voices.of(subject)
        voices, untold = (float(who.weights[mask].sum()) for mask in masks[:2])
        return _Side(first, last, len(subject), hits, unknown, complaints, who.heard, voices, untold)


@dataclass(frozen=True, slots=True)
class _Look:
    """The compared periods as of a day."""

    before: _Side
    recent: _Side
    can_fall: bool


def inflow_of(frame: Frame, *, stage: str, factor: str, opened: date, today: date, within: Within | None = None) -> Inflow:
    """The inflow of service complaints that blame a factor at a stage, before and since a day.

    Args:
        within: the complaints of one cause; the whole cell by default.
    """
    complaints, among = complaints_of(frame, stage, factor), frame.has_scope
    first, last = opened.toordinal(), today.toordinal()
    hits, unknown = complaints, np.zeros(len(frame), dtype=bool)
    if within:
        complaints, among = complaints & within.drawn, among & within.drawn
        hits, unknown = complaints & within.held, complaints & within.unknown
    tally = _Tally.of(frame, among, [hits, unknown, complaints], last)
    now, then = _look(tally, first, last), _look(tally, first, last - APART_DAYS)
    before, recent = now.before, now.recent
    told = Told(within.bundle, before.complaints + recent.complaints, before.unknown + recent.unknown, within.part) if within else None
    n, remedy = before.n + recent.n, _remedy(before.heard.customers, recent.heard.customers, last - first) or _untold(now, then, told)
    found = Inflow(
        before=_share(before),
        recent=_share(recent),
        difference=Estimate(n),
        p=None,
        verdict="unknown",
        remedy=remedy,
        weeks=tuple(_weeks(frame.day, hits, among, first, last)),
        told=told,
        before_days=before.span,
        recent_days=recent.span,
    )
    if remedy:
        return found
    verdict, remedy = _told(_seen(now, then), now)
    return replace(found, difference=_difference(found.before, found.recent), p=_p(before, recent), verdict=verdict, remedy=remedy)


def _share(side: _Side) -> Estimate:
    return share(side.hits, side.n, heard=side.heard, least=1)


def _difference(before: Estimate, recent: Estimate) -> Estimate:
    """Recent minus before; both are known."""
    a, b = ((one.value or 0.0, one.low or 0.0, one.high or 0.0) for one in (before, recent))
    return Estimate(before.n + recent.n, b[0] - a[0], *interval_from_both(a, b))


def complaints_of(frame: Frame, stage: str, factor: str) -> Bools:
    """The service complaints that blame the factor at the stage."""
    at = np.zeros(len(frame), dtype=bool)
    if stage in frame.stage_keys and factor in frame.factor_keys:
        places = frame.places
        mask = (places.polarity == NEGATIVE) & (places.stage == frame.stage_keys.index(stage))
        at[places.row[mask & (places.factor == frame.factor_keys.index(factor))]] = True
    return np.asarray(at & frame.is_service)


def counted(frame: Frame, *, today: date) -> Bools:
    """The rows that an inflow may count, in a period or a shown week."""
    return np.asarray((frame.day > 0) & (frame.day <= today.toordinal()))


def _look(tally: _Tally, opened: int, today: int) -> _Look:
    """The shortest periods in which no complaint would be a clear fall; else the shortest with enough customers, else all."""
    recent = [tally.side(max(opened, today - days) + 1, today) for days in (RECENT_DAYS, 7 * SHOWN_WEEKS)]
    pairs = list(product(_before(tally, opened), recent))
    if found := next((pair for pair in pairs if _can_fall(*pair)), None):
        return _Look(*found, can_fall=True)
    return _Look(*next((pair for pair in pairs if _are_enough(*pair)), pairs[-1]), can_fall=False)


def _before(tally: _Tally, opened: int) -> list[_Side]:
    chosen = opened - CHOSEN_DAYS
    late, earlier, everything = tally.side(chosen + 1, opened), tally.side(1, chosen), tally.side(1, opened)
    if _are_enough(earlier, late) and late.level > earlier.level and _p(earlier, late) <= RISEN_BEFORE_P:
        return [late, everything]
    return [tally.side(chosen - BEFORE_DAYS + 1, chosen), earlier, everything]


def _are_enough(before: _Side, recent: _Side) -> bool:
    return min(before.heard.customers, recent.heard.customers) >= MIN_CUSTOMERS


def _can_fall(before: _Side, recent: _Side) -> bool:
    """Whether zero complaints since would be a clear fall."""
    return (
        _are_enough(before, recent) and two_proportions(round(before.voices), before.heard.customers, 0, recent.heard.customers) <= FALLEN_P
    )


def _p(before: _Side, recent: _Side) -> float:
    """Two-sided p over customers; 1 if they move in the opposite direction of the records."""
    if (recent.level - before.level) * (recent.share - before.share) <= 0:
        return 1.0
    sides = ((round(side.voices), side.heard.customers) for side in (before, recent))
    return two_proportions(*chain.from_iterable(sides))


def _seen(now: _Look, then: _Look) -> _Seen:
    """The verdict now; a fall only if it was as clear 14 days ago."""
    p = _p(now.before, now.recent)
    if p > CHANGED_P:
        return "unchanged" if now.can_fall else "rare"
    if not _is_less(now):
        return "risen"
    return "fallen" if p <= FALLEN_P and then.can_fall and _is_less(then) and _p(then.before, then.recent) <= FALLEN_P else "lower"


def _is_less(look: _Look) -> bool:
    return look.recent.share < look.before.share


def _untold(now: _Look, then: _Look, told: Told | None) -> str:
    """The missing knowledge; blank if the verdict does not depend on complaints without a vector."""
    if told is None or not told.without:
        return ""
    were_before = (replace(look, before=_full(look.before)) for look in (now, then))
    are_recent = (replace(look, recent=_full(look.recent)) for look in (now, then))
    if _seen(*were_before) == _seen(*are_recent):
        return ""
    made_by = f"of {told.bundle}, by which this cause is known" if told.bundle else "by which this cause is known"
    return f"{told.without} of {told.complaints} complaints have no vector {made_by}"


def _full(side: _Side) -> _Side:
    """The same if all undecidable complaints belong to the issue."""
    return replace(side, hits=side.hits + side.unknown, voices=side.voices + side.untold)


def _remedy(before: int, recent: int, days: int) -> str:
    if days < MIN_DAYS:
        return f"{MIN_DAYS - days} more days must pass since it was opened"
    if before < MIN_CUSTOMERS:
        return f"only {plural(before, 'customer')} before it was opened; {MIN_CUSTOMERS} are needed"
    return "" if recent >= MIN_CUSTOMERS else f"only {plural(recent, 'customer')} since then; {MIN_CUSTOMERS} are needed"


def _told(seen: _Seen, now: _Look) -> tuple[Verdict, str]:
    """The verdict, and what is missing for one."""
    if seen == "lower":
        return "unknown", f"fewer complaints, but not clearly so both now and as it stood {APART_DAYS} days ago"
    if seen == "rare":
        few = f"{now.before.hits} of {now.before.n}"
        return "unknown", f"so few complaints came before ({few}) that even none since would be no clear fall yet"
    return seen, ""


def _first_week(opened: int, today: int) -> int:
    """Eight weeks before the day, at most the latest 26."""
    return max((opened - BEFORE_DAYS) // 7, (today - 1) // 7 - SHOWN_WEEKS + 1)


def _weeks(day: Ints, hits: Bools, among: Bools, opened: int, today: int) -> Iterator[InflowWeek]:
    """The shown weeks, up to today."""
    first, last = _first_week(opened, today), (today - 1) // 7
    week = (day - 1) // 7
    shown = among & (week >= first) & (week <= last)
    records, complaints = (np.bincount(week[mask] - first, minlength=last - first + 1).tolist() for mask in (shown, shown & hits))
    for number, n in enumerate(records, first):
        yield InflowWeek(monday_of(number), complaints[number - first], n, number * 7 + 7 > opened)
