"""Helpers of the HTTP tests: raw posts, and what every problem must look like."""

import gzip
from http import HTTPStatus
from io import BytesIO
from typing import Any

from builders import CANARY
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ANALYSE = "/v1/analyse"
JSON = "application/json"
CHUNKED = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


def post(client: FlaskClient, body: bytes, *, content_type: str | None = JSON, **headers: str) -> TestResponse:
    """Send bytes as they are."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(ANALYSE, data=body, content_type=content_type, headers=named)


def post_chunked(client: FlaskClient, body: bytes) -> TestResponse:
    """Send bytes without a declared length, as a server hands over a chunked body."""
    return client.post(ANALYSE, input_stream=BytesIO(body), content_type=JSON, environ_overrides=CHUNKED)


def check_problem(answer: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The answer is an RFC 9457 problem of this status that repeats nothing of what was sent."""
    body: dict[str, Any] = answer.get_json(force=True)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert list(body) == ["type", "title", "status", "detail", "code"]
    assert (body["status"], body["title"]) == (status, HTTPStatus(status).phrase)
    assert code is None or body["code"] == code
    assert CANARY not in f"{answer.headers}{answer.get_data(as_text=True)}"
    return body


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
