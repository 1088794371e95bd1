"""Rows, a taxonomy and the reader's options in, every figure of a report out, also as plain JSON."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from vocservice.errors import InputError
from vocservice.reporting.causes import Anchors, Fourfold, anchors_of, fourfold
from vocservice.reporting.cells import CellThemes, themes_of_cells
from vocservice.reporting.columns import frame_of
from vocservice.reporting.definitions import Definition, definitions
from vocservice.reporting.drivers import POOLED, Drivers, answered, drivers_by_kind, drivers_of_answers
from vocservice.reporting.estimate import MIN_N, Estimate, mean, net, share
from vocservice.reporting.followed import followed
from vocservice.reporting.frame import Bools, Frame, count_of, distinct
from vocservice.reporting.journey import Comparison, Journey, compare, journey_map
from vocservice.reporting.own import OTHER
from vocservice.reporting.quotes import ANONYMOUS, Quoted, typical_quotes
from vocservice.reporting.recovery import Mended
from vocservice.reporting.rows import Reading, Row
from vocservice.reporting.rung_causes import with_causes
from vocservice.reporting.scope import CUSTOMERS, ScopeFigures, scope_figures
from vocservice.reporting.scores import nps_of
from vocservice.reporting.segments import MOST_SHOWN, grouped
from vocservice.reporting.trends import Dates, Handover, Series, Split, dates_of, handovers_of, periods, series_of, splits
from vocservice.reporting.voices import Heard
from vocservice.taxonomy import Taxonomy

FORMAT = 1
DATE, CHANNEL = "date", "channel"
_DIGITS = 6
LATER = ("drivers", "series", "causes", "quotes", "words")
_UNWRITTEN = ("taxonomy", "pending", "is_kept")


@dataclass(frozen=True, slots=True)
class Where:
    """A set of records by a column's value; the column `date` takes FROM..TO, `channel` is the channel."""

    column: str
    value: str

    @property
    def name(self) -> str:
        return f"{self.column}={self.value}"


@dataclass(frozen=True, slots=True)
class Wish:
    """The reader's options.

    Attributes:
        today: later days do not count.
        segment: a column to break figures down by and to control for in the drivers.
        target: a yes/no column that drivers explain, beside scores.
        compared: one set against all other records, or the first against the second.
        customers: number of different customers that makes a complaint shared.
        title: of the page.
        is_kept: the report may outlive its records, so it has no quotes and names no record.
        theme_customers: different customers that a theme of a quoted cell needs; None omits themes.
        cause_customers: different customers that a cause of the ladder needs; at least the other two numbers.
        since, until: the period, both days included; None is open. Undated records are in no period.
        mended: what the issues of the workspace say was mended; empty without issues.
        is_live: records keep arriving, so days without any count. False if a filter excludes the last days.
    """

    today: date
    segment: str | None = None
    compared: tuple[Where, ...] = ()
    customers: int = CUSTOMERS
    title: str = "Voice of the customer"
    is_kept: bool = False
    theme_customers: int | None = None
    cause_customers: int = ANONYMOUS
    since: date | None = None
    until: date | None = None
    mended: tuple[Mended, ...] = ()
    target: str | None = None
    is_live: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """The columns to break figures down by or to explain."""
        return tuple(dict.fromkeys(filter(None, (self.segment, self.target))))

    @property
    def has_period(self) -> bool:
        return bool(self.since or self.until)


@dataclass(frozen=True, slots=True)
class ScoreFigure:
    """One kind of score: its mean and, for NPS, promoters minus detractors (-1 to 1)."""

    name: str
    is_assumed: bool
    mean: Estimate
    nps: Estimate | None


@dataclass(frozen=True, slots=True)
class Headlines:
    """The headline figures; `heard` are the customers of all records."""

    records: int
    skipped: Mapping[str, int]
    customers: int | None
    heard: Heard
    transcripts: int
    sentiment: Estimate
    negative: Estimate
    scores: tuple[ScoreFigure, ...]
    unused_scores: int
    channels: Mapping[str, int]
    models: Mapping[str, int]
    taxonomies: Mapping[str, int]
    unread_dates: int
    dates: Dates


@dataclass(frozen=True, slots=True)
class Segment:
    """One value of the segment column."""

    name: str
    records: int
    sentiment: Estimate
    service: Estimate
    experience: Estimate
    score: Estimate
    score_name: str


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one report; `pending` names those left out for now, `is_kept` means it names no record.

    `drivers` explain the yes/no column, else the most frequent kind of score; `other_drivers` each
    other kind with enough scores.
    """

    title: str
    made: date
    taxonomy: Taxonomy = field(repr=False)
    headlines: Headlines
    journey: Journey
    scope: ScopeFigures
    drivers: Drivers
    series: tuple[Series, ...]
    handovers: tuple[Handover, ...]
    comparison: Comparison | None
    comparison_is_default: bool
    splits: tuple[Split, ...]
    causes: tuple[Fourfold, ...]
    segment: str | None
    segments: tuple[Segment, ...]
    quotes: tuple[Quoted, ...]
    customers_wanted: int
    themes: tuple[CellThemes, ...] | None = None
    pending: tuple[str, ...] = ()
    is_kept: bool = False
    other_drivers: tuple[Drivers, ...] = ()
    since: date | None = None
    until: date | None = None

    @property
    def definitions(self) -> Mapping[str, Definition]:
        """Definitions of its figures, by key."""
        return definitions(customers=self.customers_wanted, are_mended=bool(self.scope.unfixed.fixed))

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for `json.dumps`; unknown values are null beside their n."""
        found = {item.name: plain(getattr(self, item.name)) for item in dataclasses.fields(self) if item.name not in _UNWRITTEN}
        return {"format": FORMAT, "taxonomy": self.taxonomy.id, **found}

    def to_json(self) -> bytes:
        """The same as a file."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "replace") + b"\n"


def make_report(reading: Reading, taxonomy: Taxonomy, wish: Wish, *, anchors: Sequence[Row] = ()) -> Report:
    """Compute everything.

    Args:
        reading: the records.
        taxonomy: that labelled them.
        wish: what the reader asks for.
        anchors: the same texts labelled by several models or taxonomies, under the same ids.

    Raises:
        InputError: a column or value to compare or to break down by is not in the records.
    """
    return report_of(frame_of(reading.rows, taxonomy), reading.rows, reading.skipped, wish, anchors=anchors)


def report_of(
    frame: Frame, rows: Sequence[Row], skipped: Mapping[str, int], wish: Wish, *, anchors: Sequence[Row] = (), is_brief: bool = False
) -> Report:
    """Compute everything, or with `is_brief` everything except slow figures (`LATER`), which needs no rows.

    Args:
        frame: the records.
        rows: the records as rows, by `frame.index`; only a few are read.
        skipped: number of records left out, by code.
        wish: what the reader asks for.
        anchors: the same texts labelled by several models or taxonomies, under the same ids.
        is_brief: leave slow figures out, listed in `pending`.

    Raises:
        InputError: a column or value to compare or to break down by is not in the records.
    """
    _check_columns(frame, wish)
    dates, whole = dates_of(frame, today=wish.today), _without_future(frame, wish.today)
    frame = _within(whole, wish)
    later = not is_brief
    with ThreadPoolExecutor(2, "figures") as beside:  # numpy lets other threads run; only this one reads rows
        journey = beside.submit(journey_map, frame)
        changes = beside.submit(_changes, whole, frame, wish, anchors, is_brief=is_brief)
        scope = _scope(frame, rows, wish)
        headlines = _headlines(frame, skipped, dates_of(frame, today=wish.today) if wish.has_period else dates)
    drivers = _drivers(frame, wish) if later else (Drivers(0),)
    quotes = typical_quotes(frame, rows) if later and not wish.is_kept else ()
    changed = changes.result()
    return Report(
        title=wish.title,
        made=wish.today,
        taxonomy=frame.taxonomy,
        headlines=headlines,
        journey=journey.result(),
        scope=_unnamed(scope) if wish.is_kept else scope,
        drivers=drivers[0],
        series=series_of(frame, whole_until=_whole_until(wish), is_live=wish.is_live) if later else (),
        handovers=handovers_of(frame),
        comparison=changed.comparison,
        comparison_is_default=not (wish.compared or wish.since),
        splits=changed.splits,
        causes=changed.causes,
        segment=wish.segment,
        segments=_segments(frame, wish.segment),
        quotes=quotes,
        customers_wanted=wish.customers,
        themes=themes_of_cells(frame, rows, quotes, least=wish.theme_customers) if wish.theme_customers else None,
        pending=LATER if is_brief else (),
        is_kept=wish.is_kept,
        other_drivers=drivers[1:],
        since=wish.since,
        until=wish.until,
    )


def _drivers(frame: Frame, wish: Wish) -> tuple[Drivers, ...]:
    """Drivers of the target column, then of each kind of score."""
    segments = [wish.segment] if wish.segment else []
    found = drivers_by_kind(frame, segments=segments)
    if wish.target is None:
        return found
    return drivers_of_answers(frame, wish.target, segments=segments), *(one for one in found if one.n)


def _scope(frame: Frame, rows: Sequence[Row], wish: Wish) -> ScopeFigures:
    """Add the causes of the ladder, if there are rows and the report will not outlive them."""
    found = scope_figures(frame, rows, customers=wish.customers, mended=wish.mended)
    if not rows or wish.is_kept:
        return found
    least = max(wish.customers, wish.cause_customers, wish.theme_customers or 0)
    return dataclasses.replace(found, ladder=with_causes(frame, rows, found.ladder, least=least))


def _unnamed(scope: ScopeFigures) -> ScopeFigures:
    ladder = tuple(dataclasses.replace(rung, ids=()) for rung in scope.ladder)
    return dataclasses.replace(scope, ladder=ladder, unfixed=dataclasses.replace(scope.unfixed, ids=()))


def anchor_set(anchors: Sequence[Row], taxonomy: Taxonomy) -> Anchors | None:
    """The anchor set of texts labelled by several versions; None without any."""
    return anchors_of(frame_of(anchors, taxonomy), anchors) if anchors else None


def plain(value: object) -> Any:
    """Convert dataclasses, dates and numbers to JSON types; NaN and infinities become null. Fields without `repr` are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value) if item.repr}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return round(float(value), _DIGITS) if math.isfinite(value) else None
    return value


def _check_columns(frame: Frame, wish: Wish) -> None:
    columns = [where.column for where in wish.compared if where.column not in (DATE, CHANNEL)]
    for column in [*columns, *wish.named]:
        if column not in frame.segments and len(frame):
            raise InputError(
                f"no record has the column {column!r}; nothing can be compared, broken down by it or explained", code="parameter_invalid"
            )
    if wish.target:
        answered(frame, wish.target)


def _without_future(frame: Frame, today: date) -> Frame:
    """Remove dates after today."""
    if int(frame.day.max(initial=0)) <= today.toordinal():
        return frame
    return dataclasses.replace(frame, day=np.where(frame.day > today.toordinal(), 0, frame.day))


def _within(frame: Frame, wish: Wish) -> Frame:
    """The records of the requested period, both days included.

    Raises:
        InputError: there is a period, but no dated record.
    """
    if not wish.has_period:
        return frame
    if not (frame.day > 0).any():
        raise InputError("no record has a date that can be read, so none lies in the period asked for")
    return frame.take(_between(frame, wish.since or date.min, wish.until or date.max))


def _between(frame: Frame, first: date, last: date) -> Bools:
    return np.asarray((frame.day >= first.toordinal()) & (frame.day <= last.toordinal()) & (frame.day > 0))


@dataclass(frozen=True, slots=True)
class _Changes:
    """What is said of two sets of records; nothing without two."""

    comparison: Comparison | None = None
    splits: tuple[Split, ...] = ()
    causes: tuple[Fourfold, ...] = ()


def _changes(whole: Frame, frame: Frame, wish: Wish, anchors: Sequence[Row], *, is_brief: bool) -> _Changes:
    """Compare the two sets; without causes if it must be brief."""
    sides, names = _compared(whole, frame, wish)
    if not sides:
        return _Changes()
    before, after = sides
    figures = followed(before, after)
    causes = () if is_brief else fourfold(before, after, anchor_set(anchors, frame.taxonomy), figures)
    return _Changes(compare(before, after, names=names), splits(before, after, figures), causes)


def _compared(whole: Frame, frame: Frame, wish: Wish) -> tuple[tuple[Frame, ...], tuple[str, str]]:
    """Two sets with names, or none: the requested ones, else the period and as many days before it, else the last four weeks."""
    if not wish.compared and wish.since:
        return _before(whole, frame, wish.since, wish.until)
    if not wish.compared:
        return _taken(frame, periods(frame) or ()), _weeks_named(frame)
    masks = tuple(_mask(frame, where) for where in wish.compared)
    if len(masks) == 1:
        others = _known(frame, wish.compared[0].column) & ~masks[0]
        return _taken(frame, (others, masks[0])), ("all others", wish.compared[0].name)
    return _taken(frame, masks), (wish.compared[0].name, wish.compared[1].name)


def _weeks_named(frame: Frame) -> tuple[str, str]:
    """The last four weeks with records and the four before, with their days: they may be long ago."""
    last = date.fromordinal(max(int(frame.day.max(initial=0)), 56))
    days = [last - timedelta(days=back) for back in (55, 28, 27, 0)]
    return f"the four weeks before, {days[0]} to {days[1]}", f"the last four weeks, {days[2]} to {days[3]}"


def _taken(frame: Frame, masks: Sequence[Bools]) -> tuple[Frame, ...]:
    return tuple(frame.take(mask) for mask in masks)


def _before(whole: Frame, frame: Frame, since: date, until: date | None) -> tuple[tuple[Frame, ...], tuple[str, str]]:
    """A period and as many days before it; None if one of them has too few records."""
    last = until or date.fromordinal(max(int(frame.day.max(initial=0)), since.toordinal()))
    first = date.fromordinal(max(2 * since.toordinal() - last.toordinal() - 1, 1))
    day_before = date.fromordinal(max(since.toordinal() - 1, 1))
    before = whole.take(_between(whole, first, day_before))
    names = f"{first} to {day_before}", f"{since} to {last}"
    return ((before, frame) if min(len(before), len(frame)) >= MIN_N else ()), names


def _mask(frame: Frame, where: Where) -> Bools:
    if where.column == DATE:
        first, last = _bounds(where)
        return np.asarray((frame.day >= first) & (frame.day <= last))
    codes = frame.channel if where.column == CHANNEL else frame.segments.get(where.column)
    if codes is None or where.value not in codes.names:
        raise InputError(f"no record has the value asked for in the column {where.column!r}")
    return codes.is_name(where.value)


def _bounds(where: Where) -> tuple[int, int]:
    first, _, last = where.value.partition("..")
    try:
        return date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
    except ValueError:
        raise InputError("compare dates as date=2025-01-01..2025-01-31") from None


def _known(frame: Frame, column: str) -> Bools:
    if column == DATE:
        return np.asarray(frame.day > 0)
    return np.asarray((frame.channel if column == CHANNEL else frame.segments[column]).codes >= 0)


def _whole_until(wish: Wish) -> date:
    """A stored report covers a complete period; in others the current day continues."""
    return wish.today if wish.is_kept else wish.today - timedelta(days=1)


def _headlines(frame: Frame, skipped: Mapping[str, int], dates: Dates) -> Headlines:
    told, heard = count_of(~np.isnan(frame.level)), Heard.of(frame.subject[~np.isnan(frame.level)])
    negative, positive, known = count_of(frame.level < 0), count_of(frame.level > 0), count_of(frame.has_subject)
    return Headlines(
        records=len(frame),
        skipped=dict(sorted(skipped.items())),
        customers=distinct(frame.subject) - (len(frame) - known) if known else None,
        transcripts=count_of(frame.outcome.codes >= 0),
        heard=Heard.of(frame.subject),
        sentiment=net(positive, negative, told, heard=heard),
        negative=share(negative, told, heard=heard),
        scores=_scores(frame),
        unused_scores=count_of(frame.has_score) - count_of(~np.isnan(frame.score)),
        channels=_counted(frame.channel.names, frame.channel.codes),
        models=_counted(frame.model.names, frame.model.codes),
        taxonomies=_counted(frame.version.names, frame.version.codes),
        unread_dates=count_of(frame.has_unread_date),
        dates=dates,
    )


def _counted(names: Sequence[str], codes: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, int]:
    counts = np.bincount(codes + 1, minlength=len(names) + 1).tolist()
    return {name: count for name, count in zip((*names, "not told"), (*counts[1:], counts[0]), strict=True) if count}


def _scores(frame: Frame) -> tuple[ScoreFigure, ...]:
    found = []
    for at, scale in enumerate(frame.scales):
        rows = frame.scale.codes == at
        places, heard = frame.score[rows], Heard.of(frame.subject[rows])
        judged = nps_of(places)
        nps = net(int((judged > 0).sum()), int((judged < 0).sum()), len(places), heard=heard) if scale.kind == "nps" else None
        found.append(ScoreFigure(scale.name, scale.is_assumed, mean(places, bounds=(scale.low, scale.high), heard=heard), nps))
    return tuple(found)


def _segments(frame: Frame, column: str | None) -> tuple[Segment, ...]:
    codes = frame.segments.get(column) if column else None
    if codes is None:
        return ()
    counts = codes.counts()
    order = [at for at in np.argsort(-counts, kind="stable").tolist() if counts[at] and codes.names[at] != OTHER]
    shown = grouped(codes, order[:MOST_SHOWN])
    return tuple(_segment(name, frame.take(shown.is_name(name))) for name in shown.names)


def _segment(name: str, frame: Frame) -> Segment:
    told, scored = ~np.isnan(frame.level), ~np.isnan(frame.score)
    felt, scoped, rated = (Heard.of(frame.subject[rows]) for rows in (told, frame.has_scope, scored))
    scale = frame.scales[0] if len(frame.scales) == 1 else None
    return Segment(
        name,
        len(frame),
        net(count_of(frame.level > 0), count_of(frame.level < 0), count_of(told), heard=felt),
        share(count_of(frame.is_service), count_of(frame.has_scope), heard=scoped),
        share(count_of(frame.is_experience), count_of(frame.has_scope), heard=scoped),
        mean(frame.score[scored], bounds=(scale.low, scale.high) if scale else (0.0, 1.0), heard=rated),
        scale.name if scale else POOLED,
    )
