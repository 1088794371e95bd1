"""Tests that no page is missing where pages are looked at: by axe, by the camera, and with words that try to become markup."""

from pathlib import Path

import pytest
from e2e.furnishing import furnished
from e2e.places import FILES, filled, inside, outside, paths

from web.visiting import Browser, Office

# What is sent there only leads on, to a page or a file, or answers a script.
ONLY_LEAD_ON = {
    "desk.skip",
    "desk.renew",
    "login.choose_theme",
    "login.keep_preferences",
    "login.leave",
    "admin.switch_source",
    "endpoints.remove",
    "rules.switch",
}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.chdir(tmp_path)
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def admin(office: Office) -> Browser:
    return office.browser("admin")


def test_every_route_that_answers_with_a_page_is_a_place(office: Office, admin: Browser) -> None:
    ids = {**furnished(office, admin), "filename": ("site.css",), "name": ("2026-W40", "ladder")}
    known = {"/login", *paths(office, ids)}
    for rule in office.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/v1/") and not FILES.search(rule.rule):
            for path in filled(rule.rule, sorted(rule.arguments), ids):
                answer = admin.client.get(path)
                assert path in known or answer.mimetype != "text/html", path


def test_every_form_that_is_answered_with_a_page_is_a_place(office: Office, admin: Browser) -> None:
    ids = furnished(office, admin)
    sent = {place.action for place in (*outside(admin.user.email, ids), *inside(office, ids)) if place.action}
    routes = office.app.url_map.bind("")
    reached = {routes.match(action.partition("?")[0], method="POST")[0] for action in sent}
    forms = {
        rule.endpoint
        for rule in office.app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and (rule.endpoint == "page.result" or hasattr(office.app.view_functions[rule.endpoint], "role"))
    }
    assert forms - reached == ONLY_LEAD_ON


def test_every_place_has_a_name_of_its_own(office: Office, admin: Browser) -> None:
    ids = furnished(office, admin)
    names = [place.name for place in (*outside(admin.user.email, ids), *inside(office, ids))]
    assert len(names) == len(set(names))
