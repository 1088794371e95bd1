"""A frame and a day in, what an analyst should hear of out: how figures moved, what stands out, what could become an issue, new themes.

Each finding is a sentence with its n, and holds no word of a customer: it leaves the house in mails.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from vocservice.reporting import words
from vocservice.reporting.emerging import Emerging
from vocservice.reporting.estimate import Estimate
from vocservice.reporting.frame import Bools, Frame
from vocservice.reporting.journey import Comparison, Shift, Tested, compare, corrected, gap
from vocservice.reporting.measures import figures_of
from vocservice.reporting.page import shown_changes
from vocservice.reporting.scope import promotion_ladder
from vocservice.reporting.slots import DAYS
from vocservice.reporting.trends import DRAWN, Point, Series, series_of
from vocservice.reporting.voices import counted
from vocservice.taxonomy import Taxonomy

FIGURE, CHANGE, ANOMALY, ISSUE, THEME = "figure", "change", "anomaly", "issue", "theme"
LATEST_DAYS, EARLIER_DAYS = 7, 28
Days = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to hear of.

    Attributes:
        kind: figure, change, anomaly, issue or theme.
        said: its figures in a sentence.
        key: names it, the same as long as it is there; blank for what tells of the present days alone.
        last: its last day; none where it is not of a day or week.
    """

    kind: str
    said: str
    key: str = ""
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything of seven days against the four weeks before.

    Attributes:
        tested: how many cells were compared.
        unexplained: records of the seven days that no factor explains; null where they were enough to look for themes.
    """

    before: Days
    after: Days
    n_before: int
    n_after: int
    tested: int
    unexplained: int | None
    found: tuple[Finding, ...]


def days_of(today: date) -> tuple[Days, Days]:
    """The seven days before a day, and the four weeks before these: the earlier ones first."""
    middle = today - timedelta(days=LATEST_DAYS)
    return (middle - timedelta(days=EARLIER_DAYS), middle - timedelta(days=1)), (middle, today - timedelta(days=1))


def findings_of(frame: Frame, *, today: date, issues: Collection[tuple[str, str]], themes: Emerging | None) -> Findings:
    """All of it.

    Args:
        frame: records of days before `today`.
        today: the day that is not over.
        issues: stage and factor of the experience issues that are open for all of a cell: nothing new.
        themes: of what no factor explains, in the same days.
    """
    before, after = days_of(today)
    sides = _within(frame, before), _within(frame, after)
    frames = frame.take(sides[0]), frame.take(sides[1])
    moved = compare(*frames, names=(_said(before), _said(after)))
    found = (
        *_figures(frame, sides, moved.levels),
        *_changes(moved, frame.taxonomy),
        *anomalies_of(frame, today=today),
        *_candidates(frame, issues),
        *(_themes(themes) if themes else ()),
    )
    unexplained = themes.unexplained_after if themes and themes.too_few else None
    return Findings(before, after, len(frames[0]), len(frames[1]), moved.tested, unexplained, found)


def anomalies_of(frame: Frame, *, today: date) -> Iterator[Finding]:
    """The days and weeks of the last four weeks that stand out, the latest first.

    Args:
        frame: records of days before `today`.
        today: the day that is not over.
    """
    first = today - timedelta(days=EARLIER_DAYS)
    found = [(one, point) for one in series_of(frame, whole_until=today - timedelta(days=1), is_live=True) for point in one.anomalies]
    recent = [(one, point) for one, point in found if _last(one, point) >= first]
    for series, point in sorted(recent, key=lambda pair: (-_last(*pair).toordinal(), pair[0].bucket, pair[0].figure)):
        key = f"{ANOMALY}:{series.bucket}:{point.start}:{series.figure}:{point.verdict}"
        yield Finding(ANOMALY, _point_text(series, point, frame.taxonomy), key, _last(series, point))


def _within(frame: Frame, days: Days) -> Bools:
    return (frame.day >= days[0].toordinal()) & (frame.day <= days[1].toordinal())


def _said(days: Days) -> str:
    return f"{days[0]} to {days[1]}"


def _figures(frame: Frame, sides: Sequence[Bools], levels: Sequence[Shift]) -> Iterator[Finding]:
    """The followed shares, then sentiment and scores, moved or not."""
    followed = {name: pair for name, pair in figures_of(frame).items() if name in DRAWN}
    before, after = (counted(frame, {name: (hits, among & side) for name, (hits, among) in followed.items()}) for side in sides)
    for one in corrected([gap(name, before[name], after[name]) for name in followed]):
        yield Finding(FIGURE, f"{words.figure_name(frame.taxonomy, one.figure)}: {_tested_text(one, words.share_text)}")
    for level in levels:
        says = partial(words.level_text, level.kind)
        yield Finding(FIGURE, f"{words.figure_name(frame.taxonomy, level.key)}: {_tested_text(level, says)}")


def _tested_text(one: Tested, says: Callable[[Estimate], str]) -> str:
    moved = "change not known" if one.q is None else f"{_VERDICTS[one.verdict]}, q = {one.q:.2g}"
    return f"{says(one.after)}; before {says(one.before)}; {moved}"


_VERDICTS = {"up": "up beyond chance", "down": "down beyond chance", "unclear": "no change beyond chance"}


def _changes(moved: Comparison, taxonomy: Taxonomy) -> Iterator[Finding]:
    for change in shown_changes(moved):
        yield Finding(CHANGE, f"{words.cell_name(taxonomy, change.stage, change.factor)}. {words.change_text(change)}")


def _candidates(frame: Frame, issues: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """Rungs of the ladder that are worth an issue and have none."""
    for rung in promotion_ladder(frame, ()):
        if rung.step == "candidate" and (rung.stage, rung.factor) not in issues:
            counts = f"{rung.records} complaints of {rung.customers} customers"
            held = f"{rung.ratio:.1f} times {rung.base}, {rung.expected:.1f} customers expected, q = {rung.q:.2g}"
            key = f"{ISSUE}:{rung.stage}:{rung.factor}"
            yield Finding(ISSUE, f"{words.cell_name(frame.taxonomy, rung.stage, rung.factor)}: {counts}, {held}", key)


def _themes(found: Emerging) -> Iterator[Finding]:
    """How many say what no factor explains; never what."""
    for theme in found.themes:
        if theme.is_growing:
            shares = f"{words.share_text(theme.after)}, before {words.share_text(theme.before)}"
            yield Finding(THEME, f"{theme.customers} customers say much the same that no factor explains: {shares}; q = {theme.q:.2g}")


def _point_text(series: Series, point: Point, taxonomy: Taxonomy) -> str:
    value = words.value_text(series, point)
    days = f"{'week from' if series.bucket == 'week' else 'day'} {point.start}{', so far' if point.is_partial else ''}"
    name = words.figure_name(taxonomy, series.figure)
    return f"{name}, {days}: {value}; {words.expected_text(series, point)}; {point.verdict}, q = {point.q:.2g}"


def _last(series: Series, point: Point) -> date:
    return point.start + timedelta(days=DAYS[series.bucket] - 1)
