"""Raw bytes in, the value of their JSON out, read strictly.

UTF-8 without a byte order mark; NaN, numbers too large for a double, halves of surrogate pairs, nesting beyond
1024 levels and anything after the document are refused. Of a key given twice the last one counts.
"""

import json
from collections.abc import Callable
from typing import Any

import orjson

_INVALID_ENCODING = ("surrogate", "UTF-8")


class JsonError(ValueError):
    """Why bytes are no JSON: `code` is `invalid_encoding` or `invalid_json`; the message never quotes them."""

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


def parse_json(raw: bytes, *, is_exact: Callable[[Any], bool]) -> Any:
    """The value of a JSON document.

    Args:
        raw: the document.
        is_exact: whether the value may stay as it was read with numbers as doubles; else it is read again and whole
            numbers beyond 64 bits, which ids may be, stay exact.

    Raises:
        JsonError: it is not JSON of this kind.
    """
    try:
        value = orjson.loads(raw)
        return value if is_exact(value) else json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _fault(str(error)) from None


def _fault(reason: str) -> JsonError:
    if any(word in reason for word in _INVALID_ENCODING):
        return JsonError("the body must be UTF-8 without a byte order mark or half of a surrogate pair", "invalid_encoding")
    return JsonError("the body is not valid JSON", "invalid_json")
