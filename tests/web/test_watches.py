"""Tests of the page of watches: who may, what is kept, which segments can be watched, and that all of it is of the own workspace."""

import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import select

from vocservice.store import schema
from vocservice.store.analysed import own, watches
from vocservice.store.analysed.reading import Choice, Selection
from vocservice.store.analysed.watches import NOW, WATCH, Watch
from web.storing import ELSEWHERE
from web.test_openapi import check, schema_of
from web.test_page import HOSTILE
from web.visiting import Browser, Office

PAGE = "/workbench/watches"
PERIODS = "before_since=2026-01-01&before_until=2026-01-02&after_since=2026-01-03&after_until=2026-01-04"
FORM = {"name": "Monday", "segment": "", "when": "digest", "digest_at": "08:30", "day": ["Mon"], "zone": "Europe/Berlin", "endpoints": "on"}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch, sends_mail=True)


@pytest.fixture
def analyst(office: Office) -> Browser:
    return office.browser("analyst")


def add(analyst: Browser, **fields: Any) -> Any:
    return analyst.send(PAGE, PAGE, {**FORM, **fields})


def held(office: Office, analyst: Browser) -> list[Watch]:
    with office.database.read() as connection:
        return watches.listed(connection, analyst.user.workspace_id)


def segment(analyst: Browser, query: str, name: str = "Phone") -> str:
    """Save one; its id among those that the form offers, blank where it is not offered."""
    analyst.send(f"/workbench{query}", "/workbench/segments", {"name": name})
    markup = analyst.client.get(PAGE).text
    return markup.partition(f">{name}</option>")[0].rpartition('value="')[2].partition('"')[0] if f">{name}</option>" in markup else ""


def queued(office: Office) -> list[tuple[str, str]]:
    with office.database.read() as connection:
        return [tuple(row) for row in connection.execute(select(schema.jobs.c.kind, schema.jobs.c.target))]  # type: ignore[misc]


def test_a_watch_is_kept_as_it_was_written_changed_and_deleted(office: Office, analyst: Browser) -> None:
    other = office.user("analyst", name="Lin")
    chosen = segment(analyst, "?channel=phone&level_to=-1&own.plan=pro&flag=churn_risk&stage=use&stage=none&not=flag")
    assert add(analyst, segment=chosen, reader=[other.id]).status_code == 303
    (made,) = held(office, analyst)
    assert (made.name, made.segment, made.readers, made.tells_endpoints) == ("Monday", "Phone", (other.id,), True)
    also = (Choice("stage", ("use", "none")), Choice("flag", ("churn_risk",), is_not=True))
    assert made.selection == Selection(channel="phone", level_to=-1, own=(("plan", "pro"),), also=also)
    assert made.timing.days == (0,) and made.is_digest
    page = analyst.client.get(PAGE).text
    assert "digest at 08:30 on Mon" in page and "Lin" in page
    links = [parse_qs(unescape(link)) for link in re.findall(r'href="/workbench\?([^"]+)"', page)]
    told = {
        "channel": ["phone"],
        "level_to": ["-1"],
        "own.plan": ["pro"],
        "stage": ["use", "none"],
        "flag": ["churn_risk"],
        "not": ["flag"],
    }
    assert told in links  # PostgreSQL keeps the filters of a watch in an order of its own
    place = f"{PAGE}/{made.id}"
    instant = {"name": "Odd", "when": "instant", "cool_down": "60", "quiet_from": "22:00", "quiet_to": "07:00"}
    assert analyst.send(place, place, instant).status_code == 303
    (after,) = held(office, analyst)
    assert (after.name, after.segment, after.selection, after.readers) == ("Odd", "Phone", made.selection, (other.id,))
    assert after.timing.cool_down == 60 and after.timing.quiet and not after.is_digest and queued(office) == [(WATCH, made.id)]
    assert "on its way to you" in analyst.send(PAGE, place, {"do": "now"}).text
    asked = [(NOW, f"{made.id}/{analyst.user.id}")]
    for do, is_enabled in (("disable", False), ("enable", True)):
        assert analyst.send(PAGE, place, {"do": do}).status_code == 200 and held(office, analyst)[0].is_enabled is is_enabled
        assert sorted(queued(office)) == [(WATCH, made.id)] * is_enabled + asked
    assert analyst.send(PAGE, place, {"do": "delete"}).status_code == 200 and held(office, analyst) == queued(office) == []
    acts = [row["action"] for row in office.door.rows(schema.audit) if row["action"].startswith("watch.")]
    assert sorted(acts) == sorted(f"watch.{name}" for name in ("create", "change", "disable", "enable", "send", "delete"))


def test_a_key_reads_watches_and_nobody_is_named(office: Office, analyst: Browser) -> None:
    client, key = office.door.client, office.door.key("feedback:read")
    assert client.get("/v1/watches", headers=key).get_json() == {"watches": []}
    chosen = segment(analyst, "?channel=phone&own.plan=pro")
    add(analyst, segment=chosen, reader=[analyst.user.id])
    add(analyst, name="Odd", when="instant", cool_down="60", quiet_from="22:00", quiet_to="07:00")
    own.set_hidden(office.database, analyst.user.workspace_id, "plan", True, actor="test")
    (first, second) = client.get("/v1/watches", headers=key).get_json()["watches"]
    for found in (first, second):
        check(schema_of("/v1/watches/{watch_id}", "get", 200, "application/json"), found)
        assert client.get(f"/v1/watches/{found['id']}", headers=key).get_json() == found
    assert analyst.user.id not in str(first) and analyst.user.email not in str(first)
    assert (first["name"], first["segment"], first["filters"], first["hidden_fields"], first["readers"]) == (
        *("Monday", "Phone"),
        {"channel": "phone", "own.plan": "pro"},
        ["plan"],
        1,
    )
    assert first["timing"] == {"zone": "Europe/Berlin", "cool_down": 720, "quiet": None, "digest_at": "08:30", "days": ["Mon"]}
    assert (second["timing"]["quiet"], second["timing"]["digest_at"], second["is_digest"]) == (["22:00", "07:00"], None, False)
    other = office.door.key("feedback:read", workspace=ELSEWHERE)
    assert client.get("/v1/watches", headers=other).get_json() == {"watches": []}
    assert client.get(f"/v1/watches/{first['id']}", headers=other).status_code == 404
    assert client.get("/v1/watches").status_code == 401
    assert client.get("/v1/watches", headers=office.door.key("feedback:write")).status_code == 403
    assert client.post("/v1/watches", headers=key, json={}).status_code == 405


@pytest.mark.parametrize(
    ("path", "is_offered"),
    [
        ("/workbench?since=2026-01-01", False),
        ("/workbench/verbatims?q=refund", False),
        ("/workbench?customer_of=rec_1", False),
        (f"/workbench?{PERIODS}", True),  # of two periods only the records count
    ],
)
def test_a_segment_of_days_words_or_one_customer_is_not_offered(analyst: Browser, path: str, is_offered: bool) -> None:
    analyst.send(path, "/workbench/segments", {"name": "Some"})
    assert ("Some</option>" in analyst.client.get(PAGE).text) is is_offered


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"zone": "Mars/Olympus"},
        {"endpoints": "", "reader": []},
        {"reader": ["usr_nobody"]},
        {"segment": "viw_nobody"},
        {"day": []},
        {"when": "instant", "quiet_from": "22:00"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_a_reason_and_the_form_stays(office: Office, analyst: Browser, fields: dict[str, Any]) -> None:
    answer = add(analyst, **fields)
    assert answer.status_code == 422 and 'role="alert"' in answer.text and held(office, analyst) == []
    assert f'value="{fields.get("name", "Monday")}"' in answer.text


def test_a_name_of_markup_stays_text_and_without_a_mail_server_nobody_is_mailed(office: Office, analyst: Browser) -> None:
    add(analyst, name=HOSTILE[0][:100], reader=[])
    assert "<script>alert" not in analyst.client.get(PAGE).text and len(held(office, analyst)) == 1
    office.mail(sends=False)
    assert "No mail server is set" in analyst.client.get(PAGE).text
    assert add(analyst, reader=[analyst.user.id]).status_code == 422
    place = f"{PAGE}/{held(office, analyst)[0].id}"
    refused = analyst.send(PAGE, place, {"do": "now"})
    assert refused.status_code == 422 and 'value="Europe/Berlin" selected' in refused.text  # its form is as the watch is
    assert analyst.send(PAGE, place, {"do": "x"}).status_code == 422


def test_another_workspace_sees_and_reaches_none(office: Office, analyst: Browser) -> None:
    add(analyst)
    (made,) = held(office, analyst)
    other = office.browser("admin", workspace=ELSEWHERE)
    assert "Monday" not in other.client.get(PAGE).text and other.client.get(f"{PAGE}/{made.id}").status_code == 404
    token = dict(other.page(PAGE).form(PAGE)["fields"])["token"]
    for do in ("save", "delete", "now", "disable"):
        assert other.client.post(f"{PAGE}/{made.id}", data={"token": token, "do": do, **FORM}).status_code == 404
    assert add(other, reader=[analyst.user.id]).status_code == 422 and len(held(office, analyst)) == 1
