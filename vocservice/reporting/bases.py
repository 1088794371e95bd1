"""Complaints of one kind in, how many more customers make them than a base expects out.

Whoever complains ten times is one customer; a record without a customer is one of its own. Bases are the average blamed cell, and the
earlier share of the same complaints where there is such a time.
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
    """So many customers complain where a base expects so many, and how likely so many or more are under its rate."""

    base: str
    hits: int
    expected: float
    p: float

    @property
    def ratio(self) -> float:
        return self.hits / self.expected


@dataclass(frozen=True, slots=True)
class Bases:
    """What complaints of one kind are held against.

    Attributes:
        subject: (n,) number of each row's customer.
        average: the share of the average blamed cell.
        is_late, is_earlier: (n,) rows of the last 28 days, and dated ones before.
        all, late, earlier: how many customers complain of anything, in the last 28 days, and before.
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
        """That over the base which is exceeded most; p pays for the number of bases tried (Bonferroni). None without any base.

        Args:
            held: rows that are complaints of this kind.
            unsure: rows that may be; an earlier one counts as such, so that none rises for want of knowing.
        """
        found = list(self._found(held, *unsure))
        most = min(found, key=lambda one: one.p, default=None)
        return most and replace(most, p=min(most.p * len(found), 1.0))

    def _found(self, held: Ints, *unsure: Ints) -> Iterator[Excess]:
        """Over each base. What was never there before counts as half a customer, so that its rate is not zero."""
        if self.average:
            hits = distinct(self.subject[held])
            yield Excess("the average cell", hits, self.average * self.all, binomial_tail(hits, self.all, self.average))
        if self.earlier >= MIN_EARLIER and self.late >= MIN_N:
            hits, before = self._within(self.is_late, held), self._within(self.is_earlier, np.concatenate([held, *unsure]))
            expected = (before + 0.5) / (self.earlier + 1) * self.late
            yield Excess("earlier records", hits, expected, predictive_tail(hits, self.late, before, self.earlier))

    def _within(self, side: Bools, rows: Ints) -> int:
        """How many customers are behind those of some rows that lie on a side."""
        return distinct(self.subject[rows[side[rows]]])


def sides_of(frame: Frame, complaints: Bools) -> tuple[Bools, Bools]:
    """(n,) rows of the last 28 days of some complaints, and dated ones before."""
    is_late = np.asarray(frame.day > max(int(frame.day.max(initial=0, where=complaints)) - RECENT_DAYS, 0))
    return is_late, np.asarray((frame.day > 0) & ~is_late)


def average_of(cells: Collection[Ints], complaints: Bools, subject: Ints) -> float:
    """The share of the average cell among those who complain, given the rows of each."""
    return float(np.mean([distinct(subject[members]) for members in cells])) / distinct(subject[complaints]) if cells else 0.0
