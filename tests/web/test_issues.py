"""Tests of issues: from the ladder to an issue, who owns it, and that it closes only when complaints fall."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import piece
from sqlalchemy import Connection, select, update

from vocservice.errors import StoreError
from vocservice.records import Factor, Label
from vocservice.store import schema
from vocservice.store.analysed import issues, vectors
from vocservice.store.analysed.vectors import Held
from web.storing import ELSEWHERE, WORKSPACE
from web.test_openapi import check, schema_of
from web.test_workbench import Leads, counted
from web.visiting import Browser, Office

NOW = datetime.now(UTC)
TEXT = "The transfer failed again."
PATH = "/workbench/issues"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def say(office: Office, count: int, *, days_ago: int, is_complaint: bool, workspace: str | None = None) -> None:
    """So many records of different customers on one day."""
    evidence = (piece(TEXT, "transfer"),)
    for number in range(count):
        changes: dict[str, Any] = {
            "text": TEXT,
            "stages": (Label("use", 0.9, evidence),),
            "subject": f"{int(is_complaint)}{days_ago:031d}{number:032d}",
        }
        changes["factors"] = (Factor("technology", "-", 0.9, evidence),) if is_complaint else (Factor("brand", "+", 0.9, evidence),)
        if workspace:
            changes["workspace"] = workspace
        record = office.record(**changes, scope=scope("service_complaint" if is_complaint else "neither"))
        with office.database.write() as connection:
            at = NOW - timedelta(days=days_ago)
            connection.execute(update(schema.records).where(schema.records.c.id == record).values(created_at=at))


def scope(key: str) -> Any:
    from vocservice.records import Scope

    return Scope(key, 0.9, "head:scope", ())


def opened(office: Office, browser: Browser) -> str:
    """The path of a new issue, out of what the ladder offers."""
    answer = browser.send(PATH, PATH, {"title": "Transfers fail"})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def backdate(office: Office, days: int) -> None:
    with office.database.write() as connection:
        connection.execute(update(schema.issues).values(opened_at=NOW - timedelta(days=days)))


def status_of(office: Office) -> list[str]:
    with office.database.read() as connection:
        return list(connection.scalars(select(schema.issues.c.status)))


def test_shared_complaints_become_one_issue_with_its_evidence(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    browser = office.browser("analyst")
    page = browser.page(PATH)
    assert "8 complaints" in page.words and "In common" in page.words and "no other stage and factor is blamed" in page.words
    one = browser.page(opened(office, browser))
    assert "no other stage and factor is blamed" in one.words
    assert "8 service complaints of 8 customers" in one.words and "Transfers fail" in one.words
    assert one.undefined == page.undefined == set()
    again = browser.page(PATH)
    assert "No further complaint" in again.words and "not known: 14 more days" in again.words
    with office.database.read() as connection:
        acts = connection.scalars(select(schema.audit.c.action)).all()
    assert "issue.open" in acts


def test_while_causes_are_computed_the_page_says_so_and_offers_no_issue(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    monkeypatch.setattr("vocservice.web.workbench.looking.SMALL", 0)
    browser = office.browser("analyst")
    first = browser.page(PATH)
    assert [mark["data-later"] for mark in first.all("p") if "data-later" in mark] == ["#rungs"]
    assert "8 complaints" in first.words and "In common" not in first.words
    assert [form for form in first.forms if form["action"] == PATH] == [] and first.undefined == set()
    assert browser.client.get("/workbench/report.json").status_code == 200  # waits until all is there
    later = browser.page(PATH)
    assert not any("data-later" in mark for mark in later.all("p")) and "In common" in later.words
    assert [form["action"] for form in later.forms].count(PATH) == 1 and "rungs" in [part.get("id") for part in later.all("section")]


def test_its_complaints_lead_to_just_these_and_no_other_scope_is_among_them(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    evidence = (piece(TEXT, "transfer"),)
    blame = {"stages": (Label("use", 0.9, evidence),), "factors": (Factor("technology", "-", 0.9, evidence),)}
    for key in ("experience_issue", "neither"):
        office.record(text=TEXT, scope=scope(key), **blame)
    browser = office.browser("analyst")
    links = [str(link["href"]) for link in browser.page(PATH).all("a") if "polarity=-" in str(link["href"])]
    assert [counted(office, link) for link in links] == [8]
    weeks = [link for link in Leads(browser.client.get(opened(office, browser)).text).found if link.n]
    assert sum(link.n or 0 for link in weeks) >= 16
    assert [link for link in weeks if link.n != counted(office, link.address)] == []


def test_a_key_reads_issues_and_their_inflow(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    browser, client = office.browser("analyst"), office.door.client
    assert client.get("/v1/issues", headers=office.door.key("feedback:read")).get_json() == {"issues": []}
    issue_id = opened(office, browser).rpartition("/")[2]
    (issue,) = client.get("/v1/issues", headers=office.door.key("feedback:read")).get_json()["issues"]
    check(schema_of("/v1/issues/{issue_id}", "get", 200, "application/json"), issue)
    assert (issue["id"], issue["status"], issue["evidence"]["records"], issue["inflow"]["verdict"]) == (issue_id, "open", 8, "unknown")
    assert sum(week["complaints"] for week in issue["inflow"]["weeks"]) == 8
    assert client.get(f"/v1/issues/{issue_id}", headers=office.door.key("feedback:read")).get_json() == issue
    other = office.door.key("feedback:read", workspace=ELSEWHERE)
    assert client.get("/v1/issues", headers=other).get_json() == {"issues": []}
    assert client.get(f"/v1/issues/{issue_id}", headers=other).status_code == 404
    assert client.get("/v1/issues").status_code == 401
    assert client.get(f"/v1/issues/{issue_id}", headers=office.door.key("feedback:write")).status_code == 403


def test_it_closes_only_when_complaints_have_fallen(office: Office) -> None:
    say(office, 15, days_ago=60, is_complaint=True)
    say(office, 25, days_ago=60, is_complaint=False)
    browser = office.browser("analyst")
    path = opened(office, browser)
    backdate(office, 50)
    refused = browser.send(path, path, {"status": "closed"})
    assert refused.status_code == 409 and "has not" in refused.text and status_of(office) == ["open"]
    assert browser.send(path, path, {"status": "mending"}).status_code == 303
    say(office, 40, days_ago=2, is_complaint=False)
    assert "14 days ago" in browser.page(path).words and browser.send(path, path, {"status": "closed"}).status_code == 409
    say(office, 40, days_ago=20, is_complaint=False)
    assert "▼ fallen" in browser.page(path).words
    assert browser.send(path, path, {"status": "closed"}).status_code == 303 and status_of(office) == ["closed"]
    say(office, 40, days_ago=1, is_complaint=True)
    assert "the complaints are back" in browser.page(PATH).words


LATE, WET = "The parcel came late.", "Rain soaked everything."
WIDTH = 8
TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))[0]


def say_cause(office: Office, text: str, kind: int, count: int, *, days_ago: int, bundles: tuple[str, ...] = ("fake-1",)) -> None:
    """Complaints of one cell and cause, each with a vector by these bundles; `fake-2` turns all directions.

    Their ids, by which customers fall into halves, are the same in every run.
    """
    evidence = (piece(text, text),)
    blame = {"stages": (Label("use", 0.9, evidence),), "factors": (Factor("fulfilment", "-", 0.9, evidence),)}
    names = [f"{kind}{days_ago:012d}{number:013d}" for number in range(count)]
    made = [
        office.record(text=text, subject=f"{name}{0:038d}", record_id=f"rec_{name}", scope=scope("service_complaint"), **blame)
        for name in names
    ]
    with office.database.write() as connection:
        backdated(connection, made, days_ago)
        for number, record in enumerate(made):
            own = np.eye(WIDTH)[kind] * 100 + np.random.default_rng(number).normal(0, 8, WIDTH)
            for bundle in bundles:
                vector = (own @ TURN if bundle == "fake-2" else own).astype(np.int8).tobytes()
                vectors.keep(connection, Held(WORKSPACE, record, 1, bundle), vector)


def say_beside(office: Office, *, days_ago: int) -> None:
    """Complaints of other cells, each rarer."""
    names = ("brand", "process", "courtesy", "technology", "competence", "resolution")
    blames = [{"stages": (Label("use", 0.9, ()),), "factors": (Factor(name, "-", 0.9, ()),)} for name in names]
    made = [office.record(text=TEXT, scope=scope("service_complaint"), **blame) for blame in blames]
    with office.database.write() as connection:
        backdated(connection, made, days_ago)


def backdated(connection: Connection, made: list[str], days_ago: int) -> None:
    at = NOW - timedelta(days=days_ago)
    connection.execute(update(schema.records).where(schema.records.c.id.in_(made)).values(created_at=at))


def told(office: Office) -> dict[str, dict[str, Any]]:
    """The issues as JSON, by the first word of their cause."""
    found = office.door.client.get("/v1/issues", headers=office.door.key("feedback:read")).get_json()["issues"]
    return {issue["cause"].split(",")[0]: issue for issue in found}


def test_two_causes_of_one_cell_are_two_issues_of_which_one_falls_also_after_a_promotion(office: Office) -> None:
    say_cause(office, LATE, 0, 40, days_ago=60)
    say_cause(office, WET, 1, 30, days_ago=60)
    say_beside(office, days_ago=60)
    say(office, 70, days_ago=59, is_complaint=False)
    browser = office.browser("analyst")
    page = browser.page(PATH)
    forms = offered(browser)  # which comes first hangs on the half that each customer falls into
    late, wet = forms["came late"], forms["rain soaked"]
    (whole,) = (form for form in page.forms if form["action"] == PATH and not dict(form["fields"]).get("cause"))
    assert page.undefined == set() and len(forms) == 2
    paths = [str(browser.post(form).location) for form in (late, wet)]
    assert browser.post(late).status_code == 409 and len(status_of(office)) == 2
    assert [dict(form["fields"]).get("cause") for form in browser.page(PATH).forms if form["action"] == PATH] == [None]
    assert "rain soaked" in browser.page(paths[1]).words and browser.page(paths[0]).undefined == set()
    backdate(office, 50)
    for days_ago in (20, 2):
        say(office, 70, days_ago=days_ago, is_complaint=False)
        say_cause(office, WET, 1, 30, days_ago=days_ago)
    found = told(office)
    check(schema_of("/v1/issues/{issue_id}", "get", 200, "application/json"), found["came late"])
    assert found["came late"]["inflow"]["verdict"] == "fallen" != found["rain soaked"]["inflow"]["verdict"]
    assert 20 < found["came late"]["evidence"]["records"] <= 40 and found["came late"]["evidence"]["looked"] == 70
    how = found["came late"]["inflow"]["told"]
    counts = [how["complaints"], sum(week["records"] for week in found["came late"]["inflow"]["weeks"])]
    assert how | {"complaints": 0} == {"bundle": "fake-1", "complaints": 0, "without": 0, "part": 0.5}
    assert counts == on_others(office), "only customers who did not make the causes are counted"

    say_cause(office, WET, 1, 60, days_ago=1, bundles=("fake-2",))
    inflow = told(office)["rain soaked"]["inflow"]
    without, complaints = inflow["told"]["without"], inflow["told"]["complaints"]
    assert inflow["verdict"] == "unknown" and f"{without} of {complaints} complaints have no vector of fake-1" in inflow["remedy"]
    assert 0 < without < 60 and f"{without} of {complaints} of their complaints" in browser.page(paths[1]).words
    analyse_again(office)
    found = told(office)
    assert [found[name]["inflow"]["told"]["bundle"] for name in found] == ["fake-2", "fake-2"]
    assert found["came late"]["inflow"]["verdict"] == "fallen" != found["rain soaked"]["inflow"]["verdict"]
    assert browser.send(paths[0], paths[0], {"status": "closed"}).status_code == 303
    assert browser.send(paths[1], paths[1], {"status": "closed"}).status_code == 409
    with office.database.read() as connection:
        assert list(connection.scalars(select(schema.audit.c.action))).count("issue.carry") == 2
    assert browser.post(whole).status_code == 303


def test_the_vectors_of_all_issues_are_read_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    say_cause(office, LATE, 0, 40, days_ago=50)
    say_cause(office, WET, 1, 30, days_ago=50)
    say_beside(office, days_ago=50)
    browser = office.browser("analyst")
    for form in list(offered(browser).values()):
        assert browser.post(form).status_code == 303
    read, asked = vectors.of_bundles, list[int]()

    def counting(connection: Any, workspace_id: str, ids: list[str]) -> Any:
        asked.append(len(ids))
        return read(connection, workspace_id, ids)

    monkeypatch.setattr(vectors, "of_bundles", counting)
    found = told(office)
    shares = {name: issue["inflow"]["told"]["complaints"] for name, issue in found.items()}
    assert len(found) == 2 and asked == [max(shares.values())]  # both causes are of one cell


def on_others(office: Office) -> list[int]:
    """How many complaints of the cell, and how many records, are of customers who do not make causes; each record names its own."""
    from vocservice.reporting.draws import _hashes

    with office.database.read() as connection:
        found = connection.execute(select(schema.analyses.c.record_id, schema.analyses.c.result)).all()
    others = [row.result for row in found if _hashes(np.array([row.record_id.encode()]))[0] / 2.0**64 >= 0.5]
    return [sum("fulfilment" in str(one["factors"]) for one in others), len(others)]


def test_no_cause_is_opened_twice_while_another_bundle_reads_it_after_that_nor_by_opening_a_dismissed_one_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_cause(office, LATE, 0, 40, days_ago=50)
    say_cause(office, WET, 1, 30, days_ago=50)
    say_beside(office, days_ago=50)
    browser = office.browser("analyst")
    path = str(browser.post(offered(browser)["came late"]).location)
    assert list(offered(browser)) == ["rain soaked"]
    analyse_again(office, tenths=7)
    assert offered(browser) == {} and told(office)["came late"]["inflow"]["told"]["bundle"] == "fake-1"
    analyse_again(office)
    with monkeypatch.context() as busy:
        busy.setattr("vocservice.store.analysed.issue_regions.carry", unwritable)
        assert told(office)["came late"]["inflow"]["told"]["bundle"] == "fake-2"
    assert list(offered(browser)) == ["rain soaked"]
    assert browser.send(path, path, {"status": "dismissed"}).status_code == 303
    assert browser.post(offered(browser)["came late"]).status_code == 303
    with office.database.write() as connection:
        connection.execute(update(schema.issues).where(schema.issues.c.status == "dismissed").values(cause="in other words"))
    assert browser.send(path, path, {"status": "open"}).status_code == 409 and sorted(status_of(office)) == ["dismissed", "open"]


def unwritable(*_: object, **__: object) -> None:
    raise StoreError("the database is busy; try again")


def offered(browser: Browser) -> dict[str, dict[str, Any]]:
    """The forms that open an issue for a cause, by its first word."""
    forms = [form for form in browser.page(PATH).forms if form["action"] == PATH and dict(form["fields"]).get("cause")]
    return {str(dict(form["fields"])["title"]).rpartition(": ")[2]: form for form in forms}


def analyse_again(office: Office, *, tenths: int = 10) -> None:
    """Another bundle reads what the first has read, or part of it."""
    with office.database.write() as connection:
        for at, held in enumerate(connection.execute(select(schema.vectors).where(schema.vectors.c.bundle == "fake-1")).all()):
            if at % 10 < tenths:
                vector = (np.frombuffer(held.vector, np.int8) @ TURN).astype(np.int8).tobytes()
                vectors.keep(connection, Held(WORKSPACE, held.record_id, 1, "fake-2"), vector)
                own = schema.analyses.c.record_id == held.record_id
                result = connection.execute(select(schema.analyses.c.result).where(own)).scalar_one()
                connection.execute(update(schema.analyses).where(own).values(bundle="fake-2", result=result | {"model": "fake-2"}))


def test_what_somebody_changed_in_between_is_not_overwritten(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    browser = office.browser("analyst")
    path = opened(office, browser)
    with office.database.read() as connection:
        held = issues.by_id(connection, browser.user.workspace_id, path.rpartition("/")[2])
    assert held
    assert browser.send(path, path, {"status": "dismissed"}).status_code == 303
    with office.database.write() as connection, pytest.raises(Exception, match="meanwhile"):
        issues.move(connection, browser.user, held, status="mending", owner=held.owner, verdict="unknown")


def test_a_form_that_was_opened_before_somebody_else_saved_is_refused(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    browser = office.browser("analyst")
    path = opened(office, browser)
    held = dict(browser.page(path).form(path)["fields"])
    assert browser.send(path, path, {"status": "mending"}).status_code == 303
    late = browser.client.post(path, data=held | {"status": "dismissed"})
    assert late.status_code == 409 and "meanwhile" in late.text and status_of(office) == ["mending"]


def test_a_live_issue_is_listed_before_any_number_of_later_ones_that_are_done(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issues, "MOST", 2)
    user = office.browser("analyst").user
    with office.database.write() as connection:
        for factor in ("technology", "process", "courtesy"):
            issues.open_one(connection, user, stage="use", factor=factor, title=factor, owner="product", evidence={})
        done = update(schema.issues).where(schema.issues.c.factor != "technology")
        connection.execute(done.values(status="closed", changed_at=NOW + timedelta(days=1)))
        found = issues.listed(connection, user.workspace_id)
    assert [issue.factor for issue in found][0] == "technology" and len(found) == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"stage": "purchase"}, 400), ({"owner": "nobody"}, 400), ({"title": " "}, 400)],
    ids=["a cell that nobody shares", "no such owner", "no title"],
)
def test_what_cannot_be_opened_is_refused(office: Office, changes: dict[str, str], status: int) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    answer = office.browser("analyst").send(PATH, PATH, {"title": "Transfers fail"} | changes)
    assert answer.status_code == status and status_of(office) == []


def test_single_complaints_are_not_offered_and_an_empty_workspace_is_answered(office: Office) -> None:
    browser = office.browser("analyst")
    assert "There are no issues yet" in browser.page(PATH).words
    say(office, 3, days_ago=3, is_complaint=True)
    assert "No further complaint" in browser.page(PATH).words


def test_another_workspace_sees_and_moves_nothing(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    path = opened(office, office.browser("analyst"))
    other = office.browser("admin", workspace=ELSEWHERE)
    assert other.client.get(path).status_code == 404
    token = dict(other.page("/preferences").form("/preferences")["fields"])["token"]
    assert other.client.post(path, data={"token": token, "status": "closed"}).status_code == 404
    assert "Transfers fail" not in other.client.get(PATH).text


def test_hostile_titles_stay_text(office: Office) -> None:
    say(office, 8, days_ago=3, is_complaint=True)
    browser = office.browser("analyst")
    answer = browser.send(PATH, PATH, {"title": "<script>alert(1)</script>"})
    for path in (PATH, str(answer.location)):
        assert not re.search(r"<script>alert", browser.client.get(path).text)
