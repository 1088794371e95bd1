"""Requests and log records in, JSON lines on standard error out, without text from customers or callers.

Per request: method, the route's pattern (never the path), status, time, counts. Per exception: its type and
location, never its message, unless it is one of ours, whose messages contain no customer text.
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPMethod
from time import perf_counter
from traceback import extract_tb
from typing import Any
from uuid import uuid4

import orjson
from flask import Flask, Request, Response, g, request

from vocservice.errors import VocError

log = logging.getLogger("vocservice.web")

LOGGERS = ("vocservice", "gunicorn.error")
QUOTING: Mapping[str, str] = {"Invalid request from": "invalid request", "Error handling request": "error handling request"}
_FRAMES = 5
_METHODS = frozenset(HTTPMethod)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, logger, event, and the fields given as `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line |= describe(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as fields: its type and innermost frames; its message only if it is ours."""
    frames = extract_tb(error.__traceback__)[-_FRAMES:]
    fields: dict[str, Any] = {"error": type(error).__name__, "at": [f"{frame.name}:{frame.lineno}" for frame in frames]}
    return fields | {"reason": error.message} if isinstance(error, VocError) else fields


def configure_logs(level: str) -> None:
    """Send the logs of the service and its server to standard error as JSON lines; called once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False


def register(app: Flask) -> None:
    """Log every request of an application."""
    app.before_request(_begin)
    app.after_request(_end)


def note(**fields: int) -> None:
    """Add counts to the log line of this request."""
    g.setdefault("counts", {}).update(fields)


def method_of(request: Request) -> str:
    """The method, or `other` if it is not a standard one."""
    return request.method if request.method in _METHODS else "other"


def route_of(request: Request) -> str | None:
    """The pattern of the path, never the path."""
    return request.url_rule.rule if request.url_rule else None


def seconds() -> float:
    """Seconds since this request began."""
    return perf_counter() - float(g.get("started", perf_counter()))


def log_failure(error: BaseException | None) -> None:
    """Log an exception by type and location; not as `exc_info`, which other formatters would print in full."""
    if error is not None:
        log.error("failed: %s", type(error).__name__, extra={"fields": describe(error)})


def _begin() -> None:
    g.started, g.request_id = perf_counter(), uuid4().hex


def _end(answer: Response) -> Response:
    request_id = g.get("request_id", "")
    answer.headers["X-Request-Id"] = request_id
    fields = {
        "id": request_id,
        "method": method_of(request),
        "route": route_of(request),
        "status": answer.status_code,
        "ms": round(1000 * seconds(), 1),
        **g.get("counts", {}),
    }
    log.info("request", extra={"fields": fields})
    return answer


def _event(record: logging.LogRecord) -> str:
    """The message, unless it is a server message that quotes the request."""
    message = record.getMessage()
    return next((event for start, event in QUOTING.items() if message.startswith(start)), message)
