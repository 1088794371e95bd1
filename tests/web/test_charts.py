"""Tests of the JSON of every chart: each drawing and table leads to its own, with the filters of the page and the numbers of the report."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import piece

from vocservice.records import Factor, Label
from vocservice.reporting.charted import CHARTED
from vocservice.web.workbench import looking
from web.said import DOCUMENT
from web.storing import ELSEWHERE
from web.test_workbench import figures, set_record
from web.visiting import Browser, Office

START = datetime(2026, 1, 5, tzinfo=UTC)
TEXT = "It crashed."


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(looking, "SMALL_SECONDS", 60.0)
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def filled(office: Office) -> Office:
    """Ten weeks in which two models labelled, with scores that follow what is said, so that every chart has something to show."""
    told = (piece(TEXT, "crashed"),)
    for number in range(120):
        sign, day = "-" if number % 3 else "+", START + timedelta(days=7 * (number % 10))
        factors = (Factor("technology", sign, 0.9, told), *((Factor("courtesy", "+", 0.9, told),) if number % 2 else ()))
        labels = {"stages": (Label("use", 0.9, told),), "factors": factors, "scope": Label("service_complaint", 0.9, told)}
        record = office.record(text=TEXT, model="fake-1" if number % 10 < 8 else "fake-2", **labels)
        score = 9.0 - 4 * (sign == "-") - number % 2
        told_of = {"created_at": day, "subject_hash": f"{number:064d}", "details": {"region": "ns"[number % 2]}}
        set_record(office, record, **told_of, score_kind="nps", score_value=score, score_scale=10.0)
    return office


def numbers(browser: Browser, name: str, query: str = "") -> dict[str, Any]:
    answer = browser.client.get(f"/workbench/charts/{name}.json{query}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)  # type: ignore[no-any-return]


def parts(value: Any) -> Iterator[str]:
    """Everything within a value, itself too, as text that can be compared."""
    yield json.dumps(value, sort_keys=True)
    for held in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(held)


def test_every_drawing_and_every_table_of_the_page_leads_to_its_numbers_and_no_number_is_without_a_place(filled: Office) -> None:
    page = filled.browser("analyst").page("/workbench?channel=chat&by=region")
    linked = {str(link["href"]) for link in page.all("a") if "/workbench/charts/" in str(link["href"])}
    assert linked == {f"/workbench/charts/{name}.json?channel=chat&by=region" for name in CHARTED}
    drawn = {str(title["id"]).removeprefix("chart-").removesuffix("-title") for title in page.all("title") if "id" in title}
    assert len(drawn) >= 7 and drawn <= CHARTED.keys()


@pytest.mark.parametrize("name", CHARTED)
def test_a_chart_has_the_numbers_of_the_report_under_the_same_filters(filled: Office, name: str) -> None:
    browser, query = filled.browser("analyst"), "?factor=technology&polarity=-"
    report, found = figures(browser, query), numbers(browser, name, query)
    assert (found["chart"], found["records"], found["title"]) == (name, 80, CHARTED[name].title)
    assert found["asked"] == {"factor": "technology", "polarity": "-"} and found["definition"]["text"]
    known, data = set(parts(report)), found["data"]
    if name not in ("changes", "anomalies", "priorities", "scores", "scores-by-day"):
        assert json.dumps(data, sort_keys=True) in known
    for held in data.values() if isinstance(data, dict) else data:
        assert json.dumps(held.get("point", held) if isinstance(held, dict) else held, sort_keys=True) in known


@pytest.mark.parametrize("name", CHARTED)
def test_a_key_sees_the_same_and_an_empty_workspace_is_answered(office: Office, name: str) -> None:
    browser, key = office.browser("analyst"), office.door.key("feedback:read")
    answer = office.door.client.get(f"/v1/charts/{name}", headers=key)
    assert answer.status_code == 200 and json.loads(answer.data) == numbers(browser, name)
    assert json.loads(answer.data)["records"] == 0


def test_what_is_only_counted_waits_for_nothing(filled: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = filled.browser("analyst")
    whole = {name: numbers(browser, name)["data"] for name, chart in CHARTED.items() if not chart.waits_for}
    monkeypatch.setattr(looking.Looking, "whole", lambda _: pytest.fail("it waited"))
    monkeypatch.setattr("vocservice.web.workbench.library.Library.made", lambda *_: None)
    assert {name: numbers(browser, name)["data"] for name in whole} == whole


def test_the_document_and_the_list_name_every_chart_and_no_other(office: Office) -> None:
    answer = office.door.client.get("/v1/charts", headers=office.door.key("feedback:read"))
    assert [one["chart"] for one in json.loads(answer.data)["charts"]] == list(CHARTED)
    (name,) = [one for one in DOCUMENT["paths"]["/v1/charts/{name}"]["get"]["parameters"] if one["in"] == "path"]
    schemas = DOCUMENT["components"]["schemas"]
    assert name["schema"]["enum"] == list(CHARTED) == schemas["Chart"]["properties"]["chart"]["enum"]
    assert schemas["Charts"]["properties"]["charts"]["items"]["properties"]["chart"]["enum"] == list(CHARTED)


def test_what_is_not_there_or_not_ones_own_is_refused(filled: Office) -> None:
    client, key = filled.door.client, filled.door.key("feedback:read")
    assert client.get("/v1/charts/nothing", headers=key).get_json()["code"] == "chart_unknown"
    assert client.get("/v1/charts/journey?source=src_of_somebody_else", headers=key).status_code == 400
    assert client.get("/v1/charts/journey?unknown=1", headers=key).status_code == 400
    assert client.get("/v1/charts").status_code == client.get("/v1/charts/journey").status_code == 401
    assert client.get("/v1/charts", headers=filled.door.key("feedback:write")).status_code == 403
    browser, other = filled.browser("analyst"), filled.browser("analyst", workspace=ELSEWHERE)
    assert browser.client.get("/workbench/charts/nothing.json").status_code == 404
    assert filled.app.test_client().get("/workbench/charts/journey.json").status_code == 302
    assert numbers(other, "journey")["records"] == 0


def test_every_chart_stands_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/workbench.md").read_text(encoding="utf-8")
    section = text.partition("## Numbers of every chart")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == CHARTED.keys()
