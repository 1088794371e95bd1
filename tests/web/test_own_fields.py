"""Tests of own fields in the workbench: what senders tell filters, compares, breaks down and is exported; never what tells people apart."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow.parquet as pq
import pytest

from vocservice.store import schema
from vocservice.store.analysed import reading
from vocservice.store.received.records import erase_by_id
from web.storing import ELSEWHERE, WORKSPACE
from web.test_page import HOSTILE
from web.test_workbench import counted, figures, set_record
from web.visiting import Browser, Office

TOLD = {"pro": 7, "free": 5, "Rare firm": 1}
FIELD = "plan & <b>tier</b>"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Thirteen records that tell a plan and more, and two that tell nothing."""
    office = Office(tmp_path, monkeypatch)
    plans = [plan for plan, count in TOLD.items() for _ in range(count)]
    for at, plan in enumerate(plans):
        details = {"plan": plan, FIELD: plan, "email": "ada@example.org", "shop": f"shop {at}", "city": ["Bonn", "Ulm"][at % 2]}
        set_record(office, office.record(), details=details)
    office.record()
    set_record(office, office.record(workspace=ELSEWHERE), details={"plan": "pro"})
    return office


def records_of(office: Office) -> list[str]:
    """The ids of the records in the order in which they were made."""
    return sorted(row["id"] for row in office.door.rows(schema.records))


def offered(browser: Browser) -> dict[str, list[str]]:
    """Each select of an own field with its values."""
    selects = [part.split("</select>")[0] for part in browser.client.get("/workbench").text.split("<select")[1:] if 'name="own.' in part]
    return {part.split('name="own.')[1].split('"')[0]: [value.split('"')[0] for value in part.split('value="')[2:]] for part in selects}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("own.plan=pro", 7),
        ("own.plan=pro&own.plan=free", 12),
        ("own.plan=pro&not=own.plan", 7),
        ("own.plan=other", 1),
        ("own.plan=free&own.city=Bonn", 2),
        ("own.plan=", 14),
        ("own.plan=Rare+firm", 0),  # what one customer told is nobody's to ask for
        ("own.email=ada%40example.org", 0),
        ("own.shop=shop+1", 0),
        ("own.gone=pro", 0),
    ],
)
def test_own_fields_choose_records(office: Office, query: str, count: int) -> None:
    assert counted(office, f"/workbench/verbatims?{query}") == count


def test_a_search_by_words_reads_no_own_fields(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert counted(office, "/workbench/verbatims") == 14  # packed
    monkeypatch.setattr(reading, "own_fields", None)
    assert office.browser("analyst").page("/workbench/verbatims?q=nobody+wrote+this").all("article") == []


def test_fields_that_many_share_are_offered_and_lead_to_their_records(office: Office) -> None:
    browser = office.browser("analyst")
    plans = ["pro", "free", "other"]
    assert offered(browser) == {"plan": plans, "city": ["Bonn", "Ulm"], "plan &amp; &lt;b&gt;tier&lt;/b&gt;": plans}
    page = browser.page("/workbench?by=plan")
    leads = [str(link["href"]) for link in page.all("a") if "own.plan=" in str(link["href"])]
    assert [counted(office, lead) for lead in leads] == [7, 5, 1]
    assert "own.plan=free" in leads[1] and "by=plan" not in leads[1]
    elsewhere = office.browser("admin", email="eve@example.org", workspace=ELSEWHERE)
    assert offered(elsewhere) == {}


def test_figures_are_broken_down_and_drivers_hold_it_equal(office: Office) -> None:
    browser = office.browser("analyst")
    found = figures(browser, "?by=plan&own.city=Bonn")
    assert (found["segment"], [(one["name"], one["records"]) for one in found["segments"]]) == (
        "plan",
        [("pro", 4), ("free", 2), ("other", 1)],
    )
    chart = json.loads(browser.client.get("/workbench/charts/segments.json?by=plan").data)
    assert (chart["asked"], [one["records"] for one in chart["data"]]) == ({"by": "plan"}, [7, 5, 1])
    for query in ("?by=email", "?by=shop"):
        assert browser.client.get(f"/workbench{query}").status_code == 400
    assert browser.client.get("/workbench?" + "&".join(f"own.f{n}=x" for n in range(13))).status_code == 400


def test_a_field_answered_with_yes_and_no_is_explained(office: Office) -> None:
    for at in range(60):
        set_record(office, office.record(), details={"plan": "pro", "recommended": "no" if at % 3 else "yes"})
    browser = office.browser("analyst")
    page = browser.page("/workbench?target=recommended")
    chosen = [option["value"] for option in page.all("option") if "selected" in option and option["value"]]
    assert chosen == ["recommended"] and browser.client.get("/workbench").text.count('name="target"') == 1
    found = figures(browser, "?target=recommended&by=plan")
    assert (found["drivers"]["target"], found["drivers"]["n"], found["segment"]) == ("recommended", 60, "plan")
    key = office.door.key("feedback:read")
    chart = office.door.client.get("/v1/charts/drivers?target=recommended", headers=key).get_json()
    assert (chart["asked"], chart["data"]["target"]) == ({"target": "recommended"}, "recommended")
    for target, code in (("plan", "target_unfit"), ("email", "parameter_invalid")):
        refused = office.door.client.get(f"/v1/report?target={target}", headers=key)
        assert (refused.status_code, refused.get_json()["code"]) == (400, code)
    hide(office, name="recommended")
    refused = office.door.client.get("/v1/report?target=recommended", headers=key)
    assert (refused.status_code, refused.get_json()["code"]) == (400, "field_hidden")


def test_two_values_stand_side_by_side_and_a_link_holds_them(office: Office) -> None:
    browser = office.browser("analyst")
    address = "/workbench/compare?a_own.plan=pro&b_own.plan=free"
    found = json.loads(browser.client.get(address.replace("compare", "compare.json")).data)
    comparison = found["comparison"]
    assert [comparison[name] for name in ("before", "n_before", "after", "n_after")] == ["plan pro", 7, "plan free", 5]
    assert browser.send(address, "/workbench/segments", {"name": "Plans"}).location == address
    (kept,) = office.door.rows(schema.views)
    assert kept["filters"] == {"a_own.plan": "pro", "b_own.plan": "free"}
    assert address in [link["href"] for link in browser.page("/workbench").all("a")]


def test_a_saved_segment_is_put_on_either_side(office: Office) -> None:
    browser = office.browser("analyst")
    assert browser.send("/workbench?own.plan=pro&by=city", "/workbench/segments", {"name": "Pro"}).status_code == 303
    links = [str(link["href"]) for path in ("/workbench/compare?b_own.plan=free", "/workbench") for link in browser.page(path).all("a")]
    assert {"/workbench/compare?b_own.plan=free&a_own.plan=pro", "/workbench?own.plan=pro&by=city"} <= set(links)


def test_an_export_tells_what_many_share(office: Office) -> None:
    rows = pq.read_table(io.BytesIO(office.browser("analyst").client.get("/workbench/records.parquet").data)).to_pylist()
    told: Any = [row["segments"] for row in rows]
    assert (told[0], told[12], told[13]) == (
        ["city=Bonn", "plan=pro", f"{FIELD}=pro"],
        ["city=Bonn", "plan=other", f"{FIELD}=other"],
        [],
    )
    body = json.dumps(told)
    assert "Rare firm" not in body and "ada@" not in body and "shop" not in body


def test_what_is_erased_is_told_no_more(office: Office) -> None:
    browser = office.browser("analyst")
    assert offered(browser)["plan"] == ["pro", "free", "other"]
    with office.database.write() as connection:
        for at in (0, 12):
            erase_by_id(connection, office.door.vault, WORKSPACE, records_of(office)[at], reason="request")
    assert offered(browser)["plan"] == ["pro", "free"]
    assert all(b"Rare firm" not in str(row["context"]).encode() for row in office.door.rows(schema.packed))


def test_hostile_values_stay_values(office: Office) -> None:
    value = next(text for text in HOSTILE if "<img" in text)
    for record_id in records_of(office)[:6]:
        set_record(office, record_id, details={"plan": value})
    assert counted(office, f"/workbench/verbatims?{urlencode({'own.plan': value})}") == 6  # read, so no page asks again
    assert office.browser("analyst").page(f"/workbench?{urlencode({'by': 'plan', 'own.plan': value})}").all("img") == []


def hide(office: Office, do: str = "hide", name: str = "plan") -> Browser:
    """An admin hides a field on the page, or brings it back."""
    admin = office.browser("admin")
    form = next(one for one in admin.page("/admin/fields").forms if ("name", name) in one["fields"])
    assert admin.post(form, {"do": do}).status_code == 303
    return admin


def test_a_hidden_field_shows_nowhere_until_it_is_brought_back(office: Office) -> None:
    browser = office.browser("analyst")
    address = "/workbench?own.plan=pro"
    assert counted(office, address.replace("?", "/verbatims?")) == 7
    hide(office)
    assert list(offered(browser)) == ["city", "plan &amp; &lt;b&gt;tier&lt;/b&gt;"]
    assert counted(office, address.replace("?", "/verbatims?")) == 0
    assert figures(browser, "?own.plan=pro")["headlines"]["records"] == 0
    refused = browser.client.get("/workbench?by=plan")
    assert refused.status_code == 400 and "hidden in this workspace" in refused.text
    found = json.loads(browser.client.get("/workbench/compare.json?a_own.plan=pro&b_own.plan=free").data)["comparison"]
    assert (found["n_before"], found["n_after"]) == (0, 0)
    assert "hidden by an admin: no record" in browser.page(address).words
    rows = pq.read_table(io.BytesIO(browser.client.get("/workbench/records.parquet").data)).to_pylist()
    assert [row["segments"] for row in rows][0] == ["city=Bonn", f"{FIELD}=pro"]
    key = office.door.key("feedback:read")
    assert office.door.client.get("/v1/charts/segments?by=plan", headers=key).get_json()["code"] == "field_hidden"
    hide(office, "show")
    assert list(offered(browser)) == ["city", "plan", "plan &amp; &lt;b&gt;tier&lt;/b&gt;"]
    assert counted(office, address.replace("?", "/verbatims?")) == 7


def test_saved_segments_that_name_a_hidden_field_say_so(office: Office) -> None:
    browser = office.browser("analyst")
    kept = {"S pro": "?own.plan=pro", "S Bonn": "?own.city=Bonn", "S plans": "?by=plan", "S free": "/compare?b_own.plan=free"}
    for name, query in kept.items():
        forms = browser.page(f"/workbench{query}").forms
        form = next(one for one in forms if str(one["action"]).startswith("/workbench/segments") and "name" in dict(one["fields"]))
        assert browser.post(form, {"name": name}).status_code == 303
    assert "hidden by an admin" not in browser.page("/workbench").words
    hide(office)
    for path in ("/workbench", "/workbench/verbatims", "/workbench/search", "/workbench/compare?a_channel=chat"):
        words = browser.page(path).words.partition("Saved segments")[2]
        said = {name: words.partition(name)[2].partition("Delete")[0] for name in kept}
        assert [name for name, text in said.items() if "names plan, hidden by an admin" in text] == ["S pro", "S plans", "S free"]


def test_a_watch_on_a_hidden_field_says_so(office: Office) -> None:
    browser = office.browser("analyst")
    browser.send("/workbench?own.plan=pro", "/workbench/segments", {"name": "Pro"})
    markup = browser.client.get("/workbench/watches").text
    chosen = markup.partition(">Pro</option>")[0].rpartition('value="')[2].partition('"')[0]
    browser.send("/workbench/watches", "/workbench/watches", {"name": "Watch", "segment": chosen, "endpoints": "on"})
    told = "uses plan, which an admin has hidden, so it has no records"
    assert told not in browser.page("/workbench/watches").words
    hide(office)
    assert told in browser.page("/workbench/watches").words


def test_only_admins_hide_and_only_in_their_own_workspace(office: Office) -> None:
    assert office.browser("support_lead").client.get("/admin/fields").status_code == 403
    hide(office)
    other = office.browser("admin", email="eve@example.org", workspace=ELSEWHERE)
    assert "hidden" not in other.page("/admin/fields").words.partition("State")[2]
    admin = office.browser("admin", email="bea@example.org")
    words = " ".join(admin.page("/admin/fields").words.partition("State")[2].split())
    assert words.startswith("Change plan13hiddenBring back city13may be a segmentHide")
    form = admin.page("/admin/fields").form("/admin/fields")
    answer = admin.post(form, {"name": "email", "do": "hide"})
    assert answer.status_code == 422 and "segment can have this name" in answer.text
