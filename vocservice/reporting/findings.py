"""A frame and a day in, findings for an analyst out: changed figures, anomalies, possible issues, new themes.

Each finding is a sentence with its n, without any words of a customer, because it is sent by mail.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from vocservice.reporting import words
from vocservice.reporting.chance import chance_text
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
    """One finding.

    Attributes:
        kind: figure, change, anomaly, issue or theme.
        said: its text, with figures.
        key: identifies it while it lasts; blank for findings about the current days only.
        last: its last day; None if it is not about a day or week.
    """

    kind: str
    said: str
    key: str = ""
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings of seven days against the four weeks before.

    Attributes:
        tested: number of cells compared.
        unexplained: records of the seven days that no factor explains; None if there were enough to look for themes.
    """

    before: Days
    after: Days
    n_before: int
    n_after: int
    tested: int
    unexplained: int | None
    found: tuple[Finding, ...]


def days_of(today: date) -> tuple[Days, Days]:
    """The seven days before a day, and the four weeks before those: the earlier ones first."""
    middle = today - timedelta(days=LATEST_DAYS)
    return (middle - timedelta(days=EARLIER_DAYS), middle - timedelta(days=1)), (middle, today - timedelta(days=1))


def findings_of(frame: Frame, *, today: date, issues: Collection[tuple[str, str]], themes: Emerging | None) -> Findings:
    """Find everything.

    Args:
        frame: records of days before `today`.
        today: the day that is not over.
        issues: stage and factor of open experience issues for all of a cell, which are not reported.
        themes: of unexplained records, in the same days.
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
    """The days and weeks of the last four weeks that stand out, latest first.

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
    """The followed shares, then sentiment and scores, changed or not."""
    followed = {name: pair for name, pair in figures_of(frame).items() if name in DRAWN}
    before, after = (counted(frame, {name: (hits, among & side) for name, (hits, among) in followed.items()}) for side in sides)
    for one in corrected([gap(name, before[name], after[name]) for name in followed]):
        yield Finding(FIGURE, f"{words.figure_name(frame.taxonomy, one.figure)}: {_tested_text(one, words.share_text)}")
    for level in levels:
        says = partial(words.level_text, level.kind)
        yield Finding(FIGURE, f"{words.figure_name(frame.taxonomy, level.key)}: {_tested_text(level, says)}")


def _tested_text(one: Tested, says: Callable[[Estimate], str]) -> str:
    moved = "change not known" if one.q is None else f"{_VERDICTS[one.verdict]}, {chance_text(one.q, 'q')}"
    return f"{says(one.after)}; before {says(one.before)}; {moved}"


_VERDICTS = {"up": "up beyond chance", "down": "down beyond chance", "unclear": "no change beyond chance"}


def _changes(moved: Comparison, taxonomy: Taxonomy) -> Iterator[Finding]:
    for change in shown_changes(moved):
        yield Finding(CHANGE, f"{words.cell_name(taxonomy, change.stage, change.factor)}. {words.change_text(change)}")


def _candidates(frame: Frame, issues: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """Candidates of the ladder without an issue."""
    for rung in promotion_ladder(frame, ()):
        if rung.step == "candidate" and (rung.stage, rung.factor) not in issues:
            counts = f"{rung.records} complaints of {rung.customers} customers"
            held = f"{rung.ratio:.1f} times {rung.base}, {rung.expected:.1f} customers expected, {chance_text(rung.q, 'q')}"
            key = f"{ISSUE}:{rung.stage}:{rung.factor}"
            yield Finding(ISSUE, f"{words.cell_name(frame.taxonomy, rung.stage, rung.factor)}: {counts}, {held}", key)


def _themes(found: Emerging) -> Iterator[Finding]:
    """Growing themes by numbers only, never their words."""
    for theme in found.themes:
        if theme.is_growing:
            shares = f"{words.share_text(theme.after)}, before {words.share_text(theme.before)}"
            yield Finding(
                THEME, f"{theme.customers} customers say much the same that no factor explains: {shares}; {chance_text(theme.q, 'q')}"
            )


def _point_text(series: Series, point: Point, taxonomy: Taxonomy) -> str:
    value = words.value_text(series, point)
    days = f"{'week from' if series.bucket == 'week' else 'day'} {point.start}{', so far' if point.is_partial else ''}"
    name = words.figure_name(taxonomy, series.figure)
    return f"{name}, {days}: {value}; {words.expected_text(series, point)}; {point.verdict}, {chance_text(point.q, 'q')}"


def _last(series: Series, point: Point) -> date:
    return point.start + timedelta(days=DAYS[series.bucket] - 1)
