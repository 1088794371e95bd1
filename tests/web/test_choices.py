"""Tests of filters with several values and of what must not be: pages, links, files, saved segments and /v1 alike."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from web.test_workbench import Leads, listed, set_record, several
from web.visiting import Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def counted(office: Office, query: str) -> int:
    """How many records the API counts; the list, the file and the API say the same."""
    browser = office.browser("analyst")
    answer = office.door.client.get(f"/v1/charts/headlines?{query}", headers=office.door.key("feedback:read"))
    file = pq.read_table(io.BytesIO(browser.client.get(f"/workbench/records.parquet?{query}").data))
    found = answer.get_json()["records"]
    assert found == file.num_rows == len(listed(browser, f"?{query}"))
    return int(found)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("stage=use&stage=cultivation", 4),
        ("stage=use&stage=none", 6),
        ("stage=use&stage=use&stage=", 4),
        ("stage=cultivation&not=stage", 3),
        ("stage=cultivation&stage=none&not=stage", 1),
        ("factor=technology&factor=courtesy", 5),
        ("stage=use&stage=cultivation&factor=technology", 3),  # it stands at one of them
        ("stage=use&factor=courtesy", 1),
        ("stage=use&stage=advocacy&factor=courtesy&factor=resolution", 1),
        ("factor=technology&factor=courtesy&polarity=%2B", 4),
        ("factor=technology&not=factor&stage=use", 1),
        ("stage=use&not=stage&factor=courtesy&not=factor", 2),
        ("scope=neither&scope=experience_issue", 5),
        ("scope=any&not=scope", 1),
        ("channel=chat&channel=phone", 2),
        ("channel=chat&not=channel", 5),
        ("channel=chat&channel=phone&not=channel&stage=use", 2),
        ("not=channel", 6),  # of what has no value nothing is asked
        ("reason=churn_risk&reason=repeat_contact", 0),
        ("reason=churn_risk&not=reason", 6),
    ],
)
def test_any_of_several_values_will_do_and_a_filter_may_be_turned_round(office: Office, query: str, count: int) -> None:
    for record, channel in zip(several(office), ("chat", "phone", None, None, None, None), strict=True):
        set_record(office, record, channel=channel)
    assert counted(office, query) == count


def test_links_of_figures_lead_to_their_records_within_several_values(office: Office) -> None:
    several(office)
    browser = office.browser("analyst")
    for query in ("?stage=use&stage=cultivation", "?factor=courtesy&not=factor", "?scope=neither&scope=experience_issue&polarity=-"):
        leads = [lead for lead in Leads(browser.client.get(f"/workbench{query}").text).found if lead.n is not None]
        assert leads
        for lead in leads:
            assert len(listed(browser, lead.address.removeprefix("/workbench/verbatims"))) == lead.n, lead


def test_the_form_shows_what_is_asked_for_and_offers_one_more(office: Office) -> None:
    several(office)
    page = office.browser("analyst").page("/workbench?stage=use&stage=cultivation&not=stage&flag=churn_risk")
    assert [one["value"] for one in page.all("option") if "selected" in one and one["value"]] == ["use", "cultivation", "churn_risk"]
    assert len([one for one in page.all("select") if one.get("name") == "stage"]) == 3
    assert {str(one["value"]): "checked" in one for one in page.all("input") if one.get("name") == "not"} == {"stage": True, "flag": False}


def test_evidence_of_any_of_them_is_framed(office: Office) -> None:
    several(office)
    text = office.browser("analyst").client.get("/workbench/verbatims?factor=technology&factor=courtesy").text
    framed = [mark.partition('"')[0].split() for mark in text.split('<mark class="')[1:]]
    assert len([look for look in framed if "asked" in look]) == 8


def test_two_sets_may_have_several_values_each(office: Office) -> None:
    several(office)
    browser = office.browser("analyst")
    page = browser.page("/workbench/compare?a_stage=use&a_stage=cultivation&b_stage=use&b_not=stage")
    assert "stage Use or Cultivation" in page.words and "stage not Use" in page.words
    told = browser.client.get("/workbench/compare.json?a_stage=use&a_stage=cultivation&b_stage=use&b_not=stage").get_json()
    assert told["asked"] == {"a_stage": ["use", "cultivation"], "b_stage": "use", "b_not": ["stage"]}


def test_a_saved_segment_keeps_them(office: Office) -> None:
    several(office)
    browser = office.browser("analyst")
    query = "?stage=use&stage=cultivation&channel=fax&not=channel"
    browser.send(f"/workbench{query}", "/workbench/segments", {"name": "Early"})
    (link,) = [str(one["href"]) for one in browser.page("/workbench").all("a") if "not=channel" in str(one["href"])]
    assert len(listed(browser, link.removeprefix("/workbench"))) == 4


@pytest.mark.parametrize(
    "query",
    ["since=2026-01-01&since=2026-01-02", "not=since", "not=q", "&".join(f"stage=s{n}" for n in range(21)), "polarity=x&polarity=-"],
)
def test_what_cannot_be_said_so_is_refused(office: Office, query: str) -> None:
    answer = office.door.client.get(f"/v1/charts/headlines?{query}", headers=office.door.key("feedback:read"))
    assert (answer.status_code, answer.get_json()["code"]) == (400, "parameter_invalid")
