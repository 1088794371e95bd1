"""Raw bytes in, the value of their JSON out, read strictly.

UTF-8 without a byte order mark; NaN, numbers too large for a double, lone surrogates, nesting beyond
1024 levels and trailing data are refused. The last of duplicate keys counts.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson

_INVALID_ENCODING = ("surrogate", "UTF-8")


class JsonError(ValueError):
    """The bytes are not JSON: `code` is `invalid_encoding` or `invalid_json`; the message never quotes them."""

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


def parse_json(raw: bytes, *, is_exact: Callable[[Any], bool]) -> Any:
    """Parse a JSON document.

    Args:
        raw: the document.
        is_exact: whether a parsed value with doubles is exact enough; if not, it is parsed again so that
            integers beyond 64 bits, as in ids, stay exact.

    Raises:
        JsonError: it is not such JSON.
    """
    try:
        value = orjson.loads(raw)
        return value if is_exact(value) else json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _fault(error) from None


def is_encoding(error: Exception) -> bool:
    """Whether a parser failed on the characters, not on the JSON."""
    return isinstance(error, UnicodeError) or any(word in str(error) for word in _INVALID_ENCODING)


def misread(error: Exception, *, has_lines: bool = True) -> str:
    """Why a parser failed, without a word of what it read: this follows "the body" or, without lines of its own, "line 7"."""
    if isinstance(error, RecursionError) or "depth limit" in str(error):
        return "is not valid JSON: it is nested more than 1,024 levels deep"
    at = ""
    if isinstance(error, json.JSONDecodeError):
        at = f" at {f'line {error.lineno}, ' if has_lines else ''}character {error.colno}"
    if "infinity" in str(error):
        return f"is not valid JSON{at}: a number is too large"
    return f"is not valid JSON{at}"


def _fault(error: Exception) -> JsonError:
    if is_encoding(error):
        return JsonError("the body must be UTF-8 without a byte order mark or half of a surrogate pair", "invalid_encoding")
    return JsonError(f"the body {misread(error)}", "invalid_json")
