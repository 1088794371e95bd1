"""Complaints of one kind in, how far the number of their customers exceeds a base rate out.

Ten complaints of one customer count once; a record without a customer counts as one. Bases are the average blamed cell, if there are
several, and the earlier share of the same complaints, if there are earlier records.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vocservice.reporting.estimate import MIN_N
from vocservice.reporting.frame import Bools, Frame, Ints, distinct
from vocservice.reporting.stats import binomial_tail, predictive_tail

RECENT_DAYS = 28
MIN_EARLIER = 20


@dataclass(frozen=True, slots=True)
class Excess:
    """Observed and expected customers, and the probability of as many or more under the base rate."""

    base: str
    hits: int
    expected: float
    p: float

    @property
    def ratio(self) -> float:
        return self.hits / self.expected


@dataclass(frozen=True, slots=True)
class Bases:
    """What complaints of one kind are compared with.

    Attributes:
        subject: (n,) number of each row's customer.
        average: the share of the average blamed cell; 0 where there is none to compare with.
        is_late, is_earlier: (n,) rows of the last 28 days, and dated rows before.
        all, late, earlier: number of customers with any complaint: in total, in the last 28 days, and before.
    """

    subject: Ints
    average: float
    is_late: Bools
    is_earlier: Bools
    all: int
    late: int
    earlier: int

    @classmethod
    def of(cls, subject: Ints, complaints: Bools, sides: tuple[Bools, Bools], average: float) -> "Bases":
        masks = complaints, *(complaints & side for side in sides)
        return cls(subject, average, *sides, *(distinct(subject[mask]) for mask in masks))

    def excess(self, held: Ints, *unsure: Ints) -> Excess | None:
        """The excess over the base that is exceeded most; p is corrected for the number of bases (Bonferroni). None without a base.

        Args:
            held: rows that are complaints of this kind.
            unsure: rows that may be; earlier ones count, so that missing knowledge never makes a rise.
        """
        found = list(self._found(held, *unsure))
        most = min(found, key=lambda one: one.p, default=None)
        return most and replace(most, p=min(most.p * len(found), 1.0))

    def _found(self, held: Ints, *unsure: Ints) -> Iterator[Excess]:
        """The excess over each base. A kind without earlier complaints counts as half a customer, so that its rate is not zero."""
        if self.average:
            hits = distinct(self.subject[held])
            yield Excess("the average cell", hits, self.average * self.all, binomial_tail(hits, self.all, self.average))
        if self.earlier >= MIN_EARLIER and self.late >= MIN_N:
            hits, before = self._within(self.is_late, held), self._within(self.is_earlier, np.concatenate([held, *unsure]))
            expected = (before + 0.5) / (self.earlier + 1) * self.late
            yield Excess("earlier records", hits, expected, predictive_tail(hits, self.late, before, self.earlier))

    def _within(self, side: Bools, rows: Ints) -> int:
        """Number of customers behind the rows on one side."""
        return distinct(self.subject[rows[side[rows]]])


def sides_of(frame: Frame, complaints: Bools) -> tuple[Bools, Bools]:
    """(n,) rows of the last 28 days among some complaints, and dated ones before."""
    is_late = np.asarray(frame.day > max(int(frame.day.max(initial=0, where=complaints)) - RECENT_DAYS, 0))
    return is_late, np.asarray((frame.day > 0) & ~is_late)


def average_of(cells: Collection[Ints], complaints: Bools, subject: Ints) -> float:
    """The share of the average cell among complaining customers, given the rows of each cell.

    0 with fewer than two cells: a single one would be compared with itself.
    """
    if len(cells) < 2:
        return 0.0
    return float(np.mean([distinct(subject[members]) for members in cells])) / distinct(subject[complaints])
