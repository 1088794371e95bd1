"""Rows in, the same as arrays out: what every figure is computed on.

A factor stands at the stage with which it shares evidence; where it shares none, at the record's first stage; where
there is no stage, at none (-1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vocservice.reporting.recovery import EXPERIENCE
from vocservice.reporting.scores import Scale
from vocservice.taxonomy import Taxonomy

Ints = npt.NDArray[Any]  # whole numbers, as narrow as they fit
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

POSITIVE, NEGATIVE, MIXED = range(3)
NONE = -1


@dataclass(frozen=True, slots=True)
class Codes:
    """One name a row, as a number into `names`; -1 where there is none."""

    names: tuple[str, ...]
    codes: Ints

    def take(self, at: Ints | slice) -> "Codes":
        """The rows at some places."""
        return Codes(self.names, self.codes[at])

    def is_name(self, name: str) -> Bools:
        """The rows of one name."""
        return np.asarray(self.codes == self.names.index(name)) if name in self.names else np.zeros(len(self.codes), bool)

    def counts(self) -> Ints:
        """Rows of each name."""
        return np.bincount(self.codes + 1, minlength=len(self.names) + 1)[1:].astype(np.int64)

    def used(self, counts: Ints) -> "Codes":
        """The same with only the names that are there, the most frequent first; `counts` as `counts()` tells them."""
        return named([*self.names, None], [*counts.tolist(), 0], self.codes)  # the place before the first is the last, which is none


@dataclass(frozen=True, slots=True)
class Places:
    """Every factor of every row at every stage it stands at; parallel arrays of row, stage (or -1), factor, polarity.

    `sure` is the probability in tenths, as far as it was told.
    """

    row: Ints
    stage: Ints
    factor: Ints
    polarity: Ints
    sure: Ints

    def __getitem__(self, mask: Bools) -> "Places":
        return self._at(np.flatnonzero(mask))

    def of_rows(self, mask: Bools) -> "Places":
        """Those of the rows of a mask, which are numbered anew."""
        kept = self[mask[self.row]]
        return replace(kept, row=(np.cumsum(mask, dtype=np.int32) - 1)[kept.row])

    def between(self, low: int, high: int, first: int) -> "Places":
        """Those from one place to another, of rows that are numbered from `first` on; not copied but for the numbers."""
        here = self._at(slice(low, high))
        return replace(here, row=here.row - np.int32(first))

    def by_row(self) -> "Places":
        """The same in the order of rows."""
        return self._at(np.argsort(self.row, kind="stable"))

    def _at(self, at: Ints | slice) -> "Places":
        return Places(self.row[at], self.stage[at], self.factor[at], self.polarity[at], self.sure[at])

    @classmethod
    def joined(cls, parts: Sequence["Places"], starts: Sequence[int]) -> "Places":
        """Those of rows that stand after each other, beginning at these numbers."""
        moved = [replace(part, row=part.row + np.int32(start)) for part, start in zip(parts, starts, strict=False)]
        return cls(*(np.concatenate([getattr(part, name) for part in moved]) for name in cls.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Frame:
    """n rows as arrays.

    Attributes:
        index: (n,) place of each row in the reading.
        ids: (n,) in bytes.
        stages: (n, stages) whether given.
        factors: (n, factors) polarity 0 +, 1 -, 2 ~, or -1.
        flags: (n, flags) whether given.
        scope, outcome, channel, model, version (of the taxonomy), scale: (n,) names.
        segments: what the sender told of its own, where it is asked for.
        subject: (n,) number of the customer; a row without one has a number of its own.
        day: (n,) proleptic day number, 0 where not told.
        level, sentiment: (n,) NaN where there is none.
        score: (n,) 0 to 1, NaN where there is none.
        has_score, has_unread_date: (n,) whether a score, or a date that cannot be read, was told.
        length: (n,) letters of the text; 0 where it is not told.
    """

    taxonomy: Taxonomy
    stage_keys: tuple[str, ...]
    factor_keys: tuple[str, ...]
    flag_keys: tuple[str, ...]
    scales: tuple[Scale, ...]
    index: Ints
    ids: npt.NDArray[np.bytes_]
    stages: Bools
    factors: Ints
    flags: Bools
    places: Places
    scope: Codes
    outcome: Codes
    channel: Codes
    model: Codes
    version: Codes
    scale: Codes
    segments: Mapping[str, Codes]
    subject: Ints
    has_subject: Bools
    day: Ints
    level: Floats
    sentiment: Floats
    score: Floats
    has_score: Bools
    has_unread_date: Bools
    length: Ints

    def __len__(self) -> int:
        return len(self.index)

    def take(self, mask: Bools) -> "Frame":
        """The rows of a mask."""
        at = np.flatnonzero(mask)
        changed: dict[str, Any] = {name: np.take(getattr(self, name).T, at, axis=1).T for name in ("stages", "factors", "flags")}
        changed |= {name: getattr(self, name).take(at) for name in ("scope", "outcome", "channel", "model", "version", "scale")}
        changed |= {name: getattr(self, name)[at] for name in _PLAIN}
        segments = {name: held.take(at) for name, held in self.segments.items()}
        return replace(self, places=self.places.of_rows(mask), segments=segments, **changed)

    @property
    def is_service(self) -> Bools:
        """Rows whose scope is a service complaint, alone or with an experience issue."""
        return np.asarray(self.scope.is_name("service_complaint") | self.scope.is_name("both"))

    @property
    def is_experience(self) -> Bools:
        """Rows whose scope is an experience issue, alone or with a service complaint."""
        return np.asarray(np.logical_or.reduce([self.scope.is_name(key) for key in EXPERIENCE]))

    @property
    def has_scope(self) -> Bools:
        return np.asarray(self.scope.codes >= 0)

    def blamed(self, among: Bools | None = None) -> Places:
        """What rows blame at a stage.

        Args:
            among: (n,) rows that count; all by default.
        """
        places = self.places
        mask = (places.polarity == NEGATIVE) & (places.stage != NONE)
        return places[mask if among is None else mask & among[places.row]]

    def owner_of(self, factor: str) -> str:
        """The team that acts on a factor; blank where the taxonomy names none."""
        return self.taxonomy["factors"][factor].owner or ""


_PLAIN = (
    "index", "ids", "subject", "has_subject", "day", "level", "sentiment", "score", "has_score", "has_unread_date", "length"
)  # fmt: skip


def keys_of(taxonomy: Taxonomy, name: str) -> tuple[str, ...]:
    """The keys of a label set; none where the taxonomy lacks it."""
    return taxonomy[name].keys if name in taxonomy else ()


def named(names: Sequence[str | None], counts: Sequence[int], codes: Ints) -> Codes:
    """Codes into a list in which names may stand twice, as codes into those names that are there, the most frequent first.

    Args:
        names: of each code; None is none.
        counts: how often each code is there.
        codes: (n,).
    """
    totals: dict[str, int] = {}
    for name, count in zip(names, counts, strict=True):
        if name is not None and count:
            totals[name] = totals.get(name, 0) + count
    known = {name: at for at, name in enumerate(sorted(totals, key=lambda name: (-totals[name], name)))}
    moved = np.array([known.get(name or "", NONE) for name in names] or [NONE], dtype=np.int32)
    return Codes(tuple(known), moved[codes])


def distinct(numbers: Ints) -> int:
    """How many different numbers there are, none of them below zero."""
    seen = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=bool)
    seen[numbers] = True
    return count_of(seen)


def count_of(mask: Bools) -> int:
    """How many rows a mask holds."""
    return int(np.count_nonzero(mask))


def any_of(matrix: Bools, columns: Iterable[int]) -> Bools:
    """The rows that have any of these columns."""
    found = np.zeros(len(matrix), dtype=bool)
    for at in columns:
        found |= matrix[:, at]
    return found
