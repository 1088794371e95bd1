"""Days in, the time slot of each record out; a figure in, its value and customers per slot out."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vocservice.reporting.frame import Bools, Floats, Ints, distinct
from vocservice.reporting.voices import Heard

Bucket = Literal["day", "week"]
DAYS: dict[Bucket, int] = {"week": 7, "day": 1}
MAX_BUCKETS: dict[Bucket, int] = {"week": 104, "day": 91}


@dataclass(frozen=True, slots=True)
class Slots:
    """Time slots: slot number by record, number of slots, and their bounds."""

    bucket: Bucket
    of_record: Ints
    count: int
    first: int
    days: tuple[int, int]

    @classmethod
    def of(cls, day: Ints, bucket: Bucket, last: int, whole_until: int) -> "Slots":
        """Slots up to a day, at least that of the last record."""
        number, end = (day - 1) // DAYS[bucket], (last - 1) // DAYS[bucket]
        first = max(int(number.min()), end - MAX_BUCKETS[bucket] + 1)
        return cls(bucket, number - first, end - first + 1, first, (int(day.min()), min(last, whole_until)))

    def start(self, at: int) -> date:
        """Its first day."""
        return date.fromordinal((self.first + at) * DAYS[self.bucket] + 1)

    def is_partial(self, at: int) -> bool:
        """Whether the data begin or end within the slot."""
        start = self.start(at).toordinal()
        return start < self.days[0] or start + DAYS[self.bucket] - 1 > self.days[1]


@dataclass(frozen=True, slots=True)
class Seen:
    """A figure per slot, with values from 0 to 1; (slots,).

    Attributes:
        n, sums, squares: its records, the sum of their values, and of their squares.
        customers, voices: their customers, and the sum of values with each customer counted once, by the mean of its records.
        worth: effective number of records (`Heard`).
        spread: sum of squared deviations of customers' means.
    """

    n: Floats
    sums: Floats
    squares: Floats
    customers: Floats
    voices: Floats
    worth: Floats
    spread: Floats

    def heard(self, at: int) -> Heard:
        """The customers behind a slot."""
        return Heard(int(self.customers[at]), float(self.worth[at]))


@dataclass(frozen=True, slots=True)
class Crowd:
    """The records and customers of each slot.

    Attributes:
        rows: (n,) records that count.
        slot, pair: of each of these, its slot, and its (slot, customer) pair.
        pair_slot, size: of each pair, its slot and its number of records.
        n, customers, worth: of each slot, as in `Seen`.
    """

    rows: Bools
    slot: Ints
    pair: Ints
    pair_slot: Ints
    size: Floats
    n: Floats
    customers: Floats
    worth: Floats

    @classmethod
    def of(cls, slots: Slots, among: Bools, subject: Ints) -> "Crowd":
        """For the records that have a figure."""
        rows = among & (slots.of_record >= 0)
        slot, who = slots.of_record[rows].astype(np.int64), subject[rows]
        n = _by(slot, None, slots.count)
        if distinct(who) == len(who):  # the usual case: one record per customer
            return cls(rows, slot, np.arange(len(who)), slot, np.ones(len(who)), n, n, n)
        width = int(who.max(initial=0)) + 1
        pairs, pair, found = np.unique(slot * width + who, return_inverse=True, return_counts=True)
        pair_slot, size = pairs // width, found.astype(np.float64)
        worth = n * n / np.maximum(_by(pair_slot, size * size, slots.count), 1.0)
        return cls(rows, slot, pair, pair_slot, size, n, _by(pair_slot, None, slots.count), worth)

    def seen(self, values: npt.NDArray[Any]) -> Seen:
        """The figure per slot, given the value of every row."""
        count, told = len(self.n), values[self.rows].astype(np.float64)
        sums = _by(self.slot, told, count)
        squares = sums if values.dtype == bool else _by(self.slot, told * told, count)
        voices, about = sums, squares
        if len(self.size) < len(told):
            own = np.bincount(self.pair, told, len(self.size)) / self.size
            voices, about = _by(self.pair_slot, own, count), _by(self.pair_slot, own * own, count)
        spread = np.maximum(about - voices**2 / np.maximum(self.customers, 1.0), 0.0)
        return Seen(self.n, sums, squares, self.customers, voices, self.worth, spread)


def _by(slot: Ints, weights: Floats | None, count: int) -> Floats:
    """Records, or the sum of their weights, in each slot."""
    return np.bincount(slot, weights, count).astype(np.float64)
