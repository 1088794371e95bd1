"""Records that no factor explains, in two periods, in, growing themes out, with n and a test.

Records of both periods are clustered together, so that each theme has a share before and after, of all records of the period;
the two are tested (z, or Fisher's exact test for few), and q is corrected over all themes that were tested.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from vocservice.reporting.estimate import MIN_N, Estimate, share
from vocservice.reporting.quotes import Quote
from vocservice.reporting.stats import benjamini_hochberg, two_proportions
from vocservice.reporting.themes import Grouped, Said, grouped, theme_of

Ids = frozenset[str]

LARGEST = 1500
MOST = 24
UNSURE = 0.5
CLEAR_Q = 0.05


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day, number of records, number of unexplained ones, and the texts of the latest of these."""

    first: date
    last: date
    records: int
    unexplained: int
    said: tuple[Said, ...]

    def standing_for(self, kept: int) -> int:
        """Number of records represented by the `kept` unexplained ones."""
        return round(self.records * kept / self.unexplained) if self.unexplained else self.records


@dataclass(frozen=True, slots=True)
class NewTheme:
    """Unexplained records that say much the same.

    Attributes:
        terms, usual: as in `Theme`.
        customers: behind it in the later period.
        before, after: share of all records of the period.
        p, q: of the test for equal shares, uncorrected and corrected; None if not tested.
        is_growing: whether its share is significantly larger now.
        is_new: whether it did not occur before.
    """

    terms: tuple[str, ...]
    usual: tuple[str, ...]
    customers: int
    hits_before: int
    hits_after: int
    before: Estimate
    after: Estimate
    p: float | None
    q: float | None
    is_growing: bool
    is_new: bool
    typical: tuple[str, ...]
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Emerging:
    """The themes of two periods, most clearly growing first; `too_few` if there was too little to group."""

    days_before: tuple[date, date]
    days_after: tuple[date, date]
    n_before: int
    n_after: int
    unexplained_before: int
    unexplained_after: int
    left_out: int
    by: str
    least: int
    themes: tuple[NewTheme, ...]
    hidden: int
    too_few: bool


def emerging(before: Period, after: Period, *, least: int) -> Emerging:
    """Themes of unexplained records; at most 1,500 per period are grouped, and represent all of them.

    A record in both periods is grouped once and counts in each.

    Args:
        least: different customers that a theme needs in the later period.
    """
    old, new = before.said[:LARGEST], after.said[:LARGEST]
    sides = frozenset(one.id for one in old), frozenset(one.id for one in new)
    found = grouped(tuple({one.id: one for one in (*old, *new)}.values()), least=least, most=MOST)
    kept = [sum(one.id in side for one in found.said) for side in sides]
    n = before.standing_for(kept[0]), after.standing_for(kept[1])
    tested = [_tested(found, group, sides, n, least) for group in range(len(found.clusters.centres))]
    shown = [theme for theme in tested if theme is not None]
    qs = benjamini_hochberg([theme.p for theme in shown])
    judged = sorted((_judged(theme, q) for theme, q in zip(shown, qs, strict=True)), key=_order)
    hidden = sum(len(found.members(group)) for group, theme in enumerate(tested) if theme is None)
    days = (before.first, before.last), (after.first, after.last)
    counts = (before.records, after.records, before.unexplained, after.unexplained)
    return Emerging(*days, *counts, found.left_out, found.by, least, tuple(judged), hidden, len(new) < 2 * least)


def _order(theme: NewTheme) -> tuple[bool, float, int, tuple[str, ...]]:
    return not theme.is_growing, 2.0 if theme.q is None else theme.q, -theme.hits_after, theme.terms


def _tested(found: Grouped, group: int, sides: tuple[Ids, Ids], n: tuple[int, int], least: int) -> NewTheme | None:
    """A group with its test; None if too few customers said it in the later period."""
    members = found.members(group)
    is_earlier, is_later = (np.array([found.said[at].id in side for at in members], dtype=bool) for side in sides)
    customers = len(np.unique(found.customers[members[is_later]]))
    theme = theme_of(found, group, least=least) if customers >= least else None
    if theme is None:
        return None
    hits = int(is_earlier.sum()), int(is_later.sum())
    p = two_proportions(hits[0], n[0], hits[1], n[1]) if min(n) >= MIN_N else None
    shares = share(hits[0], n[0]), share(hits[1], n[1])
    return NewTheme(theme.terms, theme.usual, customers, *hits, *shares, p, None, False, hits[0] == 0, theme.typical, theme.quotes)


def _judged(theme: NewTheme, q: float) -> NewTheme:
    if theme.p is None:
        return theme
    grows = theme.before.value is not None and theme.after.value is not None and theme.after.value > theme.before.value
    return replace(theme, q=q, is_growing=grows and q <= CLEAR_Q)
