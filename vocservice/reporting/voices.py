"""Records and their customers in, customer counts for tests out: ten records of one customer count as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vocservice.reporting.frame import Bools, Floats, Frame, Ints, count_of


@dataclass(frozen=True, slots=True)
class Heard:
    """The customers behind some records.

    Attributes:
        customers: number of different customers; a record without one counts separately.
        worth: effective number of records: n² / Σ n² over customers (Kish 1965), as if all records of a customer said
            the same.
    """

    customers: int
    worth: float

    @classmethod
    def of(cls, subjects: Ints) -> "Heard":
        """Those of records, given the number of each one's customer."""
        times = np.bincount(subjects)
        return cls(int(np.count_nonzero(times)), len(subjects) ** 2 / max(int(times @ times), 1))


@dataclass(frozen=True, slots=True)
class Counted:
    """Number of n records that have a property.

    Attributes:
        voices: the same with each customer counted once, by the share of its records that have it.
        heard: the customers behind n.
    """

    hits: int
    n: int
    voices: float
    heard: Heard


@dataclass(frozen=True, slots=True)
class Voices:
    """(n,) weights of records such that each customer counts once."""

    weights: Floats
    heard: Heard

    @classmethod
    def of(cls, subjects: Ints) -> "Voices":
        """Those of records, given the number of each one's customer."""
        return cls(1.0 / np.bincount(subjects)[subjects], Heard.of(subjects))

    def counted(self, hits: Bools) -> Counted:
        """Counts of the records in a mask."""
        return Counted(count_of(hits), len(hits), float(self.weights[hits].sum()), self.heard)


def counted(frame: Frame, shares: Mapping[str, tuple[Ints, Bools]]) -> Mapping[str, Counted]:
    """Counts of each share, given hits and base, in records and in customers."""
    everyone = Voices.of(frame.subject)
    return {
        name: everyone.counted(hits.astype(bool)) if among.all() else Voices.of(frame.subject[among]).counted(hits[among].astype(bool))
        for name, (hits, among) in shares.items()
    }


@dataclass(frozen=True, slots=True)
class Runs:
    """How often each customer is behind each of `count` cells.

    Attributes:
        keys: (runs,) customer times `count`, plus cell; ascending and distinct.
        times: (runs,) number of records.
    """

    keys: Ints
    times: Ints
    count: int

    @classmethod
    def of(cls, cells: Ints, subjects: Ints, *, count: int) -> "Runs":
        """Those of records, given the cell and the number of the customer of each."""
        size = (int(subjects.max(initial=0)) + 1) * count
        kind = np.int32 if size <= np.iinfo(np.int32).max else np.int64  # half as long to sort
        keys: Ints = np.add(np.multiply(subjects, count, dtype=kind), cells, dtype=kind)
        keys.sort()
        starts = _starts(keys)
        return cls(keys[starts], np.diff(starts, append=len(keys)), count)

    def joined(self, cells: Ints, *, count: int) -> "Runs":
        """With several cells as one: `cells` has the new number of each, ascending."""
        keys = self.keys // self.count * count + cells[self.keys % self.count].astype(self.keys.dtype)
        starts = _starts(keys)
        ends = np.concatenate(([0], np.cumsum(self.times)))[np.append(starts, len(keys))]
        return Runs(keys[starts], np.diff(ends), count)

    def heard(self) -> Sequence[Heard]:
        """The customers behind each cell."""
        cells, times = self.keys % self.count, self.times.astype(np.float64)
        customers, n, squares = (np.bincount(cells, weights, self.count) for weights in (None, times, times * times))
        worth = n * n / np.maximum(squares, 1.0)
        return [Heard(int(who), float(as_many)) for who, as_many in zip(customers, worth, strict=True)]


def _starts(keys: Ints) -> Ints:
    """Where each run of equal keys begins."""
    return np.flatnonzero(np.concatenate(([True] * bool(len(keys)), keys[1:] != keys[:-1])))
