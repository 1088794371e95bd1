"""Tests of `login`: cookies, forms that are not ours, what leads where, sessions that end, and themes."""

import re
from pathlib import Path

import pytest
from flask import request
from sqlalchemy import delete, select

from vocservice.settings import HttpLimits, Settings
from vocservice.store import schema
from vocservice.web.accounts import people
from vocservice.web.app import create_app
from web.visiting import PASSWORD, Browser, Office, Page


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def cookies(answer) -> str:  # type: ignore[no-untyped-def]
    return "\n".join(answer.headers.getlist("Set-Cookie"))


def test_a_login_sets_a_cookie_that_only_the_browser_holds(office: Office) -> None:
    browser = Browser(office.app.test_client(), office.user())
    kept = cookies(browser.sign_in())
    assert re.search(r"^voc_session=[\w-]{43}; HttpOnly; Path=/; SameSite=Lax$", kept, flags=re.MULTILINE)


def test_over_https_the_cookie_is_secure(office: Office) -> None:
    client, user = office.app.test_client(), office.user()
    form = Page(client.get("/login", base_url="https://localhost").text).form("/login")
    fields = {**dict(form["fields"]), "email": user.email, "password": PASSWORD}
    answer = client.post("/login", data=fields, base_url="https://localhost")
    assert re.search(r"^__Host-voc_session=\S+; Secure; HttpOnly; Path=/; SameSite=Lax$", cookies(answer), flags=re.MULTILINE)


def test_a_login_changes_the_session_and_closes_the_old_one(office: Office) -> None:
    browser = office.browser()
    before = browser.client.get_cookie("voc_session")
    token = dict(browser.page("/preferences").form("/preferences")["fields"])["token"]
    answer = browser.client.post("/login", data={"token": token, "email": browser.user.email, "password": PASSWORD})
    assert answer.status_code == 303
    after = browser.client.get_cookie("voc_session")
    assert before and after and before.value != after.value
    with office.database.read() as connection:
        assert len(connection.execute(select(schema.sessions)).all()) == 1


def test_whatever_was_wrong_the_answer_is_the_same(office: Office) -> None:
    known = office.user()
    texts = set()
    for email, password in ((known.email, "wrong"), ("nobody@example.org", PASSWORD)):
        browser = Browser(office.app.test_client(), known)
        answer = browser.sign_in(password, email=email)
        assert answer.status_code == 401
        texts.add(re.sub(r'value="[0-9a-f]{64}"', "", answer.text))
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/desk?scope=both", "/desk?scope=both"),
        ("", "/desk"),
        ("https://evil.example/", "/desk"),
        ("//evil.example/", "/desk"),
        ("/\\evil.example", "/desk"),
        ("javascript:alert(1)", "/desk"),
        ("/a\r\nSet-Cookie: x=1", "/desk"),
    ],
)
def test_after_the_login_one_is_led_to_own_paths_only(office: Office, asked: str, led: str) -> None:
    browser = Browser(office.app.test_client(), office.user())
    assert browser.sign_in(next=asked).location == led


def test_without_a_session_a_page_leads_to_the_login_and_back(office: Office) -> None:
    answer = office.app.test_client().get("/desk?scope=both")
    assert (answer.status_code, answer.location) == (302, "/login?next=/desk?scope%3Dboth")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_from_elsewhere_is_refused(office: Office, site: str) -> None:
    browser = office.browser()
    form = browser.page("/preferences").form("/preferences")
    answer = browser.client.post("/preferences", data=dict(form["fields"]), headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


FROM = [
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 401),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://localhost.evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost"}, 401),
    ({}, 401),
]


@pytest.mark.parametrize(("told", "status"), FROM, ids=lambda value: str(value)[:50])
def test_a_form_from_elsewhere_is_not_carried_through_the_login(office: Office, told: dict[str, str], status: int) -> None:
    fields = {"email": "mallory@example.org", "role": "admin", "password": PASSWORD}
    answer = office.app.test_client().post("/admin/users", data=fields, headers=told)
    assert (answer.status_code, "mallory" in answer.text) == (status, status == 401)


def test_a_form_from_our_public_name_is_carried_though_the_host_is_another() -> None:
    client = create_app(None, Settings(http=HttpLimits(public_url="https://voc.example.com/"))).test_client()
    told = {"Origin": "https://voc.example.com"}
    assert client.post("/desk/rec_1", data={"note": "mine"}, headers=told).status_code == 401


def test_a_nul_is_refused_in_a_form_of_ours_and_in_a_path(office: Office) -> None:
    browser = office.browser()
    assert browser.send("/login", "/login", {"email": "a\0@example.org"}).status_code == 400
    assert browser.send("/desk", "/desk/views", {"name": "\0"}).status_code == 400
    assert browser.client.post("/desk/views", data={"token": "x", "name": "\0"}).status_code == 403
    assert browser.send("/desk", "/desk/views", {"name": "mine"}).status_code == 303
    deleting = browser.page("/desk").form("/desk/views/")
    assert browser.post({**deleting, "action": "/desk/views/%00/delete"}).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "\u00e9"])
def test_a_form_without_our_token_is_refused(office: Office, token: str) -> None:
    browser, stranger = office.browser(), office.app.test_client()
    assert browser.client.post("/preferences", data={"token": token}).status_code == 403
    assert stranger.post("/login", data={"token": token, "email": browser.user.email, "password": PASSWORD}).status_code == 403
    other = dict(office.browser().page("/preferences").form("/preferences")["fields"])["token"]
    assert browser.client.post("/preferences", data={"token": other}).status_code == 403


def test_a_draft_outlives_its_session(office: Office) -> None:
    record, browser = office.record(), office.browser()
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    with office.database.write() as connection:
        connection.execute(delete(schema.sessions))
    answer = browser.post(form, {"decision": "dismiss", "note": "mine"})
    assert (answer.status_code, "session has ended" in answer.text) == (401, True)
    again = browser.post(Page(answer.text).form("/login"), {"email": browser.user.email, "password": PASSWORD})
    assert again.status_code == 200 and f"not been sent yet. It will go to /desk/{record}." in Page(again.text).words
    assert browser.post(Page(again.text).form(f"/desk/{record}")).status_code == 303
    with office.database.read() as connection:
        (kept,) = connection.execute(select(schema.annotations)).all()
    assert (kept.decision, kept.note) == ("dismiss", "mine")


LATE = [
    ("/desk/views?channel=chat", "/desk?channel=chat"),
    ("/workbench/segments?channel=chat", "/workbench?channel=chat"),
    ("/desk/bulk/blk_1/undo?state=later", "/desk?state=later"),
    ("/desk/rec_1/draft", "/desk/rec_1"),
    ("/desk/rec_1?scope=both", "/desk/rec_1?scope=both"),
    ("/preferences/password", "/preferences"),
    ("/logout", "/desk"),
]


@pytest.mark.parametrize(("target", "page"), LATE)
def test_a_late_form_goes_where_it_was_sent_to_and_its_page_can_be_looked_at(office: Office, target: str, page: str) -> None:
    browser = Browser(office.app.test_client(), office.user())
    late = Page(browser.client.post(target, data={"name": "mine"}).text).form("/login")
    again = Page(browser.post(late, {"email": browser.user.email, "password": PASSWORD}).text)
    assert again.form(target)["action"] == target
    assert page in [link["href"] for link in again.all("a") if str(link.get("class")).startswith("btn")]


def test_a_late_form_without_anything_in_it_leads_to_its_page(office: Office) -> None:
    browser = Browser(office.app.test_client(), office.user("admin"))
    late = Page(browser.client.post("/admin/keys/key_1/revoke").text).form("/login")
    assert browser.post(late, {"email": browser.user.email, "password": PASSWORD}).location == "/admin/keys"


@pytest.mark.parametrize(("everywhere", "left"), [({}, 1), ({"everywhere": "1"}, 0)])
def test_signing_out_ends_the_session_here_or_everywhere(office: Office, everywhere: dict[str, str], left: int) -> None:
    browser = office.browser()
    other = Browser(office.app.test_client(), browser.user)
    other.sign_in()
    assert browser.send("/preferences", "/logout", everywhere).location == "/login"
    assert browser.client.get("/desk").status_code == 302
    assert other.client.get("/desk").status_code == (200 if left else 302)


def test_another_password_ends_every_other_session(office: Office) -> None:
    browser = office.browser()
    other = Browser(office.app.test_client(), browser.user)
    other.sign_in()
    assert browser.send("/preferences", "/preferences/password", {"old": "wrong", "new": "another long one"}).status_code == 422
    answer = browser.send("/preferences", "/preferences/password", {"old": PASSWORD, "new": "another long one"})
    assert answer.status_code == 303
    assert browser.client.get("/desk").status_code == 200
    assert other.client.get("/desk").status_code == 302


def test_keys_can_be_switched_off_with_what_is_shown_of_them(office: Office) -> None:
    browser = office.browser()
    page = browser.page("/desk")
    assert page.all("script") and "keyless" not in str(page.all("body")[0]["class"])
    form = browser.page("/preferences").form("/preferences")
    browser.post({**form, "fields": [pair for pair in form["fields"] if pair[0] != "keys"]})
    page = browser.page("/desk")
    assert not page.all("script") and "keyless" in str(page.all("body")[0]["class"]).split()


@pytest.mark.parametrize(("theme", "shown"), [("dark", "dark"), ("light", "light"), ("", None), ("x", None)])
def test_the_theme_is_a_form_and_a_cookie(office: Office, theme: str, shown: str | None) -> None:
    browser = office.browser()
    answer = browser.send("/desk", "/theme", {"theme": theme})
    assert (answer.status_code, answer.location) == (303, "/desk")
    assert browser.page("/desk").all("html")[0].get("data-bs-theme") == shown


def test_without_a_store_the_pages_say_so(client) -> None:  # type: ignore[no-untyped-def]
    client.set_cookie("voc_session", "x")
    answer = client.get("/desk")
    assert (answer.status_code, "voc init" in answer.text) == (503, True)


def test_pages_run_nothing_that_stands_in_them(office: Office) -> None:
    answer = office.browser().client.get("/desk")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize(("proxies", "seen"), [(0, ("http", "127.0.0.1")), (1, ("https", "198.51.100.7")), (2, ("https", "203.0.113.9"))])
def test_only_so_many_proxies_are_believed(proxies: int, seen: tuple[str, str]) -> None:
    app, found = create_app(None, Settings(http=HttpLimits(proxies=proxies))), []
    app.before_request(lambda: found.append((request.scheme, people.address())))
    told = {"X-Forwarded-For": "192.0.2.1, 203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https, https"}
    app.test_client().get("/livez", headers=told)
    assert found == [seen]


def test_what_answers_a_form_leads_back_to_its_page(office: Office) -> None:
    office.record()
    browser = office.browser("admin")
    refused = browser.send("/desk", "/desk/bulk")
    assert refused.status_code == 422 and '<a href="/desk">Back to the page</a>' in refused.text
    assert dict(Page(refused.text).form("/theme")["fields"])["next"] == "/desk"
    tried = browser.send("/rules", "/rules/test", {"expression": "churn_risk > 0.5"})
    assert dict(Page(tried.text).form("/theme")["fields"])["next"] == "/rules"
    assert "Back to the page" not in browser.client.get("/desk/rec_none").text
