"""A result in, one line of JSON out, and back: the content of shards. The caller's own columns stay in the input.

The same for records, for engines that send them to other processes.
"""

import json
from dataclasses import fields, replace
from functools import cache
from operator import attrgetter
from typing import Any

import orjson
from pydantic import TypeAdapter

from vocservice.records import Analysis, RawVerbatim, Rejected, Result
from vocservice.tables.source import Record

_TOO_DEEP = "the metadata is nested too deeply to be sent to another process; its neighbours went on"
# by hand, because `replace` would double the cost
_OF_ANALYSIS = tuple(field.name for field in fields(Analysis) if field.name not in ("row", "vector"))
_parts = attrgetter(*_OF_ANALYSIS)


def encode(result: Result) -> bytes:
    """The result without its row, as a line; lone surrogates are escaped."""
    if isinstance(result, Rejected):
        return _line(replace(result, row=None))
    return _line(dict(zip(_OF_ANALYSIS, _parts(result), strict=True)))


def encode_record(record: Record) -> bytes:
    """A record as a line, without its row. One whose metadata is nested too deeply for JSON is rejected."""
    bare = replace(record, row=None)
    try:
        return _line(bare)
    except RecursionError:
        return _line(Rejected(record.id, "analysis_failed", _TOO_DEEP))


def decode_record(line: bytes) -> Record:
    """Parse a record.

    Raises:
        ValueError: the line is not a record.
    """
    found = _loaded(line)
    is_rejected = isinstance(found, dict) and "code" in found
    return _rejections().validate_python(found) if is_rejected else _verbatims().validate_python(found)


def decode(line: bytes) -> Result:
    """Parse a result, equal to the encoded one.

    Raises:
        ValueError: the line is not a result.
    """
    found = _loaded(line)
    is_analysis = isinstance(found, dict) and "language" in found
    return _analyses().validate_python(found) if is_analysis else _rejections().validate_python(found)


def _line(bare: Rejected | RawVerbatim | dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(bare, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return json.dumps(bare, separators=(",", ":"), default=_parts_of).encode() + b"\n"


def _parts_of(record: Any) -> dict[str, Any]:
    """The fields of a record, one level deep: `asdict` would recurse into callers' nested values, and fail before JSON's limit."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


@cache
def _analyses() -> TypeAdapter[Analysis]:
    return TypeAdapter(Analysis)


@cache
def _verbatims() -> TypeAdapter[RawVerbatim]:
    return TypeAdapter(RawVerbatim)


@cache
def _rejections() -> TypeAdapter[Rejected]:
    return TypeAdapter(Rejected)
