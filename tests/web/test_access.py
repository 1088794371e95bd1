"""Tests of who reaches what: every page by every role, from the routes themselves, so that a new one without a rule fails."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vocservice.settings import Settings
from vocservice.store.accounts.users import ROLES
from vocservice.web.app import create_app
from web.storing import ELSEWHERE
from web.visiting import Browser, Office, Page

# Not for people: the start page, the API with its keys, what operators and the browser itself fetch.
OTHERS = ("/v1/", "/static/", "/bootstrap/static/")
OPEN = {"/", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs"}
LEAD = ("GET /desk/next", "GET /desk/second", "GET /desk/decisions", "POST /rules/test", "POST /desk/")


def pages() -> Iterator[tuple[str, str, str]]:
    """Method, path and role of every page."""
    app = create_app(None, Settings())
    for rule in app.url_map.iter_rules():
        if rule.rule in OPEN or rule.rule.startswith(OTHERS):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule, getattr(app.view_functions[rule.endpoint], "role", "missing")


PAGES = list(pages())


def expected(method: str, rule: str) -> str:
    """Written down apart from the code."""
    if rule.startswith("/login") or rule == "/theme":
        return ""
    if rule == "/admin" or rule.startswith("/admin/") or (method == "POST" and rule.startswith("/rules") and rule != "/rules/test"):
        return "admin"
    return "support_lead" if f"{method} {rule}".startswith(LEAD) else "analyst"


@pytest.mark.parametrize(("method", "rule", "role"), PAGES, ids=[f"{method} {rule}" for method, rule, _ in PAGES])
def test_every_page_has_the_rule_that_is_written_down(method: str, rule: str, role: str) -> None:
    assert role == expected(method, rule)


def test_there_are_pages() -> None:
    assert len(PAGES) > 25


def filled(rule: str) -> str:
    return re.sub(r"<\w+>", "nothing", rule)


@pytest.mark.parametrize("who", ["", *ROLES])
def test_who_reaches_what(who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # nothing is drawn: 501
    office = Office(tmp_path, monkeypatch)
    browser = office.browser(who) if who else Browser(office.app.test_client(), office.user())
    token = dict(browser.page("/preferences").form("/preferences")["fields"])["token"] if who else ""
    for method, rule, role in PAGES:
        if rule.startswith("/login") or rule in ("/logout", "/theme"):
            continue
        answer = browser.client.open(filled(rule), method=method, data={"token": token} if method == "POST" else None)
        named = f"{method} {rule}"
        if not who:
            assert answer.status_code == (302 if method == "GET" else 401), named
            assert "/login" in (answer.location or answer.text), named
        elif ROLES.index(who) < ROLES.index(role):
            assert answer.status_code == 403, named
        else:
            assert answer.status_code in (200, 302, 303, 400, 404, 422, 501), named
        if method == "POST" and who:
            assert browser.client.post(filled(rule)).status_code == 403, named


def test_nothing_of_another_workspace_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, monkeypatch)
    record, other = office.record(workspace=ELSEWHERE), office.user(workspace=ELSEWHERE, name="Elsewhere")
    browser = office.browser("admin")
    token = dict(browser.page("/preferences").form("/preferences")["fields"])["token"]
    assert browser.client.get(f"/desk/{record}").status_code == 404
    assert browser.client.post(f"/admin/users/{other.id}", data={"token": token, "do": "disable"}).status_code == 404
    assert "Elsewhere" not in browser.client.get("/admin/users").text
    text = Page(browser.client.get("/admin/audit").text).words
    assert other.id not in text
