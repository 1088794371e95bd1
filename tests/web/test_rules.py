"""Tests of the pages on rules: written, tried, switched, changed; who may; names that try to become markup; and what the desk shows."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from vocservice.records import RuleHit
from vocservice.store import schema
from vocservice.store.review import reviews, rule_hits, rules
from vocservice.store.review.rule_hits import Analysed
from vocservice.store.review.rules import Draft
from vocservice.taxonomy import load_taxonomy
from web.storing import ELSEWHERE, WORKSPACE
from web.test_page import HOSTILE
from web.visiting import Browser, Office, Page

FIELDS = {"name": "Broken tech", "owner": "Digital", "expression": "factor technology is negative", "reason": "Something of ours is broken"}

TEXT = "The app crashed and I cancel."


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def admin(office: Office) -> Browser:
    return office.browser("admin")


def written(admin: Browser, **fields: str) -> str:
    """A rule; the path of its page."""
    answer = admin.send("/rules", "/rules", {**FIELDS, **fields})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def switched(admin: Browser, path: str, do: str) -> TestResponse:
    return admin.send(path, f"{path}/state", {"do": do})


def stored(office: Office, table: Any) -> list[Any]:
    with office.database.read() as connection:
        return list(connection.execute(select(table)).all())


def analysed(office: Office, **changes: Any) -> str:
    """A record that the rules are asked about, as a worker does it."""
    record = office.record(**{"text": TEXT, **changes})
    with office.database.write() as connection:
        (row,) = connection.execute(select(schema.analyses).where(schema.analyses.c.record_id == record)).all()
        hits = rule_hits.keep(connection, Analysed(WORKSPACE, record, 1, row.bundle, row.result))
        reviews.enter(connection, WORKSPACE, record, revision=1, result=row.result, hits=hits)
    return record


def test_a_rule_is_written_off_and_counts_once_it_is_on(office: Office, admin: Browser) -> None:
    path = written(admin, urgency="30", tag="tech")
    analysed(office)
    assert stored(office, schema.rule_hits) == []
    assert switched(admin, path, "enable").status_code == 303
    analysed(office)
    assert len(stored(office, schema.rule_hits)) == 1
    text = admin.client.get("/rules").text
    assert "factor.technology is negative" in text and "30 points" in text and "tech" in text
    assert switched(admin, path, "disable").status_code == 303
    assert [row.is_enabled for row in stored(office, schema.rules)] == [False]


def test_a_fault_is_told_and_what_was_written_stays_in_the_form(office: Office, admin: Browser) -> None:
    answer = admin.send("/rules", "/rules", {**FIELDS, "expression": "churn_risc > 0.5"})
    assert (answer.status_code, stored(office, schema.rules)) == (422, [])
    assert 'role="alert"' in answer.text and "did you mean churn_risk" in answer.text
    assert "churn_risc &gt; 0.5" in answer.text and "Something of ours is broken" in answer.text


@pytest.mark.parametrize("fields", [{"name": ""}, {"urgency": "x"}, {"urgency": "101"}, {"effect": "route"}, {"assignee": "x@example.org"}])
def test_what_cannot_be_is_refused(office: Office, admin: Browser, fields: dict[str, str]) -> None:
    assert admin.send("/rules", "/rules", {**FIELDS, **fields}).status_code == 422
    assert stored(office, schema.rules) == []


def test_a_change_is_a_version_and_a_late_one_is_told(office: Office, admin: Browser) -> None:
    path = written(admin)
    form = admin.page(path).form(path)
    assert admin.post(form, {"expression": "churn_risk > 0.9"}).status_code == 303
    late = admin.post(form, {"expression": "needs_review"})
    assert late.status_code == 409 and "nothing was stored" in late.text and "needs_review" in late.text
    assert [row.version for row in stored(office, schema.rule_versions)] == [1, 2]
    assert "factor.technology is negative" in admin.client.get(path).text


def test_a_lead_tries_it_on_the_past_and_an_analyst_only_reads(office: Office, admin: Browser) -> None:
    path = written(admin)
    record = office.record(text=TEXT)
    lead, analyst = office.browser("support_lead"), office.browser("analyst")
    answer = lead.send(path, "/rules/test", {"days": "7", "expression": FIELDS["expression"]})
    words = " ".join(Page(answer.text).words.split())
    assert answer.status_code == 200 and f"/desk/{record}" in answer.text
    assert "It would have matched 1 of 1 records (100%) from the last 7 days." in words
    assert "1 came to the desk; with this rule it would have been 1." in words
    assert stored(office, schema.rule_hits) == []
    for browser, forms in ((lead, ["/rules/test"]), (analyst, [])):
        found = [form["action"] for page in ("/rules", path) for form in browser.page(page).forms if "/rules" in str(form["action"])]
        assert sorted(set(found)) == forms
    assert lead.send(path, "/rules/test", {"expression": "turns >"}).status_code == 422


@pytest.mark.parametrize(
    ("known", "whose"), [("late_answer", "Owner: Customer support; config/rules.toml."), ("other", "config/rules.toml, since removed.")]
)
def test_a_rule_of_the_installation_names_who_answers_for_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: str, whose: str
) -> None:
    rule = f'[[rules]]\nid = "{known}"\nowner = "Customer support"\nwhen = "turns > 2"\nreason = "Waited too long"\n'
    (tmp_path / "rules.toml").write_text(rule, encoding="utf-8")
    monkeypatch.setattr("vocservice.web.model.config_path", tmp_path.joinpath)
    record = analysed(office, rules=(RuleHit("late_answer", "review", "Waited too long", "turns > 2"),))
    assert f"Waited too long {whose} Matched" in " ".join(office.browser("analyst").page(f"/desk/{record}").words.split())


def test_the_desk_shows_which_rule_whose_and_why(office: Office, admin: Browser) -> None:
    path = written(admin, expression="factor technology is negative and not channel is phone")
    switched(admin, path, "enable")
    configured = RuleHit("late_answer", "review", "Waited too long", "turns > 2")
    record = analysed(office, rules=(configured,))
    page = admin.client.get(f"/desk/{record}").text
    words = " ".join(Page(page).words.split())
    assert f'href="{path}"' in page
    for said in (
        "Broken tech",
        "Something of ours is broken",
        "Owner: Digital; version 1",
        "not channel is phone",
        "late_answer",
        "Waited too long",
    ):
        assert said in words
    assert "Rule: Broken tech" in admin.client.get("/desk").text
    assert record[-8:] in admin.client.get("/desk?label=rules.Broken+tech").text
    assert record[-8:] not in admin.client.get("/desk?label=rules.Other").text


def test_the_words_behind_a_rule_are_shown_with_their_turn(office: Office, admin: Browser) -> None:
    path = written(admin, expression='text mentions "boss"')
    switched(admin, path, "enable")
    record = analysed(office, text="")
    assert re.search(r'#turn-3">3</a> <q><bdi>boss</bdi></q>', admin.client.get(f"/desk/{record}").text)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_admins_write_is_text_on_every_page(office: Office, admin: Browser, text: str) -> None:
    shown = " ".join(text.split())
    if not shown.isprintable() or not 0 < len(shown) <= 50:
        return
    path = written(
        admin, name=shown, owner=shown, reason=shown, expression=f"metadata.x is {_quoted(shown)} or churn_risk or not churn_risk"
    )
    switched(admin, path, "enable")
    record = analysed(office)
    for page in ("/rules", path, "/desk", f"/desk/{record}"):
        found = Page(admin.client.get(page).text)
        assert not [attributes for tag, attributes in found.elements if tag in ("img", "svg", "iframe") and "onerror" in attributes]
        assert all(attributes.get("src") for attributes in found.all("script"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_rules_of_another_workspace_are_not_there(office: Office, admin: Browser) -> None:
    with office.database.write() as connection:
        made = rules.create(connection, ELSEWHERE, Draft(**FIELDS), load_taxonomy(), is_enabled=True, actor="test")
    token = dict(admin.page("/preferences").form("/preferences")["fields"])["token"]
    for path, form in ((f"/rules/{made.id}", FIELDS), (f"/rules/{made.id}/state", {"do": "disable"})):
        assert admin.client.post(path, data={"token": token, "version": "1", **form}).status_code == 404
    assert admin.client.get(f"/rules/{made.id}").status_code == 404
    assert "Broken tech" not in admin.client.get("/rules").text
    analysed(office)
    assert stored(office, schema.rule_hits) == []


def test_a_rule_that_the_taxonomy_outgrew_is_told(office: Office, admin: Browser) -> None:
    path = written(admin)
    with office.database.write() as connection:
        connection.execute(schema.rule_versions.update().values(expression="flag.gone > 0.5"))
    assert "broken" in admin.client.get("/rules").text
    assert "unknown name flag.gone" in admin.client.get(path).text
    analysed(office)
