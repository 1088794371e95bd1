"""A request in, the value of its JSON body out: size, content type, encoding and JSON are checked on the raw bytes."""

import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable
from gzip import BadGzipFile, GzipFile
from io import BytesIO
from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from vocservice import strictjson
from vocservice.web.problems import RequestError

_LONGEST_EXACT = 2.0**63


def read_json(request: Request, *, max_bytes: int) -> Any:
    """Parse the body.

    Args:
        request: its body is consumed.
        max_bytes: limit for the body as sent and after decompression.

    Raises:
        RequestError: 400, 413 or 415 with a specific code.
    """
    raw = read_bytes(request, max_bytes=max_bytes)
    if not raw:
        raise RequestError("the request has no body", code="empty_body")
    _check_type(request)
    return parse_json(unpacked(raw, request.headers.get("Content-Encoding", ""), max_bytes=max_bytes))


def read_bytes(request: Request, *, max_bytes: int) -> bytes:
    """Read the body as sent, with or without a declared length; kept for a form that is parsed later.

    werkzeug silently truncates a body of undeclared length at its limit, so one byte more is requested.

    Raises:
        RequestEntityTooLarge: it exceeds `max_bytes`.
    """
    request.max_content_length = max_bytes + 1
    raw = request.get_data()
    if len(raw) > max_bytes:
        raise RequestEntityTooLarge
    return raw


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON, with or without a byte order mark; integers beyond 64 bits, as ids may be, stay exact."""
    try:
        return strictjson.parse_json(raw.removeprefix(BOM_UTF8), is_exact=lambda value: not _has_long_number(value))
    except strictjson.JsonError as error:
        raise RequestError(str(error), code=error.code) from None


def _has_long_number(value: Any) -> bool:
    """Whether a field of a record is a number that a double cannot hold exactly."""
    return any(isinstance(field, float) and abs(field) >= _LONGEST_EXACT for record in _records(value) for field in record.values())


def _records(value: Any) -> Iterable[dict[str, Any]]:
    inner = value.get("records", [value]) if isinstance(value, dict) else value
    return (record for record in inner if isinstance(record, dict)) if isinstance(inner, list) else ()


def _check_type(request: Request) -> None:
    kind, charset = request.mimetype, request.mimetype_params.get("charset", "utf-8")
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or charset.lower() not in ("utf-8", "utf8"):
        raise RequestError(
            "the body must be JSON in UTF-8: send the header Content-Type: application/json", code="unsupported_media_type", status=415
        )


def unpacked(raw: bytes, encoding: str, *, max_bytes: int) -> bytes:
    """Decode the content encoding of the body.

    Raises:
        RequestError: the encoding is not gzip, is invalid, or yields more than `max_bytes`.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return raw
        case "gzip" | "x-gzip":
            return gunzip(raw, max_bytes=max_bytes)
    message = "the content encoding must be gzip or none"
    raise RequestError(message, code="unsupported_encoding", status=415, headers=[("Accept-Encoding", "gzip")])


def gunzip(raw: bytes, *, max_bytes: int) -> bytes:
    """Decompress gzip (one member or several), stopping once the output exceeds `max_bytes`."""
    try:
        out = GzipFile(fileobj=BytesIO(raw)).read(max_bytes + 1)
    except EOFError:
        raise RequestError("the gzip body is cut off", code="invalid_gzip") from None
    except (BadGzipFile, zlib.error):
        raise RequestError("the body is not valid gzip", code="invalid_gzip") from None
    if len(out) > max_bytes:
        raise RequestError("the unpacked body is too large", code="body_too_large", status=413)
    return out
