"""Rows in, the same as arrays out: what every figure is computed on, so that a hundred thousand rows take seconds.

A factor stands at the stage with which it shares evidence; where it shares none, at the record's first stage; where
there is no stage, at none (-1).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vocservice.records import Evidence, Factor
from vocservice.reporting.rows import POLARITIES, Row
from vocservice.reporting.scores import Scale, scales_of
from vocservice.taxonomy import Taxonomy

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

POSITIVE, NEGATIVE, MIXED = range(3)
NONE = -1


@dataclass(frozen=True, slots=True)
class Codes:
    """One name a row, as a number into `names`; -1 where there is none."""

    names: tuple[str, ...]
    codes: Ints

    def take(self, mask: Bools) -> "Codes":
        return Codes(self.names, self.codes[mask])

    def is_name(self, name: str) -> Bools:
        """The rows of one name."""
        return np.asarray(self.codes == self.names.index(name)) if name in self.names else np.zeros(len(self.codes), bool)

    def counts(self) -> Ints:
        """Rows of each name."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Places:
    """Every factor of every row at every stage it stands at; parallel arrays of row, stage (or -1), factor and polarity."""

    row: Ints
    stage: Ints
    factor: Ints
    polarity: Ints

    def __getitem__(self, mask: Bools) -> "Places":
        return Places(self.row[mask], self.stage[mask], self.factor[mask], self.polarity[mask])


@dataclass(frozen=True, slots=True)
class Frame:
    """n rows as arrays.

    Attributes:
        index: (n,) place of each row in the reading.
        stages: (n, stages) whether given.
        factors: (n, factors) polarity 0 +, 1 -, 2 ~, or -1.
        flags: (n, flags) whether given.
        scope, outcome, channel, model, version (of the taxonomy), scale: (n,) names.
        segments: the columns that the caller asked for.
        subject: (n,) number of the customer; a row without one has a number of its own.
        day: (n,) proleptic day number, 0 where not told.
        level, sentiment: (n,) NaN where there is none.
        score: (n,) 0 to 1, NaN where there is none.
    """

    taxonomy: Taxonomy
    stage_keys: tuple[str, ...]
    factor_keys: tuple[str, ...]
    flag_keys: tuple[str, ...]
    scales: tuple[Scale, ...]
    index: Ints
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

    def __len__(self) -> int:
        return len(self.index)

    def take(self, mask: Bools) -> "Frame":
        """The rows of a mask."""
        kept = self.places[mask[self.places.row]]
        moved = np.cumsum(mask) - 1
        return replace(
            self,
            index=self.index[mask],
            stages=self.stages[mask],
            factors=self.factors[mask],
            flags=self.flags[mask],
            places=Places(moved[kept.row], kept.stage, kept.factor, kept.polarity),
            scope=self.scope.take(mask),
            outcome=self.outcome.take(mask),
            channel=self.channel.take(mask),
            model=self.model.take(mask),
            version=self.version.take(mask),
            scale=self.scale.take(mask),
            segments={name: codes.take(mask) for name, codes in self.segments.items()},
            subject=self.subject[mask],
            has_subject=self.has_subject[mask],
            day=self.day[mask],
            level=self.level[mask],
            sentiment=self.sentiment[mask],
            score=self.score[mask],
        )

    @property
    def is_service(self) -> Bools:
        """Rows whose scope is a service complaint, alone or with an experience issue."""
        return np.asarray(self.scope.is_name("service_complaint") | self.scope.is_name("both"))

    @property
    def is_experience(self) -> Bools:
        """Rows whose scope is an experience issue, alone or with a service complaint."""
        return np.asarray(self.scope.is_name("experience_issue") | self.scope.is_name("both"))

    @property
    def has_scope(self) -> Bools:
        return np.asarray(self.scope.codes >= 0)

    def owner_of(self, factor: str) -> str:
        """The team that acts on a factor; blank where the taxonomy names none."""
        return self.taxonomy["factors"][factor].owner or ""


def frame_of(rows: Sequence[Row], taxonomy: Taxonomy) -> Frame:
    """Arrays of rows; a stage, factor or flag that the taxonomy does not have is left out."""
    stages, factors, flags = (keys_of(taxonomy, name) for name in ("stages", "factors", "flags"))
    scopes, outcomes = (keys_of(taxonomy, name) for name in ("scope", "outcome"))
    scales, score, scale = _scaled(rows)
    subject, has_subject = _subjects(rows)
    return Frame(
        taxonomy, stages, factors, flags, scales,
        np.arange(len(rows), dtype=np.int64),
        _given((tuple(label.key for label in row.stages) for row in rows), stages, len(rows)),
        _polarities(rows, factors),
        _given((row.flags for row in rows), flags, len(rows)),
        _places(rows, stages, factors),
        codes_of((row.scope for row in rows), scopes),
        codes_of((row.outcome for row in rows), outcomes),
        codes_of(row.channel for row in rows),
        codes_of(row.model or None for row in rows),
        codes_of(row.taxonomy or None for row in rows),
        scale,
        {name: codes_of(row.segments.get(name) for row in rows) for name in _segment_names(rows)},
        subject, has_subject,
        np.fromiter((row.at.toordinal() if row.at else 0 for row in rows), np.int64, len(rows)),
        _floats(row.level for row in rows),
        _floats(row.sentiment for row in rows),
        score,
    )  # fmt: skip


def keys_of(taxonomy: Taxonomy, name: str) -> tuple[str, ...]:
    """The keys of a label set; none where the taxonomy lacks it."""
    return taxonomy[name].keys if name in taxonomy else ()


def codes_of(names: Iterable[str | None], known: tuple[str, ...] | None = None) -> Codes:
    """Names as numbers: of a known list (others become -1), or of those found, most frequent first."""
    found = list(names)
    if known is None:
        unsorted, counts = np.unique(np.array([name for name in found if name is not None], dtype=object), return_counts=True)
        known = tuple(name for _, name in sorted(zip(-counts, unsorted, strict=True)))
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(known)}
    return Codes(known, np.fromiter((numbers.get(name, NONE) for name in found), np.int64, len(found)))


def stages_of(row: Row, factor: Factor) -> tuple[str, ...]:
    """The stages at which a factor of a row stands."""
    if len(row.stages) < 2:
        return tuple(label.key for label in row.stages)
    shared = tuple(label.key for label in row.stages if _overlap(label.evidence, factor.evidence))
    return shared or (row.stages[0].key,)


def _overlap(first: Sequence[Evidence], second: Sequence[Evidence]) -> bool:
    return any(a.turn == b.turn and a.start < b.end and b.start < a.end for a in first for b in second)


def _places(rows: Sequence[Row], stages: tuple[str, ...], factors: tuple[str, ...]) -> Places:
    stage_at: dict[str | None, int] = {key: at for at, key in enumerate(stages)}
    factor_at = {key: at for at, key in enumerate(factors)}
    found = [
        (number, stage_at.get(stage, NONE), factor_at[factor.key], POLARITIES.index(factor.polarity))
        for number, row in enumerate(rows)
        for factor in row.factors
        if factor.key in factor_at
        for stage in (stages_of(row, factor) or (None,))
    ]
    table = np.array(found, dtype=np.int64).reshape(-1, 4)
    return Places(*(np.ascontiguousarray(column) for column in table.T))


def _given(given: Iterable[tuple[str, ...]], keys: tuple[str, ...], n: int) -> Bools:
    at = {key: place for place, key in enumerate(keys)}
    pairs = np.array([(row, at[key]) for row, found in enumerate(given) for key in found if key in at], dtype=np.int64).reshape(-1, 2)
    out = np.zeros((n, len(keys)), dtype=bool)
    out[pairs[:, 0], pairs[:, 1]] = True
    return out


def _polarities(rows: Sequence[Row], keys: tuple[str, ...]) -> Ints:
    at = {key: place for place, key in enumerate(keys)}
    found = [
        (number, at[factor.key], POLARITIES.index(factor.polarity))
        for number, row in enumerate(rows)
        for factor in row.factors
        if factor.key in at
    ]
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    out = np.full((len(rows), len(keys)), NONE, dtype=np.int64)
    out[table[:, 0], table[:, 1]] = table[:, 2]
    return out


def _scaled(rows: Sequence[Row]) -> tuple[tuple[Scale, ...], Floats, Codes]:
    scales = scales_of([row.score for row in rows])
    placed = [scale.place(row.score.value) if scale and row.score else None for row, scale in zip(rows, scales, strict=True)]
    names_of = {scale: scale.name for scale in set(scales) if scale}
    names = codes_of(names_of[scale] if scale and place is not None else None for scale, place in zip(scales, placed, strict=True))
    by_name = {name: scale for scale, name in names_of.items()}
    return tuple(by_name[name] for name in names.names), _floats(placed), names


def _subjects(rows: Sequence[Row]) -> tuple[Ints, Bools]:
    numbers: dict[str | int, int] = {}
    keys: Iterator[str | int] = (row.subject or number for number, row in enumerate(rows))
    codes = np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64, len(rows))
    return codes, np.fromiter((row.subject is not None for row in rows), np.bool_, len(rows))


def _segment_names(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.segments))


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
