"""Tests of `headers`: on every kind of answer."""

import pytest
from flask.testing import FlaskClient

from vocservice.web.headers import HEADERS

SHEETS = ("/static/site.css", "/bootstrap/static/css/bootstrap.min.css")


@pytest.mark.parametrize("path", ["/", "/livez", "/v1/taxonomy", "/openapi.json", "/nothing", "/v1/analyse", *SHEETS])
def test_every_answer_is_secured(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
    assert (answer.headers["Cache-Control"] == "no-store") == (path not in SHEETS)
    assert "Set-Cookie" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers


def test_nothing_may_run_on_the_page(client: FlaskClient) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy and "script-src" not in policy


def test_over_https_browsers_are_told_to_stay(client: FlaskClient) -> None:
    assert "max-age" in client.get("/livez", base_url="https://localhost").headers["Strict-Transport-Security"]
