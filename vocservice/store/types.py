"""Python values in, values that both databases store and compare alike out, and back."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, types

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_MICROS = 16  # digits; until the year 2286
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NUL = b"\\u0000"
REPLACEMENT = "\ufffd"


def to_micros(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time of microseconds since 1970."""
    return _EPOCH + micros * _MICROSECOND


def place_of(cursor: str) -> tuple[int, str] | None:
    """Parse a cursor, `number.id`; None for anything else, and for a number out of range."""
    number, _, record_id = cursor.partition(".")
    is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_MICROS
    return (int(number), record_id) if is_number and record_id.isascii() and record_id.isprintable() else None


class UtcTime(types.TypeDecorator[datetime]):
    """An aware time, stored as integer microseconds since 1970: it sorts, subtracts and compares alike in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        return to_micros(value) if isinstance(value, datetime) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(int(value))


def plain(text: str) -> str:
    """The text with U+FFFD for NUL and lone surrogates, which not every database stores."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def plain_json(value: Any) -> Any:
    """A JSON value with `plain` texts, and None for NaN and infinities."""
    match value:
        case str():
            return plain(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {plain(str(key)): plain_json(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_json(item) for item in value]
    return value


def to_json(value: Any) -> str:
    """JSON that both databases store and return alike; only values that need it are converted."""
    try:
        raw = orjson.dumps(value)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        raw = _NUL
    return json.dumps(plain_json(value), ensure_ascii=False) if _NUL in raw else raw.decode()
