"""One reporting row in, the few bytes that figures need out: fixed numbers, given labels, and shared context.

The bytes contain no text, evidence or label keys: a label is stored as a hash of its key, resolved with a taxonomy.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType

from vocservice.reporting.rows import POLARITIES, Origin, Row, day_of, score_of, stages_of

# key, order, subject; sentiment, score; day, length; scope, outcome; units; level; marks: `FIELDS` of `columns`, in bytes.
FIXED = struct.Struct("<qqqddiIIIHbB")
# label, stage; kind, tenths of the probability.
UNIT = struct.Struct("<IIBB")
HAS_SUBJECT, HAS_SCORE, HAS_UNREAD_DATE, HAS_VECTOR, IS_JUDGED, NEEDS_REVIEW, IS_CORRECTED = (1 << bit for bit in range(7))
STAGE, FLAG, FACTOR = 0, 1, 2  # a factor's kind is FACTOR + the index of its polarity
REASON = FACTOR + len(POLARITIES)
NO_LEVEL = -128
NOTHING = 0
_MOST_UNITS = 65_535
_LONGEST = 2**32 - 1
_WORD = 64  # bits; a sketch has a whole number of words
_SIGNS = bytes(ord("1") if 0 < number < 128 else ord("0") for number in range(256))  # of signed bytes


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed row; `fixed` is empty if the record counts in no figure."""

    fixed: bytes = b""
    given: bytes = b""
    context: str = ""
    sketch: bytes = b""


@dataclass(frozen=True, slots=True)
class Context:
    """The context shared by many rows; `skipped` is the code of a record that counts in no figure."""

    channel: str | None = None
    source: str | None = None
    score_kind: str | None = None
    score_scale: float | None = None
    model: str | None = None
    taxonomy: str | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What review says of a record: reasons given, whether it needs review (None: not judged), and whether a person corrected it."""

    reasons: tuple[str, ...] = ()
    needs_review: bool | None = None
    is_corrected: bool = False

    @property
    def marks(self) -> int:
        return (self.needs_review is not None) * IS_JUDGED + bool(self.needs_review) * NEEDS_REVIEW + self.is_corrected * IS_CORRECTED


def pack(row: Row, *, order: int = 0, source: str | None = None, vector: bytes = b"", verdict: Verdict = Verdict()) -> Packed:
    """Pack a row.

    Args:
        row: the row.
        order: the sort key, such as microseconds since 1970.
        source: id of its source.
        vector: to find it by; made by the model that labelled it.
        verdict: of review.
    """
    score = row.score
    units = b"".join((*_units(row), *_reasons(verdict)))[: _MOST_UNITS * UNIT.size]
    marks = (row.subject is not None) * HAS_SUBJECT + (score is not None) * HAS_SCORE + row.has_unread_date * HAS_UNREAD_DATE
    marks += (vector != b"") * HAS_VECTOR + verdict.marks
    fixed = FIXED.pack(
        key_of(row.id),
        order,
        key_of(row.subject or ""),
        math.nan if row.sentiment is None else row.sentiment,
        score.value if score else math.nan,
        row.at.toordinal() if row.at else 0,
        min(sum(map(len, row.texts)), _LONGEST),
        hash_of(row.scope),
        hash_of(row.outcome),
        len(units) // UNIT.size,
        NO_LEVEL if row.level is None else row.level,
        marks,
    )
    kind, scale = (score.kind, score.scale) if score else (None, None)
    shared = Context(row.channel, source, kind, scale, row.model or None, row.taxonomy or None)
    return Packed(fixed, units, written(shared, row.segments), sketch_of(vector) if vector else b"")


def pack_skipped(record_id: str, code: str, origin: Origin, *, order: int = 0, source: str | None = None) -> Packed:
    """Pack a record that counts in no figure, only as left out under a code."""
    score, day = score_of(origin.score), day_of(origin.created_at)
    at = day.toordinal() if day else 0
    fixed = FIXED.pack(key_of(record_id), order, key_of(""), math.nan, math.nan, at, 0, NOTHING, NOTHING, 0, NO_LEVEL, 0)
    kind, scale = (score.kind, score.scale) if score else (None, None)
    return Packed(fixed, b"", written(Context(origin.channel, source, kind, scale, skipped=code)))


def written(context: Context, segments: Mapping[str, str] = MappingProxyType({})) -> str:
    """A context and its custom fields as text, canonical."""
    parts = [*(getattr(context, name) for name in Context.__dataclass_fields__), sorted(segments.items())]
    return json.dumps(parts, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def read_context(text: str) -> tuple[Context, list[list[str]]]:
    """Parse a context and its custom fields."""
    *parts, segments = json.loads(text)
    return Context(*parts), segments


def sketch_of(vector: bytes) -> bytes:
    """One bit per signed byte of a vector, set where it is positive; filled up with zeros to whole words."""
    size = -(-len(vector) // _WORD) * _WORD
    return int(vector.translate(_SIGNS).ljust(size, b"0"), 2).to_bytes(size // 8, "big")


def key_of(name: str) -> int:
    """A 64-bit hash of an id."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)


@lru_cache(maxsize=4096)
def hash_of(key: str | None) -> int:
    """A 32-bit hash of a label; 0 for none."""
    if key is None:
        return NOTHING
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little") or 1


def hashes_of(keys: tuple[str, ...]) -> Mapping[int, int]:
    """Index of each label in a list, by its hash."""
    return {hash_of(key): at for at, key in enumerate(keys)}


def _reasons(verdict: Verdict) -> Iterator[bytes]:
    return (UNIT.pack(hash_of(reason), NOTHING, REASON, 0) for reason in verdict.reasons)


def _units(row: Row) -> Iterator[bytes]:
    for stage in row.stages:
        yield UNIT.pack(hash_of(stage.key), NOTHING, STAGE, 0)
    for flag in row.flags:
        yield UNIT.pack(hash_of(flag), NOTHING, FLAG, 0)
    for factor in row.factors:
        sign, tenths = FACTOR + POLARITIES.index(factor.polarity), round(10 * min(max(round(factor.probability, 1), 0.0), 25.0))
        for stage_key in stages_of(row, factor) or (None,):
            yield UNIT.pack(hash_of(factor.key), hash_of(stage_key), sign, tenths)
