"""Tests of `problems`: one shape for every failure, on every path."""

import pytest
from builders import CANARY
from flask.testing import FlaskClient

from vocservice.api import Analyser
from vocservice.errors import ConfigError
from vocservice.settings import Settings
from vocservice.web.app import create_app
from web.sending import check_problem


@pytest.mark.parametrize(
    "path",
    [
        f"/{CANARY}",
        "/v1",
        "/v1/analyse/",
        f"/v1/{CANARY}?text={CANARY}",
        "/static/no.css",
        "/static/../app.py",
        f"/v1//{CANARY}",
        "/v1//analyse",
        "/static/site.css%00",
        "/v1/charts/%00",
    ],
)
def test_an_unknown_path_is_a_404(client: FlaskClient, path: str) -> None:
    check_problem(client.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html;q=0.5", False),
        ("", False),
    ],
)
def test_a_browser_is_shown_a_page_where_there_is_nothing(client: FlaskClient, accept: str, is_page: bool) -> None:
    answer = client.get(f"/nowhere/{CANARY}", headers={"Accept": accept})
    if not is_page:
        check_problem(answer, 404, "not_found")
        return
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert '<h1 class="mb-3">Not found</h1>' in answer.text and "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert client.get("/v1/analyse", headers={"Accept": accept}).status_code == 405


@pytest.mark.parametrize(("path", "is_page"), [("/admin/keys/key_1/rotate", True), ("/v1/batches/bat_1/cancel", False)])
def test_a_browser_that_opens_what_only_takes_a_form_is_shown_the_way_to_its_page(client: FlaskClient, path: str, is_page: bool) -> None:
    answer = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"POST", "OPTIONS"})
    assert (answer.mimetype == "text/html") is is_page
    assert ('<a href="/admin/keys">Back to the page</a>' in answer.text) is is_page
    check_problem(client.get(path), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/analyse", {"POST", "OPTIONS"}),
        ("PUT", "/v1/analyse", {"POST", "OPTIONS"}),
        ("DELETE", "/livez", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/v1/taxonomy", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/", {"GET", "HEAD", "OPTIONS", "POST"}),
    ],
)
def test_a_wrong_method_is_a_405(client: FlaskClient, method: str, path: str, allowed: set[str]) -> None:
    answer = client.open(path, method=method)
    check_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_a_form_that_is_too_large_is_a_413(fake: Analyser) -> None:
    client = create_app(fake, Settings.model_validate({"http": {"max_body_bytes": 1024}})).test_client()
    check_problem(client.post("/", data={"text": "x" * 2000}), 413, "body_too_large")


@pytest.mark.parametrize("error", [ValueError(CANARY), ConfigError(CANARY), MemoryError(), RecursionError(CANARY)])
def test_what_an_exception_says_stays_inside(fake: Analyser, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(fake, Settings())

    def fail() -> str:
        raise error

    app.add_url_rule("/fail", view_func=fail)
    check_problem(app.test_client().get("/fail"), 500, "internal_error")
    assert type(error).__name__ in caplog.text
    assert CANARY not in caplog.text
