"""Tests of drafts: kept for their writer alone, by script or button, over the end of a session; a newer one is not overwritten."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from vocservice.store import schema
from web.storing import ELSEWHERE
from web.visiting import Browser, Office, Page

JSON = {"Accept": "application/json"}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def drafts(office: Office) -> list[Any]:
    with office.database.read() as connection:
        return list(connection.execute(select(schema.drafts)).all())


def saved(browser: Browser, record: str, **fields: object):  # type: ignore[no-untyped-def]
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    return browser.post({**form, "action": f"/desk/{record}/draft"}, fields)


def test_a_draft_comes_back_with_its_note_and_labels_and_is_its_writer_s_alone(office: Office) -> None:
    record, ada, grace = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    assert saved(ada, record, note="half a thought", scope="both", stages=["use"]).location == f"/desk/{record}"
    page = ada.page(f"/desk/{record}")
    assert "half a thought" in page.words and "Your draft of" in page.words
    fields = page.form(f"/desk/{record}")["fields"]
    assert ("scope", "both") in fields and ("stages", "use") in fields
    assert "half a thought" not in grace.page(f"/desk/{record}").words
    assert len([link for link in ada.page("/desk?state=draft").all("a") if "data-line" in link]) == 1
    assert not [link for link in grace.page("/desk?state=draft").all("a") if "data-line" in link]


def test_a_decision_ends_the_draft_and_it_can_be_thrown_away(office: Office) -> None:
    record, browser = office.record(), office.browser()
    saved(browser, record, note="x")
    assert browser.send(f"/desk/{record}", f"/desk/{record}/draft", {"drop": "1"}).status_code == 303
    assert drafts(office) == []
    saved(browser, record, note="x")
    browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": "confirm"})
    assert drafts(office) == []


def test_a_draft_that_was_on_its_way_while_its_writer_decided_is_not_kept(office: Office) -> None:
    record, browser, other = office.record(), office.browser(name="Ada"), office.browser(name="Grace")
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": "confirm"})
    answer = browser.client.post(f"/desk/{record}/draft", data={**dict(form["fields"]), "note": "late"}, headers=JSON)
    assert (answer.status_code, drafts(office)) == (409, [])
    with office.database.read() as connection:
        assert list(connection.execute(select(schema.claims)).all()) == []
    late = {**dict(other.page(f"/desk/{record}").form(f"/desk/{record}")["fields"]), "steps": dict(form["fields"])["steps"]}
    kept = other.client.post(f"/desk/{record}/draft", data={**late, "note": "hers"}, headers=JSON)
    assert kept.status_code == 200 and [draft.note for draft in drafts(office)] == ["hers"]  # what another person wrote is not lost


def test_a_draft_whose_form_tells_of_decisions_that_never_were_is_kept(office: Office) -> None:
    record, browser = office.record(), office.browser()
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    answer = browser.client.post(f"/desk/{record}/draft", data={**dict(form["fields"]), "steps": "7", "note": "odd"}, headers=JSON)
    assert answer.status_code == 200 and [draft.note for draft in drafts(office)] == ["odd"]


def test_the_script_is_told_the_version_and_an_old_window_overwrites_nothing(office: Office) -> None:
    record, browser = office.record(), office.browser()
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    fields = dict(form["fields"])

    def keep(note: str, version: int):  # type: ignore[no-untyped-def]
        return browser.client.post(f"/desk/{record}/draft", data={**fields, "note": note, "draft_version": version}, headers=JSON)

    assert [keep("one", 0).get_json(), keep("two", 1).get_json()] == [{"version": 1}, {"version": 2}]
    late = [keep("late", 0), keep("late", 1)]
    assert [answer.status_code for answer in late] == [409, 409]
    assert drafts(office)[0].note == "two"
    assert keep("x", "no").status_code == 400  # type: ignore[arg-type]


def test_what_was_written_outlives_the_session(office: Office) -> None:
    record, browser = office.record(), office.browser()
    saved(browser, record, note="before")
    form = browser.page(f"/desk/{record}").form(f"/desk/{record}")
    browser.client.delete_cookie("voc_session")
    answer = browser.post({**form, "action": f"/desk/{record}/draft"}, {"note": "after"})
    assert answer.status_code == 401 and "after" in answer.text
    resume = Page(browser.post(Page(answer.text).form("/login"), {"email": browser.user.email, "password": "correct horse battery"}).text)
    assert browser.post(resume.form(f"/desk/{record}/draft")).status_code == 303
    assert drafts(office)[0].note == "after"
    assert "after" in browser.page(f"/desk/{record}").words


def test_a_text_that_changed_keeps_the_note_and_not_the_labels(office: Office) -> None:
    record, browser = office.record(), office.browser()
    saved(browser, record, note="mine", scope="both")
    with office.database.write() as connection:
        connection.execute(update(schema.drafts).values(revision=0))
    page = browser.page(f"/desk/{record}")
    assert "The text changed after your draft" in page.words and "mine" in page.words
    assert ("scope", "both") not in page.form(f"/desk/{record}")["fields"]


def test_nobody_keeps_a_draft_on_another_workspace_s_record(office: Office) -> None:
    record, own, browser = office.record(workspace=ELSEWHERE), office.record(), office.browser()
    form = browser.page(f"/desk/{own}").form(f"/desk/{own}")
    assert browser.post({**form, "action": f"/desk/{record}/draft"}).status_code == 404
    assert drafts(office) == []
