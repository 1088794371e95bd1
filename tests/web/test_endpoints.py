"""Tests of endpoints over HTTP and on their pages: made, changed, rotated, replayed, removed; other workspaces, secrets shown once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from vocservice.jobs.guard import Policy
from vocservice.store import schema
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.analysed.endpoints import EVENTS
from vocservice.web.state import State
from web.storing import ELSEWHERE, WORKSPACE, Door
from web.test_page import HOSTILE
from web.visiting import Browser, Office, Page

URL = "http://127.0.0.1:9/voc"
PATH = "/admin/endpoints"


def opened(door: Door) -> Door:
    """One whose endpoints may be on this machine."""
    state: State = door.app.extensions["vocservice"]
    door.app.extensions["vocservice"] = replace(state, outbound=Policy(allow_http=True, allow_private=True))
    return door


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return opened(Door(tmp_path))


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path, monkeypatch)
    opened(made.door)
    return made


@pytest.fixture
def admin(office: Office) -> Browser:
    return office.browser("admin")


Send = Callable[..., TestResponse]


@pytest.fixture
def send(door: Door) -> Send:
    key = door.key("admin")
    return lambda method, path, value=None: door.client.open(path, method=method, json=value, headers=key)


def made(send: Send, **fields: Any) -> dict[str, Any]:
    answer = send("POST", "/v1/endpoints", {"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def failed(door: Door, endpoint_id: str) -> str:
    """A delivery that failed for good."""
    with door.database.write() as connection:
        outbound.tell_found(connection, WORKSPACE, {"watch": "wch_1"})
        (sent,) = outbound.log_of(connection, endpoints.get(connection, endpoint_id))
        outbound.note(connection, sent.id, state="failed", status=500)
        connection.execute(schema.jobs.delete())
    return sent.id


def test_a_secret_is_told_by_the_answer_that_made_it_alone(send: Send) -> None:
    endpoint = made(send)
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_") and endpoint["events"] == sorted(EVENTS) and endpoint["is_enabled"]
    assert send("GET", "/v1/endpoints").get_json() == {"items": [endpoint]}
    assert send("GET", f"/v1/endpoints/{endpoint['id']}").get_json() == endpoint


def test_events_and_state_are_changed_each_alone(send: Send) -> None:
    path = f"/v1/endpoints/{made(send)['id']}"
    assert send("PATCH", path, {"is_enabled": False}).get_json()["is_enabled"] is False
    changed = send("PATCH", path, {"events": ["watch.found", "alert.raised"]}).get_json()
    assert (changed["events"], changed["is_enabled"]) == (["alert.raised", "watch.found"], False)


def test_a_rotated_secret_has_its_time_or_is_ended(send: Send, door: Door) -> None:
    endpoint = made(send)
    path = f"/v1/endpoints/{endpoint['id']}"
    rotated = send("POST", f"{path}/secret").get_json()
    assert rotated["secret"] != endpoint["secret"] and rotated["old_secret_until"] is not None
    assert send("DELETE", f"{path}/old-secrets").status_code == 204
    assert send("GET", path).get_json()["old_secret_until"] is None
    with door.database.read() as connection:
        assert endpoints.open_secrets(connection, door.vault, endpoints.get(connection, endpoint["id"])) == (rotated["secret"],)


def test_what_failed_is_shown_and_sent_again(send: Send, door: Door) -> None:
    endpoint = made(send)
    path, delivery = f"/v1/endpoints/{endpoint['id']}", failed(door, endpoint["id"])
    (shown,) = send("GET", f"{path}/deliveries").get_json()["items"]
    assert (shown["id"], shown["state"], shown["last_status"]) == (delivery, "failed", 500) and "payload" not in shown
    assert send("POST", f"{path}/replay").get_json() == {"queued": 1}
    assert [row["target"] for row in door.rows(schema.jobs)] == [delivery]
    send("PATCH", path, {"is_enabled": False})
    refused = send("POST", f"{path}/replay")
    assert (refused.status_code, refused.get_json()["code"]) == (400, "endpoint_disabled")


def test_what_is_removed_is_not_there(send: Send) -> None:
    path = f"/v1/endpoints/{made(send)['id']}"
    assert send("DELETE", path).status_code == 204
    again = send("DELETE", path)
    assert (again.status_code, again.get_json()["code"]) == (404, "endpoint_unknown")


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ({"url": "ftp://example.org/"}, 422, "endpoint_refused"),
        ({"url": URL, "events": ["watch.lost"]}, 400, "event_unknown"),
        ({"url": URL, "events": []}, 422, "invalid_type"),
        ({"url": URL, "secret": "whsec_mine"}, 422, "invalid_type"),
        ({}, 422, "invalid_type"),
    ],
)
def test_what_cannot_be_is_refused(value: Any, status: int, code: str, send: Send, door: Door) -> None:
    refused = send("POST", "/v1/endpoints", value)
    assert (refused.status_code, refused.get_json()["code"]) == (status, code) and door.count(schema.endpoints) == 0


def test_a_private_address_is_refused_where_the_settings_do_not_allow_it(tmp_path: Path) -> None:
    shut = Door(tmp_path)
    refused = shut.client.post("/v1/endpoints", json={"url": "https://127.0.0.1/"}, headers=shut.key("admin"))
    assert (refused.status_code, refused.get_json()["code"]) == (422, "endpoint_refused") and shut.count(schema.endpoints) == 0


@pytest.mark.parametrize("wish", ["GET", "PATCH", "DELETE", "POST /secret", "DELETE /old-secrets", "GET /deliveries", "POST /replay"])
def test_an_endpoint_of_another_workspace_is_404(wish: str, send: Send, door: Door) -> None:
    method, _, rest = wish.partition(" ")
    path = f"/v1/endpoints/{made(send)['id']}{rest}"
    foreign = door.client.open(path, method=method, json={"is_enabled": False}, headers=door.key("admin", workspace=ELSEWHERE))
    assert (foreign.status_code, foreign.get_json()["code"]) == (404, "endpoint_unknown")
    (row,) = door.rows(schema.endpoints)
    assert row["is_enabled"] and door.count(schema.old_secrets) == 0


def test_the_page_shows_a_secret_once_and_rotates_it(office: Office, admin: Browser) -> None:
    answer = admin.send(PATH, PATH, {"url": URL, "event": ["watch.found"]})
    (row,) = office.door.rows(schema.endpoints)
    with office.database.read() as connection:
        (secret,) = endpoints.open_secrets(connection, office.door.vault, endpoints.get(connection, row["id"]))
    path = f"{PATH}/{row['id']}"
    assert secret in answer.text and secret not in admin.client.get(path).text and row["events"] == ["watch.found"]
    rotated = admin.send(path, f"{path}/secret", {}).text
    assert "whsec_" in rotated and secret not in rotated
    assert "both the newest and the previous secret" in admin.client.get(path).text and "whsec_" not in admin.client.get(path).text
    admin.send(path, path, {"do": "end"})
    assert "both the newest and the previous secret" not in admin.client.get(path).text


def test_the_page_changes_events_pauses_replays_and_removes(office: Office, admin: Browser) -> None:
    admin.send(PATH, PATH, {"url": URL, "event": list(EVENTS)})
    (row,) = office.door.rows(schema.endpoints)
    path = f"{PATH}/{row['id']}"
    failed(office.door, row["id"])
    assert "1 queued again" in admin.send(path, path, {"do": "replay"}).text
    assert admin.send(path, path, {"do": "events", "event": ["alert.raised"]}).status_code == 200
    assert admin.send(path, path, {"do": "disable"}).status_code == 200
    (row,) = office.door.rows(schema.endpoints)
    assert (row["events"], row["is_enabled"]) == (["alert.raised"], False)
    assert "paused" in admin.client.get(PATH).text
    refused = admin.send(path, path, {"do": "replay"})
    assert refused.status_code == 422 and "enable it first" in refused.text
    assert admin.send(path, path, {"do": "enable"}).status_code == 200
    assert admin.send(path, path, {"do": "other"}).status_code == 422
    assert admin.send(path, f"{path}/remove", {}).status_code == 303 and office.door.count(schema.endpoints) == 0
    assert admin.client.get(path).status_code == 404


@pytest.mark.parametrize("fields", [{"url": "ftp://example.org"}, {"url": URL, "event": []}, {"url": URL, "event": ["other"]}], ids=str)
def test_the_page_refuses_with_a_reason_and_keeps_the_form(office: Office, admin: Browser, fields: dict[str, Any]) -> None:
    answer = admin.send(PATH, PATH, {"event": ["watch.found"], **fields})
    assert answer.status_code == 422 and 'role="alert"' in answer.text and office.door.count(schema.endpoints) == 0
    assert fields["url"] in [one.get("value") for one in Page(answer.text).all("input")]


def test_another_workspace_and_other_roles_are_kept_out(office: Office, admin: Browser) -> None:
    admin.send(PATH, PATH, {"url": URL, "event": ["watch.found"]})
    (row,) = office.door.rows(schema.endpoints)
    path = f"{PATH}/{row['id']}"
    stranger = office.browser("admin", workspace=ELSEWHERE)
    assert stranger.client.get(path).status_code == 404 and row["url"] not in stranger.client.get(PATH).text
    for role in ("analyst", "support_lead"):
        assert office.browser(role).client.get(PATH).status_code == 403


@pytest.mark.parametrize("words", HOSTILE)
def test_a_url_is_text(office: Office, admin: Browser, words: str) -> None:
    with office.database.write() as connection:
        endpoints.create(connection, office.door.vault, WORKSPACE, url=f"https://example.org/{words[:1900]}", actor="test")
    page = admin.client.get(PATH).text
    assert "<script>alert" not in page and "<img src=x" not in page
