"""Tests of `logs`: what stands in them, and that nothing a customer or caller sent ever does."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from builders import CANARY
from flask.testing import FlaskClient

from vocservice.api import Analyser
from vocservice.errors import BundleError
from vocservice.settings import Settings
from vocservice.web.app import create_app
from vocservice.web.logs import LOGGERS, JsonFormatter, configure_logs
from web.sending import ANALYSE, post


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the service's loggers write as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("vocservice")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line_with_counts(client: FlaskClient, lines: io.StringIO) -> None:
    answer = client.post(ANALYSE, json=[{"text": "x"}, {}])
    (line,) = read(lines)
    assert line["id"] == answer.headers["X-Request-Id"]
    assert {name: line[name] for name in ("level", "event", "method", "route", "status", "records", "rejected")} == {
        "level": "info",
        "event": "request",
        "method": "POST",
        "route": ANALYSE,
        "status": 200,
        "records": 2,
        "rejected": 1,
    }


def test_no_word_of_a_request_is_logged(steps: Analyser, lines: io.StringIO) -> None:
    client = create_app(steps, Settings()).test_client()
    client.post(ANALYSE, json={"id": CANARY, "text": f"{CANARY} is down", "channel": CANARY, "metadata": {CANARY: CANARY}})
    client.post(ANALYSE, json={"text": [CANARY]})
    client.post("/", data={"text": f"I love {CANARY}", "question": CANARY})
    client.get(f"/{CANARY}?text={CANARY}", headers={"User-Agent": CANARY, "Referer": CANARY})
    client.open("/livez", method=CANARY.upper())
    post(client, CANARY.encode())
    post(client, b"{}", Content_Encoding=CANARY)
    assert len(read(lines)) == 7
    assert CANARY not in lines.getvalue().lower()


def formatted(message: str, *args: object, error: Exception | None = None) -> dict[str, Any]:
    try:
        raise error or ValueError
    except Exception:
        info = sys.exc_info() if error else None
    record = logging.LogRecord("gunicorn.error", logging.WARNING, "f.py", 1, message, args, info)
    line: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return line


def test_the_servers_own_quotes_are_left_out() -> None:
    assert formatted(f"Invalid request from ip=127.0.0.1: {CANARY}")["event"] == "invalid request"
    assert formatted("Error handling request %s", f"/{CANARY}")["event"] == "error handling request"
    assert formatted("Booting worker with pid: %s", 7)["event"] == "Booting worker with pid: 7"


def test_an_exception_is_its_type_and_place() -> None:
    line = formatted("failed", error=KeyError(CANARY))
    assert line["error"] == "KeyError"
    assert CANARY not in json.dumps(line)
    assert formatted("failed", error=BundleError("no bundle"))["reason"] == "no bundle"


def test_configuring_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        for _ in range(2):
            configure_logs("info")
        logging.getLogger("vocservice.x").info("once")
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers[:], logger.level, logger.propagate = handlers, level, propagate
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["once"]
