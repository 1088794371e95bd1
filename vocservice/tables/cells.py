"""A cell of any type in, its text out: ids without `.0`, dates in ISO form, nested values as JSON."""

import base64
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import orjson

from vocservice.tables.encoding import without_undecoded

_MOST_DIGITS = 10**18  # digits of integers written in full; beyond it Python's form is as good
_LONE_SIGNS = ("+", "-")  # a polarity, not a formula
_FORMULA_START = tuple("=+-@\t\r\n\0＝＋－＠")


def as_text(value: object) -> str:
    """The cell as text; None becomes the empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return as_json(value) if isinstance(value, list | tuple | dict) else str(value)


def as_id(value: object) -> str:
    """The cell as an id: like text, but an integer stored as 7.0 becomes 7."""
    return as_text(whole(value))


def whole(value: object) -> object:
    """A cell, with integers stored as 7.0 or 1.2e+16 written in full."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _MOST_DIGITS else value


def as_number(value: object) -> int | float | None:
    """The cell as a number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if number != number or number in (float("inf"), float("-inf")):
        return None
    return int(number) if number.is_integer() else number


def as_json(value: Any) -> str:
    """Compact JSON; other types become text."""
    return orjson.dumps(_encodable(value), default=as_text, option=orjson.OPT_NON_STR_KEYS).decode()


def safe_for_sheets(text: str) -> str:
    """The text, prefixed with `'` if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_START) and text not in _LONE_SIGNS else text


def _encodable(value: Any) -> Any:
    """The value with lone surrogates shown as U+FFFD and integers beyond 64 bits as text."""
    if isinstance(value, str):
        return without_undecoded(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value
