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
        raise _fault(str(error)) from None


def _fault(reason: str) -> JsonError:
    if any(word in reason for word in _INVALID_ENCODING):
        return JsonError("the body must be UTF-8 without a byte order mark or half of a surrogate pair", "invalid_encoding")
    return JsonError("the body is not valid JSON", "invalid_json")
