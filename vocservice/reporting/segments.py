"""Custom fields of many rows in, segments for filters, comparisons and controls out: columns of codes.

A value is shown if enough records of enough different customers share it; the others of its field become `other`. A field whose
records mostly have unshared values is not a segment: it identifies records.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from vocservice.reporting.estimate import MIN_N
from vocservice.reporting.frame import NONE, Codes, Ints, count_of
from vocservice.reporting.own import EVERY, MOST_FIELDS, OTHER, Fields, most_told

MOST_OFFERED = 12
MOST_SHOWN = 12
MOST_VALUES = 1_000
MANY = "\0"  # stands for all values of a field with too many
_LATEST = 20_000
_MOST_PLACES = 2_400_000  # rows times fields read before joining
Told = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class OwnFields:
    """The custom fields of n rows, by name.

    Attributes:
        codes: (n,) each. With more than 1,000 values only whether there is one (`MANY`); of more than 24 fields the most frequent.
        are_asked: a reader named these fields, so all their values are kept.
        is_cut: some rows have more fields than `codes` holds, so a missing field may exist.
        fields: the counting fields of the workspace; no others are in `codes`.
    """

    codes: Mapping[str, Codes] = field(default_factory=dict)
    are_asked: bool = False
    is_cut: bool = False
    fields: Fields = EVERY

    @classmethod
    def of(cls, told: Sequence[Told], context: Ints, *, are_asked: bool = False, fields: Fields = EVERY) -> "OwnFields":
        """Fields of rows by shared context; of more than 24, the most frequent are chosen when joining.

        Args:
            told: names with values, by context.
            context: (n,) index into `told`.
            are_asked, fields: as above.
        """
        counts: Counter[str] = Counter()
        for pairs, rows in zip(told, np.bincount(context, minlength=len(told)).tolist(), strict=True):
            counts.update(dict.fromkeys((name for name, _ in pairs if name in fields), rows))
        kept = list(counts) if are_asked else most_told(counts, max(MOST_FIELDS, _MOST_PLACES // max(1, len(context))))
        values: dict[str, dict[str, int]] = {name: {} for name in kept}
        places = {name: [NONE] * len(told) for name in kept}
        for at, pairs in enumerate(told):
            for name, value in pairs:
                if name in values:
                    places[name][at] = values[name].setdefault(value, len(values[name]))
        found = {name: _tidied(values[name], np.array(places[name], dtype=np.int32)[context], are_asked=are_asked) for name in kept}
        return cls(found, are_asked, len(kept) < len(counts), fields)

    def at(self, at: Ints | slice) -> "OwnFields":
        """The fields of some rows, in this order."""
        return OwnFields({name: codes.take(at) for name, codes in self.codes.items()}, self.are_asked, self.is_cut, self.fields)

    @classmethod
    def joined(cls, parts: Sequence["OwnFields"], sizes: Sequence[int]) -> "OwnFields":
        """Concatenate the fields of parts of these sizes, dropping unused values.

        A field that a part may have cut is left out, because only some of its rows would have it.
        """
        are_asked = any(part.are_asked for part in parts)
        cut = [part.codes.keys() for part in parts if part.is_cut]
        told = dict.fromkeys(name for part in parts for name in part.codes)
        names = [name for name in told if all(name in held for held in cut)]
        if not are_asked and len(names) > MOST_FIELDS:
            names = _most_told_of(parts, names)
        kept = names if are_asked else names[:MOST_FIELDS]
        found = {name: _one([part.codes.get(name) for part in parts], sizes, are_asked=are_asked) for name in kept}
        return cls(found, are_asked, bool(cut) or len(kept) < len(names), parts[0].fields)

    def offered(self, subject: Ints) -> Mapping[str, Codes]:
        """The segments, at most 12, most frequent first: at most 12 values each, most frequent first, then `other`.

        Args:
            subject: (n,) number of the customer of each row.
        """
        if self.are_asked:
            return self.codes
        order = sorted(self.codes, key=lambda name: (-_told(self.codes[name]), name))
        found = ((name, _shared(self.codes[name], subject)) for name in order)
        return dict(islice(((name, codes) for name, codes in found if codes is not None), MOST_OFFERED))


def grouped(codes: Codes, kept: Sequence[int]) -> Codes:
    """Keep some values, by index; all others become one, `other`, the last."""
    kept = [at for at in kept if codes.names[at] != OTHER]
    moved = np.full(len(codes.names) + 1, len(kept), dtype=np.int16)
    moved[-1] = NONE
    moved[kept] = np.arange(len(kept), dtype=np.int16)
    found = moved[codes.codes]
    others = (OTHER,) if (found == len(kept)).any() else ()
    return Codes((*(codes.names[at] for at in kept), *others), found)


def _shared(codes: Codes, subject: Ints) -> Codes | None:
    """The values shared by enough customers, the rest as one; None if they cover less than half, or there are not two."""
    if MANY in codes.names:
        return None
    counts = codes.counts()
    order = sorted(range(len(codes.names)), key=lambda at: (-counts[at], codes.names[at]))[:MOST_SHOWN]
    often = [at for at in order if counts[at] >= MIN_N and codes.names[at] != OTHER]
    kept = [at for at in often if _is_of_many(codes.codes, subject, at)]
    told, known = int(counts.sum()), int(counts[kept].sum())
    return grouped(codes, kept) if 2 * known >= told and len(kept) + (known < told) >= 2 else None


def _is_of_many(codes: Ints, subject: Ints, value: int) -> bool:
    """Whether enough customers have a value; usually the latest rows suffice."""
    latest = slice(-_LATEST, None)
    parts = ((codes[part], subject[part]) for part in (latest, slice(None)))
    return any(len(np.unique(customers[held == value])) >= MIN_N for held, customers in parts)


def _most_told_of(parts: Sequence[OwnFields], names: Sequence[str]) -> list[str]:
    """The fields by number of rows over all parts; unused ones are left out."""
    counts = {name: sum(_told(part.codes[name]) for part in parts if name in part.codes) for name in names}
    return most_told({name: count for name, count in counts.items() if count}, len(counts))


def _told(codes: Codes) -> int:
    return count_of(codes.codes != NONE)


def _one(parts: Sequence[Codes | None], sizes: Sequence[int], *, are_asked: bool) -> Codes:
    """Concatenate a field; parts without it have no values."""
    values: dict[str, int] = {}
    places: dict[int, list[int]] = {}  # by the names of a part; slices of the same rows share theirs
    for part in filter(None, parts):
        if id(part.names) not in places:
            places[id(part.names)] = [values.setdefault(name, len(values)) for name in part.names]
    kind = _kind(len(values))
    found = [
        _moved(part, places[id(part.names)], kind) if part else np.full(size, NONE, kind) for part, size in zip(parts, sizes, strict=True)
    ]
    return _tidied(values, np.concatenate(found), are_asked=are_asked)


def _moved(codes: Codes, places: Sequence[int], kind: type[np.signedinteger[Any]]) -> Ints:
    """Recode values to these indexes."""
    if places == list(range(len(places))):
        return codes.codes.astype(kind, copy=False)
    return np.array([*places, NONE], dtype=kind)[codes.codes]


def _kind(values: int) -> type[np.signedinteger[Any]]:
    """The narrowest integer type for so many codes."""
    return np.int16 if values < np.iinfo(np.int16).max else np.int32


def _tidied(values: Collection[str], codes: Ints, *, are_asked: bool) -> Codes:
    """The used values, in the narrowest type."""
    told = Codes(tuple(values), codes)
    counts = told.counts()
    if not are_asked and (MANY in values or np.count_nonzero(counts) > MOST_VALUES):
        return Codes((MANY,), np.minimum(codes, 0).astype(np.int16))
    if are_asked or not counts.all():
        found = told.used(counts)
        return Codes(found.names, found.codes.astype(_kind(len(found.names))))
    return Codes(told.names, codes.astype(np.int16, copy=False))
