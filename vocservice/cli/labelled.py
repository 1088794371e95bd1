"""Labelled or raw files in, the analysis object and context of each record out.

Labelled records are used as they are. Raw ones are analysed; the analyser is loaded for the first of them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import groupby
from typing import Any

import orjson

from vocservice.api import Analyser
from vocservice.errors import InputError
from vocservice.records import Analysis, RawVerbatim, Rejected
from vocservice.reporting.labelled import TEXT_COLUMN, is_exploded, is_labelled, object_of
from vocservice.reporting.rows import Origin, origin_of, origin_of_object
from vocservice.tables import Source, parse_record, read
from vocservice.tables.formats import input_format, shown_name
from vocservice.tables.lines import MAX_LINE
from vocservice.tables.read_json import items_of as json_items
from vocservice.tables.stream import check_magic, open_bytes

Told = tuple[Mapping[str, Any], Origin, bytes]
"""An analysis object, the sender's context, and the vector of the text; empty if the record was already labelled."""

_UTF8_MARK = b"\xef\xbb\xbf"
_STATUS = ("ok", "rejected")


@dataclass(frozen=True)
class Columns:
    """Column names or JSON keys chosen by the user, None to find them automatically; `score_kind` if records name none."""

    id: str | None = None
    text: str | None = None
    score: str | None = None
    date: str | None = None
    channel: str | None = None
    subject: str | None = None
    sheet: str | None = None
    score_kind: str | None = None
    segments: tuple[str, ...] = ()

    @cached_property
    def wanted(self) -> dict[str, str]:
        """Field of a record to the caller's name for it, except id and text."""
        return {field: name for field, name in self.all_wanted.items() if field not in ("id", "text")}

    @cached_property
    def all_wanted(self) -> dict[str, str]:
        """Field of a record to the caller's name for it."""
        named = {"id": self.id, "text": self.text, "score": self.score, "created_at": self.date, "channel": self.channel}
        return {field: name for field, name in {**named, "subject": self.subject}.items() if name is not None}


@dataclass(frozen=True, slots=True)
class Item:
    """One record: its analysis if labelled, else the record to analyse."""

    origin: Origin
    analysis: Mapping[str, Any] | None = None
    record: RawVerbatim | Rejected | None = None


def items_of(path: str, columns: Columns) -> Iterator[Item]:
    """The records of one input.

    Raises:
        InputError: the input or one of the named columns cannot be used; also while iterating.
    """
    found = _found(path, columns)
    if columns.score_kind is None:
        return found
    return (replace(item, origin=_with_kind(item.origin, columns.score_kind)) for item in found)


def _found(path: str, columns: Columns) -> Iterator[Item]:
    kind = input_format(path).name
    items = json_items(path) if kind == "json" else None
    if items is not None:
        return (_item_of(item, f"item-{number}", columns) for number, item in enumerate(items, 1))
    return _lines(path, columns) if kind in ("json", "jsonl") else _cells(path, columns)


def told_of(items: Iterable[Item], load: Callable[[], Analyser]) -> Iterator[Told]:
    """Yield every record's analysis object, in order."""
    for is_raw, group in groupby(items, key=lambda item: item.record is not None):
        label = partial(_analysed, analyser=load()) if is_raw else partial(map, _as_it_is)
        yield from label(group)


def origins_of(path: str, columns: Columns) -> dict[str, Origin]:
    """Context of the records of a raw file, by id; of a repeated id, the last.

    Raises:
        InputError: the file or one of the named columns cannot be used.
    """
    found = ((item.record.id if item.record else (item.analysis or {}).get("id"), item.origin) for item in items_of(path, columns))
    return {key: origin for key, origin in found if isinstance(key, str)}


def _analysed(items: Iterable[Item], analyser: Analyser) -> Iterator[Told]:
    waiting: deque[Origin] = deque()

    def records() -> Iterator[RawVerbatim | Rejected]:
        for item in items:
            if item.record is not None:
                waiting.append(item.origin)
                yield item.record

    for result in analyser.stream(records()):
        yield result.to_dict(), waiting.popleft(), result.vector if isinstance(result, Analysis) else b""


def _as_it_is(item: Item) -> Told:
    return item.analysis or {}, item.origin, b""


def _cells(path: str, columns: Columns) -> Iterator[Item]:
    with _open(path, columns) as source:
        keys = source.facts.columns
        missing = [name for name in columns.segments if name not in keys]
        if missing:
            raise InputError(f"{shown_name(path)}: there is no column {missing[0]!r}")
        if is_exploded(keys):
            raise InputError(f"{shown_name(path)}: has one row per label (--explode); use the output of voc classify without --explode")
        labelled = is_labelled(keys)
        for record in source:
            yield _labelled(record, columns) if labelled else Item(_origin(record, columns), record=record)


def _open(path: str, columns: Columns) -> Source:
    """Labelled tables use the analysed text, others the raw text."""
    try:
        return read(path, id_column=columns.id, text_column=TEXT_COLUMN, mapping=columns.wanted, sheet=columns.sheet)
    except InputError:
        return read(path, id_column=columns.id, text_column=columns.text, mapping=columns.wanted, sheet=columns.sheet)


def _labelled(record: RawVerbatim | Rejected, columns: Columns) -> Item:
    if isinstance(record, Rejected):
        return Item(Origin(), record.to_dict())
    return Item(_origin(record, columns), object_of(record.row or {}, record_id=record.id))


def _origin(record: RawVerbatim | Rejected, columns: Columns) -> Origin:
    return Origin() if isinstance(record, Rejected) else origin_of(record, columns.segments)


def _lines(path: str, columns: Columns) -> Iterator[Item]:
    opened = open_bytes(path)
    with opened.stream as stream:
        check_magic(stream.peek(8)[:8], shown_name(path))
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
            if len(line) > MAX_LINE:
                raise InputError(f"{shown_name(path)}: line {number} is longer than {MAX_LINE // 1024**2} MB")
            if line.strip():
                yield _item(line.removeprefix(_UTF8_MARK) if number == 1 else line, number, columns)


def _item(line: bytes, number: int, columns: Columns) -> Item:
    try:
        found = orjson.loads(line)
    except ValueError:
        return Item(Origin(), Rejected(f"line-{number}", "invalid_json", "").to_dict())
    return _item_of(found, f"line-{number}", columns)


def _item_of(found: Any, default_id: str, columns: Columns) -> Item:
    if not isinstance(found, dict):
        return Item(Origin(), Rejected(default_id, "invalid_type", "").to_dict())
    is_analysis = found.get("status") in _STATUS
    renamed = _renamed(found, columns.wanted if is_analysis else columns.all_wanted)
    origin = origin_of_object(renamed, columns.segments)
    return Item(origin, renamed) if is_analysis else Item(origin, record=parse_record(renamed, default_id=default_id))


def _renamed(found: dict[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Rename the caller's keys, top-level or in metadata, to those of the contract."""
    if not wanted:
        return found
    metadata = found.get("metadata")
    own = {**metadata, **found} if isinstance(metadata, dict) else found
    return found | {field: own.get(key) for field, key in wanted.items()}


def _with_kind(origin: Origin, kind: str) -> Origin:
    if not origin.score or origin.score.get("kind"):
        return origin
    return replace(origin, score={**origin.score, "kind": kind})
