"""Tests of saved segments: kept under a name, one's own or everybody's, apart from the views of the desk, nobody else's to delete."""

from pathlib import Path

import pytest

from vocservice.store import schema
from web.storing import ELSEWHERE
from web.test_page import HOSTILE
from web.visiting import Browser, Office

QUERY = "?channel=chat&factor=technology"
SAVE = "/workbench/segments"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def save(browser: Browser, name: str = "Broken apps", **more: str) -> None:
    answer = browser.send(f"/workbench{QUERY}", f"{SAVE}{QUERY}", {"name": name, **more})
    assert (answer.status_code, answer.location) == (303, f"/workbench{QUERY}")


def links(browser: Browser) -> list[str]:
    """The segments that a browser is offered."""
    page = browser.page("/workbench")
    return [str(link["href"]) for link in page.all("a") if str(link["href"]) == f"/workbench{QUERY}"]


def test_a_segment_is_a_link_that_holds_the_filters(office: Office) -> None:
    browser = office.browser("analyst")
    save(browser)
    save(browser)  # again under the same name
    assert links(browser) == [f"/workbench{QUERY}"]
    (row,) = office.door.rows(schema.views)
    assert (row["page"], row["filters"]) == ("workbench", {"channel": "chat", "factor": "technology"})


@pytest.mark.parametrize(
    "address",
    [
        "/workbench?channel=chat&before_since=2026-01-01&before_until=2026-01-31&after_since=2026-02-01&after_until=2026-02-28",
        "/workbench/verbatims?stage=use&cell=use.technology.-",
        "/workbench/verbatims?level_to=-1&score_from=2.5&q=crashed",
        "/workbench/search?channel=chat&q=crashed&about=parking",
        "/workbench/compare?a_channel=phone&b_scope=any_service",
    ],
)
def test_a_segment_holds_whatever_a_page_was_asked_for(office: Office, address: str) -> None:
    browser = office.browser("analyst")
    answer = browser.send(address, SAVE, {"name": "Kept"})
    assert (answer.status_code, answer.location) == (303, address)
    assert address in [link["href"] for link in browser.page("/workbench").all("a")]
    assert "aria-current" in browser.client.get(address).text.partition("Saved segments")[2].partition("Kept</bdi>")[0]


@pytest.mark.parametrize(("shared", "seen"), [({}, 0), ({"shared": "1"}, 1)])
def test_others_see_what_is_shared(office: Office, shared: dict[str, str], seen: int) -> None:
    save(office.browser("analyst"), **shared)
    assert len(links(office.browser("analyst", email="bob@example.org"))) == seen
    assert links(office.browser("admin", email="eve@example.org", workspace=ELSEWHERE)) == []


def test_segments_and_views_of_the_desk_are_apart(office: Office) -> None:
    browser = office.browser("support_lead")
    save(browser)
    assert "Broken apps" not in browser.page("/desk").words


def test_only_its_owner_or_an_admin_deletes_it(office: Office) -> None:
    owner, other = office.browser("analyst"), office.browser("analyst", email="bob@example.org")
    save(owner, shared="1")
    form = owner.page("/workbench").form(f"{SAVE}/")
    token = dict(other.page("/workbench").form(SAVE)["fields"])["token"]
    assert other.client.post(str(form["action"]), data={"token": token}).status_code == 400
    assert owner.post(form).status_code == 303
    assert office.door.rows(schema.views) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 300])
def test_a_name_that_will_not_do_is_refused(office: Office, name: str) -> None:
    assert office.browser("analyst").send("/workbench", SAVE, {"name": name}).status_code == 400


def test_a_hostile_name_stays_a_name(office: Office) -> None:
    browser = office.browser("analyst")
    answer = browser.send(f"/workbench{QUERY}", SAVE, {"name": HOSTILE[:60]})
    if answer.status_code == 303:
        assert browser.page("/workbench").all("img") == []


def test_a_filter_that_is_none_is_not_kept(office: Office) -> None:
    browser = office.browser("analyst")
    form = {**browser.page("/workbench").form(SAVE), "action": f"{SAVE}?zebra=1"}
    assert browser.post(form, {"name": "x"}).status_code == 400
