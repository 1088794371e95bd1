"""A result in, one line of JSON out, and back: what a shard holds. The caller's own columns stay behind; they are in the input."""

import json
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter

from vocservice.records import Analysis, Rejected, Result


def encode(result: Result) -> bytes:
    """The result without its row, as a line; a lone surrogate is escaped."""
    bare = replace(result, row=None)
    try:
        return orjson.dumps(bare, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return json.dumps(asdict(bare), separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Result:
    """The result of a line, equal to the one that was encoded.

    Raises:
        ValueError: the line holds no result.
    """
    found = _loaded(line)
    is_analysis = isinstance(found, dict) and "language" in found
    return _analyses().validate_python(found) if is_analysis else _rejections().validate_python(found)


def _loaded(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


@cache
def _analyses() -> TypeAdapter[Analysis]:
    return TypeAdapter(Analysis)


@cache
def _rejections() -> TypeAdapter[Rejected]:
    return TypeAdapter(Rejected)
