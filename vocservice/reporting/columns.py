"""Packed rows in, columns of a process out: filters and figures over a million rows take tens of milliseconds.

Columns are immutable: new and changed rows make new columns.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vocservice.reporting.frame import NONE, Bools, Codes, Floats, Frame, Ints, Places, keys_of, named
from vocservice.reporting.own import EVERY, Fields
from vocservice.reporting.packing import (
    FACTOR,
    FLAG,
    HAS_SCORE,
    HAS_SUBJECT,
    HAS_UNREAD_DATE,
    HAS_VECTOR,
    NO_LEVEL,
    REASON,
    STAGE,
    Context,
    Packed,
    hashes_of,
    key_of,
    pack,
    read_context,
)
from vocservice.reporting.rows import Row
from vocservice.reporting.scores import Scale, assumed, scale_of
from vocservice.reporting.segments import OwnFields
from vocservice.reporting.sketches import Sketches
from vocservice.reporting.sketches import joined as joined_sketches
from vocservice.reporting.sketches import stacked as stacked_sketches
from vocservice.taxonomy import Taxonomy

FIELDS = np.dtype(
    [
        ("key", "<i8"), ("order", "<i8"), ("subject", "<i8"), ("sentiment", "<f8"), ("score", "<f8"), ("day", "<i4"), ("length", "<u4"),
        ("scope", "<u4"), ("outcome", "<u4"), ("units", "<u2"), ("level", "i1"), ("marks", "u1"),
    ]
)  # fmt: skip
UNITS = np.dtype([("label", "<u4"), ("stage", "<u4"), ("kind", "u1"), ("sure", "u1")])
Strings = npt.NDArray[np.bytes_]
Structs = npt.NDArray[np.void]
FEW = 100  # up to this many changed rows are inserted; above, all are sorted
KEPT = ("key", "order", "subject", "sentiment", "score", "day", "length", "level", "marks")


@dataclass(frozen=True, slots=True)
class Labels:
    """The label sets of a taxonomy, in its order."""

    taxonomy: Taxonomy
    stages: tuple[str, ...]
    factors: tuple[str, ...]
    flags: tuple[str, ...]
    reasons: tuple[str, ...]
    scopes: tuple[str, ...]
    outcomes: tuple[str, ...]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> "Labels":
        return cls(taxonomy, *(keys_of(taxonomy, name) for name in ("stages", "factors", "flags", "reasons", "scope", "outcome")))


@dataclass(frozen=True, slots=True)
class Stack:
    """Packed rows stacked, before a taxonomy is applied: a tenth of the memory of single rows."""

    ids: Strings
    fixed: Structs
    units: Structs
    contexts: tuple[Context, ...]
    context: Ints
    sketches: Sketches
    own: OwnFields

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Packed]], *, are_asked: bool = False, fields: Fields = EVERY) -> "Stack":
        """Stack ids with their packed rows; a record that counts in no figure is left out.

        Args:
            rows: ids with packed rows.
            are_asked: the custom fields were named by a reader.
            fields: the custom fields of the workspace that count.
        """
        kept = [(record_id, packed) for record_id, packed in rows if packed.fixed]
        texts: dict[str, int] = {}
        place = np.fromiter((texts.setdefault(packed.context, len(texts)) for _, packed in kept), np.int32, len(kept))
        told, codes = [read_context(text) for text in texts], dict[Context, int]()
        context = np.array([codes.setdefault(shared, len(codes)) for shared, _ in told], dtype=np.int32)
        return cls(
            np.array([record_id.encode("utf-8", "surrogatepass") for record_id, _ in kept], dtype=np.bytes_),
            np.frombuffer(b"".join([packed.fixed for _, packed in kept]), FIELDS),
            np.frombuffer(b"".join([packed.given for _, packed in kept]), UNITS),
            tuple(codes),
            context[place],
            stacked_sketches([packed.sketch for _, packed in kept]),
            OwnFields.of([own for _, own in told], place, are_asked=are_asked, fields=fields),
        )


@dataclass(frozen=True)
class Columns:
    """n rows in the order of their `order`, then of their ids.

    Attributes:
        ids: (n,) in bytes.
        fields: (n,) each; those of `FIELDS` kept as numbers.
        scope, outcome: (n,) index of the label, or -1.
        context: (n,) index into `contexts`.
        stages, flags, reasons: (labels, n) whether given.
        factors: (factors, n) polarity 0 +, 1 -, 2 ~, or -1.
        places: every factor of every row at each of its stages, in row order.
        sketches: (n, words) of the vector of each row; zeros without one.
        own: custom fields of the rows.
    """

    labels: Labels
    ids: Strings
    fields: Mapping[str, npt.NDArray[Any]]
    scope: Ints
    outcome: Ints
    contexts: tuple[Context, ...]
    context: Ints
    stages: Bools
    flags: Bools
    reasons: Bools
    factors: Ints
    places: Places
    sketches: Sketches
    own: OwnFields

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, taxonomy: Taxonomy, rows: Iterable[tuple[str, Packed]], *, are_asked: bool = False, fields: Fields = EVERY) -> "Columns":
        """Columns of ids with packed rows, as for a `Stack`; records that count in no figure are left out."""
        return cls.stacked(taxonomy, Stack.of(rows, are_asked=are_asked, fields=fields))

    @classmethod
    def stacked(cls, taxonomy: Taxonomy, stack: Stack) -> "Columns":
        """Columns of packed rows."""
        labels, fixed = Labels.of(taxonomy), stack.fixed
        fields = {name: np.ascontiguousarray(fixed[name]) for name in KEPT}
        scope, outcome = _found(labels.scopes, fixed["scope"]), _found(labels.outcomes, fixed["outcome"])
        given = _labelled(labels, fixed["units"], stack.units)
        return cls(labels, stack.ids, fields, scope, outcome, stack.contexts, stack.context, *given, stack.sketches, stack.own)._ordered()

    @cached_property
    def subject(self) -> tuple[Ints, Bools]:
        """(n,) customer numbers by first appearance, and whether one was given; a row without one has its own number."""
        import pyarrow as pa  # numbers by first appearance without sorting

        told = self.is_marked(HAS_SUBJECT)
        customers = pa.array(self.fields["subject"][told]).dictionary_encode()
        found = np.empty(len(self), dtype=np.int32)
        found[told] = customers.indices.to_numpy()
        found[~told] = len(customers.dictionary) + np.arange(len(self) - len(customers), dtype=np.int32)
        return found, told

    @cached_property
    def is_skipped(self) -> Bools:
        """Rows that count in no figure."""
        return self.where(lambda context: context.skipped is not None)

    @cached_property
    def scale(self) -> Codes:
        """The scale of each row's score."""
        return self._scored[2]

    @cached_property
    def _scored(self) -> tuple[tuple[Scale, ...], Floats, Codes]:
        """`_scaled` over all rows."""
        return self._scaled(self.context, self.fields)

    @cached_property
    def _has_untold_scale(self) -> bool:
        """Whether some scores have neither kind nor scale, so that theirs depends on the selected rows."""
        untold = np.array([(one.score_kind, one.score_scale) == (None, None) for one in self.contexts] or [False])
        return bool((untold[self.context] & self.is_marked(HAS_SCORE)).any())

    @cached_property
    def segments(self) -> Mapping[str, Codes]:
        """The custom fields that figures can be filtered by, compared by and controlled for."""
        return self.own.offered(self.subject[0])

    @cached_property
    def told(self) -> Mapping[str, Mapping[str, int]]:
        """Number of rows with each value of each segment."""
        return {name: dict(zip(codes.names, codes.counts().tolist(), strict=True)) for name, codes in self.segments.items()}

    def where(self, holds: Callable[[Context], bool]) -> Bools:
        """Rows whose context meets a condition."""
        return np.array([holds(context) for context in self.contexts], dtype=bool)[self.context]

    def is_marked(self, mark: int) -> Bools:
        """Rows with a mark of `packing`."""
        return np.asarray((self.fields["marks"] & mark) > 0)

    def has_vector(self, bundle: str) -> Bools:
        """Rows that were labelled by a bundle and have a vector of it."""
        return self.where(lambda context: context.model == bundle) & self.is_marked(HAS_VECTOR)

    def skipped(self, mask: Bools) -> Mapping[str, int]:
        """Number of rows of a mask that count in no figure, by code."""
        counts = np.bincount(self.context[mask & self.is_skipped], minlength=len(self.contexts)).tolist()
        found: dict[str, int] = {}
        for context, count in zip(self.contexts, counts, strict=True):
            if count and context.skipped:
                found[context.skipped] = found.get(context.skipped, 0) + count
        return found

    def changed(self, rows: Sequence[tuple[str, Packed]]) -> "Columns":
        """New columns with the current state of these records."""
        if not rows:
            return self
        new = Columns.of(self.labels.taxonomy, rows, fields=self.own.fields)
        wanted = np.sort(np.array([key_of(record_id) for record_id, _ in rows], dtype=np.int64))
        keys = self.fields["key"]
        stays = wanted[np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)] != keys
        if len(rows) <= FEW:
            return Columns.joined(list(self._around(new, np.flatnonzero(~stays).tolist())))
        return Columns.joined([self if stays.all() else self.taken(stays), new])

    def taken(self, mask: Bools) -> "Columns":
        """The rows of a mask."""
        at = np.flatnonzero(mask)
        return self._at(at, self.places.of_rows(mask))

    def before(self, order: int, record_id: bytes) -> int:
        """Number of rows before a position in their order."""
        first, last = (int(np.searchsorted(self.fields["order"], order, side)) for side in ("left", "right"))
        return first + int(np.searchsorted(self.ids[first:last], record_id))

    def _around(self, new: "Columns", gone: Sequence[int]) -> Iterator["Columns"]:
        """The rows with a few insertions and deletions, as slices that need no sorting."""
        lines = zip(new.fields["order"].tolist(), new.ids.tolist(), strict=True)
        comes = [(self.before(*line), False, number) for number, line in enumerate(lines)]
        at = 0
        for place, is_gone, number in sorted([*comes, *((place, True, 0) for place in gone)]):
            yield self._piece(at, place)
            at = place + is_gone
            if not is_gone:
                yield new._piece(number, number + 1)
        yield self._piece(at, len(self))

    def _piece(self, first: int, last: int) -> "Columns":
        """A slice of the rows, not copied."""
        low, high = np.searchsorted(self.places.row, (first, last)).tolist()
        return self._at(slice(first, last), self.places.between(low, high, first))

    @classmethod
    def joined(cls, parts: Sequence["Columns"]) -> "Columns":
        """Concatenate the rows of several columns, sorted."""
        codes: dict[Context, int] = {}
        context = [part._recoded(codes) for part in parts]
        sizes = [len(part) for part in parts]
        starts = np.cumsum([0, *sizes])
        width = max(part.ids.dtype.itemsize for part in parts) or 1
        return cls(
            parts[0].labels,
            np.concatenate([part.ids.astype(f"S{width}", copy=False) for part in parts]),
            {name: np.concatenate([part.fields[name] for part in parts]) for name in KEPT},
            np.concatenate([part.scope for part in parts]),
            np.concatenate([part.outcome for part in parts]),
            tuple(codes),
            np.concatenate(context),
            np.concatenate([part.stages for part in parts], axis=1),
            np.concatenate([part.flags for part in parts], axis=1),
            np.concatenate([part.reasons for part in parts], axis=1),
            np.concatenate([part.factors for part in parts], axis=1),
            Places.joined([part.places for part in parts], starts.tolist()),
            joined_sketches([part.sketches for part in parts]),
            OwnFields.joined([part.own for part in parts], sizes),
        )._ordered()

    def _recoded(self, codes: dict[Context, int]) -> Ints:
        return np.array([codes.setdefault(context, len(codes)) for context in self.contexts], dtype=np.int32)[self.context]

    def frame(self, mask: Bools | None = None, *, segments: Collection[str] = ()) -> Frame:
        """The rows of a mask as a frame, without those that count in no figure.

        Args:
            mask: (n,) all by default.
            segments: names of segments to include; by default all fields named by a reader.
        """
        counted = ~self.is_skipped if mask is None else mask & ~self.is_skipped
        rows = _Rows(counted)
        fields, context = {name: rows.of(values) for name, values in self.fields.items()}, rows.of(self.context)
        scales, score, scale = self._scaled(context, fields) if self._has_untold_scale else self._scored_at(rows)
        counts = np.bincount(context, minlength=len(self.contexts)).tolist()
        labels, level = self.labels, fields["level"].astype(np.float64)
        level[fields["level"] == NO_LEVEL] = np.nan
        return Frame(
            labels.taxonomy, labels.stages, labels.factors, labels.flags, scales,
            index=rows.at.astype(np.int32),
            ids=rows.of(self.ids),
            stages=rows.of(self.stages, axis=1).T,
            factors=rows.of(self.factors, axis=1).T,
            flags=rows.of(self.flags, axis=1).T,
            places=self.places if rows.are_all else self.places.of_rows(counted),
            scope=Codes(labels.scopes, rows.of(self.scope)),
            outcome=Codes(labels.outcomes, rows.of(self.outcome)),
            channel=named([one.channel for one in self.contexts], counts, context),
            model=named([one.model for one in self.contexts], counts, context),
            version=named([one.taxonomy for one in self.contexts], counts, context),
            scale=scale,
            segments={name: Codes(codes.names, rows.of(codes.codes)) for name, codes in self._asked(segments).items()},
            subject=rows.of(self.subject[0]),
            has_subject=rows.of(self.subject[1]),
            day=fields["day"],
            level=level,
            sentiment=fields["sentiment"],
            score=score,
            has_score=(fields["marks"] & HAS_SCORE) > 0,
            has_unread_date=(fields["marks"] & HAS_UNREAD_DATE) > 0,
            length=fields["length"],
        )  # fmt: skip

    def _ordered(self) -> "Columns":
        """The same in order."""
        order = self.fields["order"]
        step = np.diff(order)
        if (step > 0).all() or ((step >= 0).all() and (self.ids[1:] >= self.ids[:-1])[step == 0].all()):
            return self
        at = _in_order(order, self.ids)
        place = np.empty(len(at), dtype=np.int32)
        place[at] = np.arange(len(at), dtype=np.int32)
        return self._at(at, replace(self.places, row=place[self.places.row]).by_row())

    def _at(self, at: Ints | slice, places: Places) -> "Columns":
        return Columns(
            self.labels,
            self.ids[at],
            {name: values[at] for name, values in self.fields.items()},
            self.scope[at],
            self.outcome[at],
            self.contexts,
            self.context[at],
            _across(self.stages, at),
            _across(self.flags, at),
            _across(self.reasons, at),
            _across(self.factors, at),
            places,
            self.sketches[at],
            self.own.at(at),
        )

    def _asked(self, names: Collection[str]) -> Mapping[str, Codes]:
        """The segments of a frame; unused ones are not computed."""
        if self.own.are_asked:
            return self.segments
        return {name: self.segments[name] for name in names if name in self.segments}

    def _scored_at(self, rows: "_Rows") -> tuple[tuple[Scale, ...], Floats, Codes]:
        """`_scaled` for some rows, if it does not depend on which."""
        scales, score, scale = self._scored
        if rows.are_all:
            return self._scored
        some = Codes(scale.names, rows.of(scale.codes))
        codes = some.used(some.counts())
        by_name = dict(zip(scale.names, scales, strict=True))
        return tuple(by_name[name] for name in codes.names), rows.of(score), codes

    def _scaled(self, context: Ints, fields: Mapping[str, npt.NDArray[Any]]) -> tuple[tuple[Scale, ...], Floats, Codes]:
        """The scales of scores, each score scaled to 0 to 1 (NaN without one), and the scale of each."""
        kinds = [(one.score_kind, one.score_scale) for one in self.contexts]
        here = np.flatnonzero((fields["marks"] & HAS_SCORE) > 0)
        of, values = context[here], fields["score"][here]
        is_untold = np.array([kind == (None, None) for kind in kinds] or [False])
        guessed = assumed(values[is_untold[of]].tolist())
        scales = [guessed if kind == (None, None) else scale_of(*kind) for kind in kinds]
        low, high = (np.array([getattr(scale, end, math.nan) for scale in scales] or [math.nan])[of] for end in ("low", "high"))
        inside = (low <= values) & (values <= high)
        score = np.full(len(context), np.nan)
        score[here] = np.where(inside, (values - low) / (high - low), math.nan)
        used = {kinds[at] for at in np.flatnonzero(np.bincount(of)).tolist()}
        by_name = {scale.name: scale for scale, kind in zip(scales, kinds, strict=True) if scale and kind in used}
        counts = np.bincount(of[inside], minlength=len(kinds)).tolist()
        codes = named([scale.name if scale else None for scale in scales], counts, context)
        return tuple(by_name[name] for name in codes.names), score, Codes(codes.names, np.where(np.isnan(score), NONE, codes.codes))


def frame_of(rows: Sequence[Row], taxonomy: Taxonomy) -> Frame:
    """Arrays of rows; labels missing from the taxonomy are left out."""
    packed = ((row.id, pack(row, order=number)) for number, row in enumerate(rows))
    return Columns.of(taxonomy, packed, are_asked=True).frame()


def _across(matrix: npt.NDArray[Any], at: Ints | slice) -> npt.NDArray[Any]:
    """The columns at some positions; slices are not copied."""
    return matrix[:, at] if isinstance(at, slice) else np.take(matrix, at, axis=1)


def _in_order(order: Ints, ids: Strings) -> Ints:
    """Row positions by order, then id; fast for mostly sorted rows."""
    at = np.argsort(order, kind="stable")
    same = np.flatnonzero(np.diff(order[at]) == 0)
    if len(same):
        here = np.union1d(same, same + 1)
        tied = at[here]
        at[here] = tied[np.lexsort((ids[tied], order[tied]))]
    return at


class _Rows:
    """The rows of a mask; all rows are not copied."""

    def __init__(self, mask: Bools):
        self.at = np.flatnonzero(mask)
        self.are_all = len(self.at) == len(mask)

    def of(self, values: npt.NDArray[Any], *, axis: int = 0) -> npt.NDArray[Any]:
        return values if self.are_all else np.take(values, self.at, axis=axis)


def _labelled(labels: Labels, counts: Ints, units: Structs) -> tuple[Bools, Bools, Bools, Ints, Places]:
    """Unpack stages, flags, reasons, factors and places of n rows, given the number of units of each."""
    n = len(counts)
    row = np.repeat(np.arange(n, dtype=np.int32), counts)
    kind, label = units["kind"], units["label"]
    sets = (STAGE, labels.stages), (FLAG, labels.flags), (REASON, labels.reasons)
    stages, flags, reasons = (_matrix(n, row[kind == code], _found(keys, label[kind == code]), len(keys)) for code, keys in sets)
    is_factor = (kind >= FACTOR) & (kind < REASON)
    factor = _found(labels.factors, label[is_factor])
    known = factor != NONE
    of = np.flatnonzero(is_factor)[known]
    places = Places(
        row[of], _found(labels.stages, units["stage"][of]), factor[known], (kind[of] - FACTOR).astype(np.int32), units["sure"][of]
    )
    factors = np.full((len(labels.factors), n), NONE, dtype=np.int8)
    factors[places.factor, places.row] = places.polarity
    return stages, flags, reasons, factors, places


def _matrix(n: int, row: Ints, label: Ints, width: int) -> Bools:
    found = np.zeros((width, n), dtype=bool)
    found[label[label != NONE], row[label != NONE]] = True
    return found


def _found(keys: tuple[str, ...], hashes: npt.NDArray[np.uint32]) -> Ints:
    """Index of each hash in a list of labels; -1 if missing."""
    known = hashes_of(keys)
    ordered = np.array(sorted(known), dtype=np.uint32)
    if not len(ordered):
        return np.full(len(hashes), NONE, dtype=np.int32)
    places = np.array([known[value] for value in ordered.tolist()], dtype=np.int32)
    at = np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)
    return np.where(ordered[at] == hashes, places[at], NONE).astype(np.int32)
