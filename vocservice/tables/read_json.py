"""A JSON document in (a list of records or one), its records out; JSON Lines named .json are accepted."""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any, NoReturn

from vocservice.errors import InputError
from vocservice.strictjson import is_encoding, misread
from vocservice.tables import read_jsonl
from vocservice.tables.formats import shown_name
from vocservice.tables.lines import MAX_LINE
from vocservice.tables.source import Facts, Record, Request, Source
from vocservice.tables.stream import check_magic, file_size, open_bytes
from vocservice.turns import is_turns

MAX_DOCUMENT = MAX_LINE  # it is loaded completely, also by web processes


def read(request: Request) -> Source:
    """Open a document, which is loaded completely, or a file of JSON Lines, which is streamed.

    Raises:
        InputError: the file is missing, of another kind, too large for a document, empty, or no JSON.
    """
    items = items_of(request.path)
    if items is None:
        return read_jsonl.read(request)
    total = file_size(request.path)
    has_turns = any(isinstance(item, dict) and "turns" in item for item in items)
    facts = Facts(request.path, "json", total, encoding="utf-8", transcripts=has_turns)
    return Source(facts, _records(items, request), bytes_read=lambda: total, close=lambda: None)


def items_of(path: str) -> list[Any] | None:
    """The content of a UTF-8 document: its list, the one under `records`, or itself; None for JSON Lines.

    Raises:
        InputError: as `read`.
    """
    name, opened = shown_name(path), open_bytes(path)
    with opened.stream as stream:
        check_magic(stream.peek(8)[:8], name)
        first = next((line for line in iter(lambda: stream.readline(MAX_LINE), b"") if line.removeprefix(BOM_UTF8).strip()), b"")
        if not first:
            raise InputError(f"{name}: the file is empty")
        first = first.removeprefix(BOM_UTF8)
        if not first.lstrip().startswith((b"[", b"{")) or _is_object(first):
            return None
        raw = first + stream.read(MAX_DOCUMENT)
    if len(raw) > MAX_DOCUMENT:
        raise InputError(f"{name}: the JSON document has more than {MAX_DOCUMENT // 1024**2} MB; write JSON Lines, one object a line")
    return _items(raw, name)


def _items(raw: bytes, name: str) -> list[Any] | None:
    """None for JSON Lines with a broken first line; a list of turns is one conversation."""
    try:
        found = _load(raw)
    except (ValueError, RecursionError) as error:
        if raw.lstrip().startswith(b"{"):
            return None
        told = "is not valid UTF-8" if is_encoding(error) else misread(error)
        raise InputError(f"{name}: {told}; write one list of records, or JSON Lines, one object a line") from None
    if isinstance(found, dict):
        records = found.get("records")
        return records if isinstance(records, list) else [found]
    return [{"turns": found}] if is_turns(found) else found


def _is_object(line: bytes) -> bool:
    """Whether a line is a complete record, as in JSON Lines."""
    try:
        found = _load(line)
    except (ValueError, RecursionError):
        return False
    is_list = isinstance(found, dict) and isinstance(found.get("records"), list) and found.keys().isdisjoint(("text", "turns"))
    return isinstance(found, dict) and not is_list


def _load(raw: bytes) -> Any:
    """Integers stay exact, because ids may be large; lone surrogates are rejected per record."""
    return json.loads(raw.decode("utf-8"), parse_constant=_refused)


def _refused(name: str) -> NoReturn:
    raise ValueError("no number of JSON")


def _records(items: list[Any], request: Request) -> Iterator[Record]:
    return (read_jsonl.record_of(item, request, default_id=f"item-{number}") for number, item in enumerate(items, 1))
