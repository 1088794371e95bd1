"""Results in, one JSON object of the contract per line out."""

import json
from typing import Any, BinaryIO

import orjson

from vocservice.records import Result
from vocservice.tables.sink import Order, Origin


class JsonlSink:
    """Writes JSON Lines to a binary stream."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def write(self, result: Result, origin: Origin | None = None) -> None:
        self._stream.write(result_line(result, origin))

    def close(self) -> None:
        self._stream.close()


def open_sink(order: Order) -> JsonlSink:
    """Open the file of a request."""
    return JsonlSink(order.path.open("wb"))


def result_line(result: Result, origin: Origin | None) -> bytes:
    """A result as a line, with its origin as `input` and `input_row`, if any."""
    return json_line(result.to_dict() | origin_keys(origin))


def origin_keys(origin: Origin | None) -> dict[str, Any]:
    """The origin fields of a line."""
    return {"input": origin.input, "input_row": origin.row} if origin is not None else {}


def json_line(value: dict[str, Any]) -> bytes:
    """One object as a line; lone surrogates, invalid in UTF-8 JSON, become `?`."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
