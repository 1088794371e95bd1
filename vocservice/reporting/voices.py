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
        return heard_in(np.zeros(len(subjects), dtype=np.int64), subjects, count=1)[0]


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


def heard_in(cells: Ints, subjects: Ints, *, count: int) -> Sequence[Heard]:
    """The customers behind each cell, given cell and customer of each record as one code."""
    width = int(subjects.max(initial=0)) + 1
    keys = np.sort(cells.astype(np.int64) * width + subjects)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    each = np.diff(starts, append=len(keys)).astype(np.float64)
    customers, n, squares = (np.bincount(keys[starts] // width, weights, count) for weights in (None, each, each * each))
    worth = n * n / np.maximum(squares, 1.0)
    return [Heard(int(who), float(as_many)) for who, as_many in zip(customers, worth, strict=True)]
