"""Rows in, arrays for all figures out.

A factor belongs to the stages with which it shares evidence; if it shares none, to the record's first stage; without a
stage, to none (-1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vocservice.reporting.recovery import EXPERIENCE
from vocservice.reporting.scores import Scale
from vocservice.taxonomy import Taxonomy

Ints = npt.NDArray[Any]  # integers, as narrow as possible
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

POSITIVE, NEGATIVE, MIXED = range(3)
NONE = -1


@dataclass(frozen=True, slots=True)
class Codes:
    """One name per row, as an index into `names`; -1 for none."""

    names: tuple[str, ...]
    codes: Ints

    def take(self, at: Ints | slice) -> "Codes":
        """The rows at some positions."""
        return Codes(self.names, self.codes[at])

    def is_name(self, name: str) -> Bools:
        """Mask of the rows with a name."""
        return np.asarray(self.codes == self.names.index(name)) if name in self.names else np.zeros(len(self.codes), bool)

    def counts(self) -> Ints:
        """Number of rows per name."""
        return np.bincount(self.codes + 1, minlength=len(self.names) + 1)[1:].astype(np.int64)

    def used(self, counts: Ints) -> "Codes":
        """The same with only the names in use, most frequent first; `counts` as from `counts()`."""
        return named([*self.names, None], [*counts.tolist(), 0], self.codes)  # index -1 refers to the last entry, which is none


@dataclass(frozen=True, slots=True)
class Places:
    """Every factor of every row at each of its stages; parallel arrays of row, stage (or -1), factor, polarity.

    `sure` is the probability in tenths, if given.
    """

    row: Ints
    stage: Ints
    factor: Ints
    polarity: Ints
    sure: Ints

    def __getitem__(self, mask: Bools) -> "Places":
        return self._at(np.flatnonzero(mask))

    def of_rows(self, mask: Bools) -> "Places":
        """The places of the rows of a mask, renumbered."""
        kept = self[mask[self.row]]
        return replace(kept, row=(np.cumsum(mask, dtype=np.int32) - 1)[kept.row])

    def between(self, low: int, high: int, first: int) -> "Places":
        """A slice of places, of rows numbered from `first` on; only the row numbers are copied."""
        here = self._at(slice(low, high))
        return replace(here, row=here.row - np.int32(first))

    def by_row(self) -> "Places":
        """The same sorted by row."""
        return self._at(np.argsort(self.row, kind="stable"))

    def _at(self, at: Ints | slice) -> "Places":
        return Places(self.row[at], self.stage[at], self.factor[at], self.polarity[at], self.sure[at])

    @classmethod
    def joined(cls, parts: Sequence["Places"], starts: Sequence[int]) -> "Places":
        """Concatenate places of consecutive rows, beginning at these numbers."""
        moved = [replace(part, row=part.row + np.int32(start)) for part, start in zip(parts, starts, strict=False)]
        return cls(*(np.concatenate([getattr(part, name) for part in moved]) for name in cls.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Frame:
    """n rows as arrays.

    Attributes:
        index: (n,) position of each row in the reading.
        ids: (n,) in bytes.
        stages: (n, stages) whether given.
        factors: (n, factors) polarity 0 +, 1 -, 2 ~, or -1.
        flags: (n, flags) whether given.
        scope, outcome, channel, model, version (of the taxonomy), scale: (n,) names.
        segments: the sender's custom fields, if requested.
        subject: (n,) number of the customer; a row without one has its own number.
        day: (n,) proleptic day number, 0 if not given.
        level, sentiment: (n,) NaN if missing.
        score: (n,) 0 to 1, NaN if missing.
        has_score, has_unread_date: (n,) whether a score, or an unreadable date, was given.
        length: (n,) characters of the text; 0 if not given.
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
        """Rows that blame factors at a stage, per place.

        Args:
            among: (n,) rows to include; all by default.
        """
        places = self.places
        mask = (places.polarity == NEGATIVE) & (places.stage != NONE)
        return places[mask if among is None else mask & among[places.row]]

    def owner_of(self, factor: str) -> str:
        """The team that acts on a factor; blank if the taxonomy names none."""
        return self.taxonomy["factors"][factor].owner or ""


_PLAIN = (
    "index", "ids", "subject", "has_subject", "day", "level", "sentiment", "score", "has_score", "has_unread_date", "length"
)  # fmt: skip


def keys_of(taxonomy: Taxonomy, name: str) -> tuple[str, ...]:
    """The keys of a label set; empty if the taxonomy lacks it."""
    return taxonomy[name].keys if name in taxonomy else ()


def named(names: Sequence[str | None], counts: Sequence[int], codes: Ints) -> Codes:
    """Recode indexes into a list with duplicate names as indexes into the distinct names in use, most frequent first.

    Args:
        names: by code; None means none.
        counts: frequency of each code.
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
    """Number of distinct non-negative numbers."""
    seen = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=bool)
    seen[numbers] = True
    return count_of(seen)


def count_of(mask: Bools) -> int:
    """Number of rows in a mask."""
    return int(np.count_nonzero(mask))


def any_of(matrix: Bools, columns: Iterable[int]) -> Bools:
    """The rows with any of these columns."""
    found = np.zeros(len(matrix), dtype=bool)
    for at in columns:
        found |= matrix[:, at]
    return found
