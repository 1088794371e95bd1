"""An analysis object of the contract and the record's context in, one frozen row for reporting out.

Malformed objects are left out and counted by code; they never stop a report.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from vocservice.errors import RecordError
from vocservice.moments import tells_no_day
from vocservice.records import Evidence, Factor, Label, RawVerbatim

POLARITIES = ("+", "-", "~")
SCORE_KINDS = ("nps", "csat", "ces", "stars")
_FORMATS = ("%Y/%m/%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
_HASH_BYTES = 8
_LEVELS = range(-2, 3)


@dataclass(frozen=True, slots=True)
class Score:
    """A score as sent; `kind` is nps, csat, ces, stars or None, `scale` its highest value or None."""

    kind: str | None
    value: float
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The context of a record; `segments` are the requested columns."""

    created_at: str | None = None
    channel: str | None = None
    subject: str | None = None
    score: Mapping[str, Any] | None = None
    segments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One analysed record.

    Attributes:
        at: its day as written by the sender; None if missing or unreadable.
        has_unread_date: there is a date that cannot be read.
        sentiment: expected score, -1 to 1.
        scope: the key; None if withheld.
        outcome: how a transcript ended; None for other texts.
        subject: hash of the customer's key, never the key.
        texts: the analysed text, or one text per turn; empty without turns.
        vector: of the text, as signed bytes; empty if missing.
    """

    id: str
    at: date | None = None
    channel: str | None = None
    score: Score | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[Label, ...] = ()
    factors: tuple[Factor, ...] = ()
    sentiment: float | None = None
    level: int | None = None
    scope: str | None = None
    flags: tuple[str, ...] = ()
    outcome: str | None = None
    subject: str | None = None
    texts: tuple[str, ...] = ()
    model: str = ""
    taxonomy: str = ""
    has_unread_date: bool = False
    vector: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of an input, and the number of records left out, by code."""

    rows: tuple[Row, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)


class Fetched(Sequence[Row]):
    """Rows stored elsewhere: each access is expensive, so rows are requested in batches."""

    def many(self, places: Iterable[int]) -> Mapping[int, Row]:
        """The rows at some positions; missing ones are left out."""
        raise NotImplementedError

    def vectors(self, places: Iterable[int]) -> Mapping[int, tuple[str, bytes]]:
        """Bundle and vector of the rows at some positions, if they have one."""
        return _vectors_of(self.many(places))


def rows_at(rows: Sequence[Row], places: Iterable[int]) -> Mapping[int, Row]:
    """Rows by position."""
    return rows.many(places) if isinstance(rows, Fetched) else {at: rows[at] for at in places}


def vectors_at(rows: Sequence[Row], places: Iterable[int]) -> Mapping[int, tuple[str, bytes]]:
    """By position: bundle and vector of a row; rows without one are left out."""
    return rows.vectors(places) if isinstance(rows, Fetched) else _vectors_of({at: rows[at] for at in places})


def _vectors_of(found: Mapping[int, Row]) -> Mapping[int, tuple[str, bytes]]:
    return {at: (row.model, row.vector) for at, row in found.items() if row.vector}


def read_rows(pairs: Iterable[tuple[object, Origin]]) -> Reading:
    """Rows of analysis objects; rejected or malformed ones are counted by code."""
    rows: list[Row] = []
    skipped: Counter[str] = Counter()
    for analysis, origin in pairs:
        try:
            rows.append(row_of(analysis, origin))
        except RecordError as error:
            skipped[error.code] += 1
    return Reading(tuple(rows), dict(skipped))


def row_of(analysis: object, origin: Origin, *, vector: bytes = b"") -> Row:
    """Parse one row.

    Raises:
        RecordError: the object is a rejection (with its code) or not an analysis (`invalid_type`).
    """
    if not isinstance(analysis, Mapping):
        raise RecordError("an analysis must be an object", code="invalid_type")
    if analysis.get("status") != "ok":
        raise RecordError("the record was rejected", code=_code(analysis.get("error")))
    day = day_of(origin.created_at)
    return Row(
        id=_text(analysis.get("id"), "id"),
        at=day,
        channel=_tidy(origin.channel),
        score=score_of(origin.score),
        segments=origin.segments,
        stages=tuple(_label(item) for item in _items(analysis, "stages")),
        factors=tuple(_factor(item) for item in _items(analysis, "factors")),
        sentiment=_number(_member(analysis, "sentiment", "score")),
        level=_level(_member(analysis, "sentiment", "level")),
        scope=_optional(_member(analysis, "scope", "key"), "scope"),
        flags=tuple(_text(item.get("key"), "flag") for item in _items(analysis, "flags")),
        outcome=_optional(_member(analysis, "outcome", "key"), "outcome"),
        subject=hashed(origin.subject),
        texts=_texts(analysis),
        model=_optional(analysis.get("model"), "model") or "",
        taxonomy=_optional(analysis.get("taxonomy"), "taxonomy") or "",
        has_unread_date=day is None and bool(origin.created_at and origin.created_at.strip()),
        vector=vector,
    )


def stages_of(row: Row, factor: Factor) -> tuple[str, ...]:
    """The stages of a factor of a row: those whose evidence it shares; if it shares none, the first."""
    if len(row.stages) < 2:
        return tuple(label.key for label in row.stages)
    shared = tuple(label.key for label in row.stages if _overlap(label.evidence, factor.evidence))
    return shared or (row.stages[0].key,)


def origin_of(record: RawVerbatim, segments: Sequence[str] = ()) -> Origin:
    """The context of a raw record; segments are its columns or metadata fields."""
    found = _segments({**(record.metadata or {}), **(record.row or {})}, segments) if segments else {}
    begun = next((turn.at for turn in record.turns if turn.at and not tells_no_day(turn.at)), None)
    return Origin(record.created_at or begun, record.channel, record.subject, record.score, found)


def origin_of_object(found: Mapping[str, Any], segments: Sequence[str] = ()) -> Origin:
    """The context in an analysis object that includes the record's own fields."""
    score = found.get("score")
    return Origin(
        created_at=_text_or_none(found.get("created_at")) or _begun(found.get("turns")),
        channel=_text_or_none(found.get("channel")),
        subject=_text_or_none(found.get("subject")),
        score={"value": score} if _is_number(score) else score if isinstance(score, Mapping) else None,
        segments=_segments(_fields(found), segments) if segments else {},
    )


@lru_cache(maxsize=4096)
def day_of(text: str | None) -> date | None:
    """The day of a date in ISO form or starting with year or month name; None if ambiguous."""
    text = (text or "").strip()
    for found in (text[:10], text):
        try:
            return datetime.fromisoformat(found).date()
        except ValueError:
            continue
    return next(filter(None, (_parsed(text, form) for form in _FORMATS)), None)


def score_of(found: Mapping[str, Any] | None) -> Score | None:
    """The score of the contract, None without a usable value."""
    if not found or not _is_number(found.get("value")):
        return None
    kind, scale = found.get("kind"), found.get("scale")
    usable = float(scale) if isinstance(scale, int | float) and _is_number(scale) and scale > 0 else None
    return Score(kind if kind in SCORE_KINDS else None, float(found["value"]), usable)


def hashed(subject: str | None) -> str | None:
    """Hash of the customer's key; equal keys stay equal."""
    return blake2b(subject.encode("utf-8", "replace"), digest_size=_HASH_BYTES).hexdigest() if subject else None


def _overlap(first: Sequence[Evidence], second: Sequence[Evidence]) -> bool:
    return any(a.turn == b.turn and a.start < b.end and b.start < a.end for a in first for b in second)


def _parsed(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 (a day as written has no zone)
    except ValueError:
        return None


def _code(error: object) -> str:
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() else "invalid_type"


def _begun(turns: object) -> str | None:
    """The first time given in a turn."""
    told = (turn.get("at") for turn in turns if isinstance(turn, Mapping)) if isinstance(turns, list | tuple) else ()
    return next((at for at in told if isinstance(at, str) and at and not tells_no_day(at)), None)


def _fields(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object's members, overriding those of its metadata."""
    metadata = found.get("metadata")
    return {**metadata, **found} if isinstance(metadata, Mapping) else found


def _segments(fields: Mapping[str, Any], names: Iterable[str]) -> Mapping[str, str]:
    return {name: str(fields[name]).strip() for name in names if fields.get(name) not in (None, "")}


def _items(analysis: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    items = analysis.get(name) or ()
    if not isinstance(items, list | tuple):
        raise RecordError(f"{name} must be a list", code="invalid_type")
    for item in items:
        if type(item) is not dict:
            raise RecordError(f"{name} must hold objects", code="invalid_type")
    return items


def _label(item: Mapping[str, Any]) -> Label:
    return Label(_text(item.get("key"), "stage"), _probability(item), _evidence(item))


def _factor(item: Mapping[str, Any]) -> Factor:
    polarity = item.get("polarity")
    if polarity not in POLARITIES:
        raise RecordError("the polarity of a factor must be +, - or ~", code="invalid_type")
    return Factor(_text(item.get("key"), "factor"), polarity, _probability(item), _evidence(item))


def _probability(item: Mapping[str, Any]) -> float:
    """A missing value counts as 0: it only orders quotes."""
    return _number(item.get("probability")) or 0.0


def _evidence(item: Mapping[str, Any]) -> tuple[Evidence, ...]:
    pieces = item.get("evidence")
    if not pieces:
        return ()
    if not isinstance(pieces, list | tuple):
        raise RecordError("evidence must be a list", code="invalid_type")
    return tuple([_piece(piece) for piece in pieces])


def _piece(piece: object) -> Evidence:
    if type(piece) is not dict:
        raise RecordError("evidence must be an object", code="invalid_type")
    start, end, turn, text = piece.get("start"), piece.get("end"), piece.get("turn"), piece.get("text")
    if not (type(start) is type(end) is int and 0 <= start <= end and type(text) is str and (turn is None or type(turn) is int)):
        raise RecordError("evidence must have whole offsets and a text", code="invalid_type")
    return Evidence(start, end, turn, text)


def _texts(analysis: Mapping[str, Any]) -> tuple[str, ...]:
    if analysis.get("turns"):
        return tuple(_text(turn.get("text"), "text of a turn") for turn in _items(analysis, "turns"))
    text = analysis.get("text")
    return (text,) if isinstance(text, str) and analysis.get("outcome") is None else ()


def _member(analysis: Mapping[str, Any], name: str, key: str) -> object:
    found = analysis.get(name)
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise RecordError(f"{name} must be an object", code="invalid_type")
    return found.get(key)


def _level(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value not in _LEVELS:
        raise RecordError("the level of sentiment must be -2 to 2", code="invalid_type")
    return value


def _number(value: object) -> float | None:
    if value is not None and not _is_number(value):
        raise RecordError("a probability or score must be a number", code="invalid_type")
    return None if value is None else float(value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise RecordError(f"{name} must be a string", code="invalid_type")
    return value


def _optional(value: object, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _tidy(name: str | None) -> str | None:
    return (name or "").strip() or None
