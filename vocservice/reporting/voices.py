"""Records and whose they are in, how many customers speak out: what a test counts, so that one who writes ten times is not ten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vocservice.reporting.frame import Bools, Floats, Frame, Ints, count_of


@dataclass(frozen=True, slots=True)
class Heard:
    """Who is behind some records.

    Attributes:
        customers: how many different ones; a record without a customer is one of its own.
        worth: as how many records of one customer each they count: n² / Σ n² of the customers (Kish 1965), as if all of a customer's said
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
    """How many of n records have a thing.

    Attributes:
        voices: the same in customers: each counts once, by the share of its records that have it.
        heard: who is behind the n.
    """

    hits: int
    n: int
    voices: float
    heard: Heard


@dataclass(frozen=True, slots=True)
class Voices:
    """What each of n records counts where each customer counts once; (n,)."""

    weights: Floats
    heard: Heard

    @classmethod
    def of(cls, subjects: Ints) -> "Voices":
        """Those of records, given the number of each one's customer."""
        return cls(1.0 / np.bincount(subjects)[subjects], Heard.of(subjects))

    def counted(self, hits: Bools) -> Counted:
        """Those of which a mask holds."""
        return Counted(count_of(hits), len(hits), float(self.weights[hits].sum()), self.heard)


def counted(frame: Frame, shares: Mapping[str, tuple[Ints, Bools]]) -> Mapping[str, Counted]:
    """Each share, given as its hits and what it is a share of, counted in records and in customers."""
    everyone = Voices.of(frame.subject)
    return {
        name: everyone.counted(hits.astype(bool)) if among.all() else Voices.of(frame.subject[among]).counted(hits[among].astype(bool))
        for name, (hits, among) in shares.items()
    }


def heard_in(cells: Ints, subjects: Ints, *, count: int) -> Sequence[Heard]:
    """Who is behind each of so many cells, given the cell and the customer of each record in one."""
    width = int(subjects.max(initial=0)) + 1
    keys = np.sort(cells.astype(np.int64) * width + subjects)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    each = np.diff(starts, append=len(keys)).astype(np.float64)
    customers, n, squares = (np.bincount(keys[starts] // width, weights, count) for weights in (None, each, each * each))
    worth = n * n / np.maximum(squares, 1.0)
    return [Heard(int(who), float(as_many)) for who, as_many in zip(customers, worth, strict=True)]
