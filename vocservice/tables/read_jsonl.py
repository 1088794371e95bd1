"""A JSON Lines file or standard input in, its objects out as records; a broken line is rejected with its number."""

import io
import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from vocservice.errors import InputError
from vocservice.records import Rejected
from vocservice.strictjson import is_encoding, misread
from vocservice.tables.columns import named
from vocservice.tables.encoding import decode, marked_encoding
from vocservice.tables.formats import shown_name
from vocservice.tables.lines import MAX_LINE, Line, read_lines
from vocservice.tables.record import parse_record
from vocservice.tables.source import Facts, Record, Request, Source
from vocservice.tables.stream import BUFFER, check_magic, is_stream, open_bytes

_BYTES_AS_TEXT = "latin-1"
_TURNS = b'"turns"'


def read(request: Request) -> Source:
    """Open a file with one JSON object per line, or standard input.

    Raises:
        InputError: the file is missing or of another kind; while iterating, when it is one JSON document.
    """
    opened = open_bytes(request.path)
    try:
        head = opened.stream.peek(8)[:8]
        check_magic(head, shown_name(request.path))
        encoding = marked_encoding(head) or "utf-8"
        facts = Facts(request.path, "jsonl", opened.total, encoding=encoding, transcripts=_may_hold_turns(request.path, encoding))
        stream = decode(opened, _BYTES_AS_TEXT if encoding.startswith("utf-8") else encoding)
    except BaseException:
        opened.stream.close()
        raise
    records = _records(stream, request, unmarked=not encoding.startswith("utf-8"))
    return Source(facts, records, bytes_read=lambda: opened.bytes_read, close=stream.close)


def _records(stream: io.TextIOWrapper, request: Request, *, unmarked: bool) -> Iterator[Record]:
    """Decode as bytes (one character each), so that JSON's own check finds invalid UTF-8."""
    first = True
    for line in read_lines(stream):
        data = line.text.encode("utf-8", "surrogatepass") if unmarked else line.text.encode(_BYTES_AS_TEXT)
        if line.number == 1:
            data = data.removeprefix(BOM_UTF8)
        if line.overlong or data.strip():
            yield _record(data, line, request, first=first)
            first = False


def _record(data: bytes, line: Line, request: Request, *, first: bool) -> Record:
    default_id, where = f"line-{line.number}", f"line {line.number}"
    if line.overlong:
        return Rejected(default_id, "text_too_long", f"{where} is longer than {MAX_LINE // 1024**2} MB")
    try:
        obj = _load(data)
    except (ValueError, RecursionError) as error:
        if first and data.lstrip().startswith(b"["):
            raise InputError(
                f"{shown_name(request.path)}: one JSON document; name it .json, or write JSON Lines, one object a line"
            ) from None
        return Rejected(default_id, *_fault(error, where))
    record = record_of(obj, request, default_id=default_id)
    return replace(record, message=f"{where}: {record.message}") if isinstance(record, Rejected) else record


def _load(data: bytes) -> Any:
    obj = orjson.loads(data)
    has_long_number = isinstance(obj, dict) and any(isinstance(value, float) and abs(value) >= 2**63 for value in obj.values())
    return json.loads(data) if has_long_number else obj


def _fault(error: Exception, where: str) -> tuple[str, str]:
    if is_encoding(error):
        return "invalid_encoding", f"{where} is not valid UTF-8, or holds half of a surrogate pair: save it as UTF-8"
    return "invalid_json", f"{where} {misread(error, has_lines=False)}; write one whole object a line, with null for NaN and Infinity"


def record_of(obj: Any, request: Request, *, default_id: str) -> Record:
    """The record of an object with fields under the caller's keys (`wanted`: field to key)."""
    wanted = request.wanted
    renamed = obj | {field: obj.get(key) for field, key in wanted.items()} if wanted and isinstance(obj, dict) else obj
    return _explained(parse_record(renamed, default_id=default_id, customers=request.customers), request)


def _explained(record: Record, request: Request) -> Record:
    """A rejection for a missing text, naming the key looked for, if one was chosen."""
    if not isinstance(record, Rejected) or record.code != "missing_text":
        return record
    if "text" in request.wanted:
        key = named([request.wanted["text"]], noun="key")
        return replace(record, message=f"there is no text under {key}, the key chosen as the text column", field="text")
    return replace(record, message=f"{record.message}, or choose the key of the text as the text column", field="text")


def _may_hold_turns(path: str, encoding: str) -> bool:
    """Whether transcripts may occur: a table's header must be known before the first row."""
    if is_stream(path) or not encoding.startswith("utf-8"):
        return True
    with open_bytes(path).stream as stream:
        tail = b""
        while chunk := stream.read(BUFFER):
            if _TURNS in tail + chunk:
                return True
            tail = chunk[-len(_TURNS) :]
    return False
