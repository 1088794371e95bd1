"""Tests of the alerts page: who may, what is kept as it was written, what is refused, and names that try to become markup."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from vocservice.store import audit, schema
from vocservice.store.review import alerts, rules
from vocservice.store.review.alerts import TRY, Alert
from vocservice.store.review.rules import Draft
from vocservice.taxonomy import load_taxonomy
from web.test_page import HOSTILE
from web.visiting import Browser, Office

FORM = {"name": "Angry", "when": "instant", "zone": "Europe/Berlin", "cool_down": "15", "urgency": "40", "endpoints": "on"}
DIGEST = {"when": "digest", "digest_at": "08:30", "day": ["Mon", "Fri"]}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch, sends_mail=True)


@pytest.fixture
def admin(office: Office) -> Browser:
    return office.browser("admin")


def add(admin: Browser, **fields: Any):  # type: ignore[no-untyped-def]
    return admin.send("/admin/alerts", "/admin/alerts", {**FORM, **fields})


def held(office: Office, admin: Browser) -> list[Alert]:
    with office.database.read() as connection:
        return alerts.listed(connection, admin.user.workspace_id)


def test_an_alert_is_kept_as_it_was_written(office: Office, admin: Browser) -> None:
    lead = office.user("support_lead", name="Lin")
    answer = add(admin, label=["flags.churn_risk", "needs_review"], reader=[lead.id], quiet_from="22:00", quiet_to="07:00")
    assert answer.status_code == 303
    (made,) = held(office, admin)
    assert (made.name, made.labels, made.least_urgency) == ("Angry", ("flags.churn_risk", "needs_review"), 40)
    assert (made.readers, made.tells_endpoints, made.timing.zone, made.timing.cool_down) == ((lead.id,), True, "Europe/Berlin", 15)
    page = admin.client.get("/admin/alerts").text
    assert "22:00 to 07:00" in page and "at most every 15 minutes" in page and "Lin" in page


def test_a_digest_has_its_days(office: Office, admin: Browser) -> None:
    assert add(admin, **DIGEST).status_code == 303
    (made,) = held(office, admin)
    assert made.timing.days == (0, 4) and made.timing.quiet is None
    assert "08:30 on Mon, Fri" in admin.client.get("/admin/alerts").text


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"zone": "Mars/Olympus"},
        {"label": ["flags.none"]},
        {"urgency": "many"},
        {"cool_down": "-1"},
        {"endpoints": "", "reader": []},
        {"reader": ["usr_nobody"]},
        {"quiet_from": "22:00"},
        {"when": "digest", "digest_at": "", "day": ["Mon"]},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_a_reason_and_the_form_stays(office: Office, admin: Browser, fields: dict[str, Any]) -> None:
    answer = add(admin, **fields)
    assert answer.status_code == 422 and 'role="alert"' in answer.text and held(office, admin) == []
    assert f'value="{fields.get("name", "Angry")}"' in answer.text


def test_rules_are_offered_that_bring_records_to_the_desk_of_the_installation_too(
    office: Office, admin: Browser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rule = '[[rules]]\nid = "{}"\nowner = "Digital"\nwhen = "turns > 2"\nreason = "Waited"\neffect = "{}"\nqueue = "waits"\n'
    (tmp_path / "rules.toml").write_text(rule.format("late", "review") + rule.format("sorted", "route"), encoding="utf-8")
    monkeypatch.setattr("vocservice.web.model.config_path", tmp_path.joinpath)
    with office.database.write() as connection:
        for name, effect in (("Loud", "review"), ("Quiet", "route")):
            draft = Draft(name=name, owner="Digital", expression="turns > 2", reason="Waited", effect=effect, tag="waits")
            rules.create(connection, admin.user.workspace_id, draft, load_taxonomy(), is_enabled=True, actor="test")
    offered = re.findall('value="(rules[.][^"]*)"', admin.client.get("/admin/alerts").text)
    assert offered == ["rules.late", "rules.Loud"]
    assert [add(admin, label=[f"rules.{name}"]).status_code for name in ("late", "Loud", "sorted", "Quiet")] == [303, 303, 422, 422]


def test_without_a_mail_server_nobody_can_be_mailed(office: Office, admin: Browser) -> None:
    office.mail(sends=False)
    assert "No mail server is set" in admin.client.get("/admin/alerts").text
    lead = office.user("support_lead")
    assert add(admin, reader=[lead.id]).status_code == 422 and held(office, admin) == []


def test_alerts_are_silenced_tried_out_and_deleted(office: Office, admin: Browser) -> None:
    lead = office.user("support_lead")
    add(admin, reader=[lead.id])
    (made,) = held(office, admin)
    place = f"/admin/alerts/{made.id}"
    assert admin.send("/admin/alerts", place, {"do": "try"}).status_code == 200
    with office.database.read() as connection:
        assert connection.scalars(select(schema.jobs.c.target).where(schema.jobs.c.kind == TRY)).all() == [made.id]
    assert "is paused" in admin.send("/admin/alerts", place, {"do": "disable"}).text and not held(office, admin)[0].is_enabled
    assert "is on again" in admin.send("/admin/alerts", place, {"do": "enable"}).text and held(office, admin)[0].is_enabled
    assert admin.send("/admin/alerts", place, {"do": "frighten"}).status_code == 422
    assert admin.send("/admin/alerts", place, {"do": "delete"}).status_code == 200 and held(office, admin) == []
    with office.database.read() as connection:
        assert audit.first_broken(connection) is None


def test_an_alert_of_another_workspace_is_not_there(office: Office, admin: Browser) -> None:
    add(admin)
    (made,) = held(office, admin)
    stranger = office.browser("admin", workspace="ws_two")
    assert "Angry" not in stranger.client.get("/admin/alerts").text
    form = {**stranger.page("/admin/alerts").form("/admin/alerts"), "action": f"/admin/alerts/{made.id}"}
    assert stranger.post(form, {"do": "delete"}).status_code == 404
    assert held(office, admin) == [made]


@pytest.mark.parametrize("role", ["analyst", "support_lead"])
def test_only_admins_set_alerts(office: Office, role: str) -> None:
    assert office.browser(role).client.get("/admin/alerts").status_code == 403


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(office: Office, admin: Browser, name: str) -> None:
    add(admin, name=name)
    page = admin.client.get("/admin/alerts").text
    assert "<script>alert" not in page and "<img src=x" not in page
