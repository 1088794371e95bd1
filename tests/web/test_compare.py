"""Tests of two sets side by side: the page and its JSON, what stands in the URL, warnings, few records, roles, other workspaces."""

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from builders import CANARY, piece

from vocservice.records import Factor, Label
from web.storing import ELSEWHERE
from web.test_page import HOSTILE
from web.test_workbench import Leads, counted, set_record
from web.visiting import Browser, Office

PAGE, FILE, API = "/workbench/compare", "/workbench/compare.json", "/v1/compare"
PHONE_CHAT = "?a_channel=phone&b_channel=chat"
TEXT = "It crashed."


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def say(office: Office, channel: str, polarity: str = "-", *, month: int = 1, **changes: Any) -> str:
    """A record that blames or praises technology at the stage `use`."""
    told = (piece(TEXT, "crashed"),)
    labels = {"stages": (Label("use", 0.9, told),), "factors": (Factor("technology", polarity, 0.9, told),), **changes}
    record = office.record(text=TEXT, **labels)
    set_record(office, record, channel=channel, created_at=datetime(2026, month, 3, tzinfo=UTC))
    return record


def filled(office: Office) -> None:
    """By phone they blame what they praise in the chat."""
    for _ in range(12):
        say(office, "phone", "-", month=1)
        say(office, "chat", "+", month=2)


def found(browser: Browser, query: str) -> dict[str, Any]:
    answer = browser.client.get(f"{FILE}{query}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)  # type: ignore[no-any-return]


@pytest.mark.parametrize("query", ["", PHONE_CHAT, "?a_channel=phone", "?b_since=2026-01-01"])
def test_an_empty_workspace_says_that_nothing_is_known(office: Office, query: str) -> None:
    browser = office.browser("analyst")
    assert "has only 0 records" in browser.page(PAGE + query).words
    assert all(change["verdict"] == "unknown" for change in found(browser, query)["comparison"]["changes"])


def test_both_maps_stand_side_by_side_and_what_differs_is_tested_over_all_cells(office: Office) -> None:
    filled(office)
    browser = office.browser("analyst")
    made = found(browser, PHONE_CHAT)
    comparison = made["comparison"]
    assert (comparison["before"], comparison["after"]) == ("channel phone", "channel chat")
    assert (comparison["n_before"], comparison["n_after"], made["shared"]) == (12, 12, 0)
    (change,) = [one for one in comparison["changes"] if one["p"] is not None]
    assert (change["stage"], change["factor"], change["verdict"]) == ("use", "technology", "down")
    assert change["q"] >= change["p"] and change["difference"]["value"] == -1.0
    page = browser.page(PAGE + PHONE_CHAT)
    words, causes = page.words, {one["figure"]: one for one in made["causes"]}
    assert page.undefined == set() and {"share of negative sentiment", "technology-"} <= causes.keys()
    assert [cause["name"] for cause in causes["technology-"]["causes"]] == ["customers", "channel mix", "taxonomy version", "model version"]
    assert "First set, stages by factors" in words and "Second set, stages by factors" in words and "▼ blamed less" in words
    assert "channel Phone" in words and "channel Chat" in words


def test_a_channel_mix_that_differs_is_said_and_one_that_does_not_is_not(office: Office) -> None:
    for month in (1, 2):
        for channel in ("phone", "chat"):
            for _ in range(6):
                say(office, channel, month=month)
    browser = office.browser("analyst")
    months = "?a_since=2026-01-01&a_until=2026-01-31&b_since=2026-02-01&b_until=2026-02-28"
    assert "The channels differ" in browser.page(PAGE + PHONE_CHAT).words
    assert "The channels differ" not in browser.page(PAGE + months).words
    assert (found(browser, months)["comparison"]["n_before"], found(browser, months)["comparison"]["n_after"]) == (12, 12)


@pytest.mark.parametrize(
    ("query", "counts", "shared"),
    [
        ("?a_channel=phone", (12, 12), 0),
        ("?b_channel=phone", (12, 12), 0),
        ("?a_channel=phone&b_stage=use", (12, 24), 12),
        ("?a_polarity=-&b_factor=technology&b_polarity=%2B", (12, 12), 0),
        ("", (12, 12), 0),
    ],
)
def test_a_side_that_is_blank_is_all_others_and_what_is_in_both_is_said(
    office: Office, query: str, counts: tuple[int, int], shared: int
) -> None:
    filled(office)
    browser = office.browser("analyst")
    made = found(browser, query)
    assert ((made["comparison"]["n_before"], made["comparison"]["n_after"]), made["shared"]) == (counts, shared)
    assert (f"{shared} records are in both sets" in browser.page(PAGE + query).words) is bool(shared)


def test_a_link_holds_the_whole_state(office: Office) -> None:
    filled(office)
    browser = office.browser("analyst")
    query = "a_channel=phone&a_since=2026-01-01&b_stage=use&b_until=2026-12-31"
    page = browser.page(f"{PAGE}?{query}")
    form = dict(reversed(page.form(PAGE)["fields"]))
    wanted = dict(part.split("=") for part in query.split("&"))
    assert {name: form[name] for name in wanted} == wanted
    links = [str(link["href"]).partition("?") for link in page.all("a")]
    assert {path for path, _, rest in links if set(rest.split("&")) == set(query.split("&"))} >= {PAGE, FILE, f"{PAGE}.pdf"}
    assert found(browser, f"?{query}")["asked"] == wanted


def test_a_number_leads_to_just_the_records_of_its_set(office: Office) -> None:
    filled(office)
    browser = office.browser("analyst")
    links = [link for link in Leads(browser.client.get(PAGE + PHONE_CHAT).text).found if link.n is not None]
    assert {found for link in links for found in re.findall(r"channel=(\w+)", link.address)} == {"phone", "chat"}
    assert [link for link in links if link.n != counted(office, link.address)] == []
    assert {link.section for link in links} == {"sets", "maps", "differences"}
    assert not [link for link in browser.page(f"{PAGE}?a_channel=phone").all("a") if "channel=chat" in str(link["href"])]


def test_a_saved_segment_goes_to_either_side(office: Office) -> None:
    filled(office)
    browser = office.browser("analyst")
    browser.send("/workbench?channel=phone&before_since=", "/workbench/segments?channel=phone", {"name": "Calls"})
    links = [str(link["href"]) for link in browser.page(f"{PAGE}?a_channel=chat").all("a") if "phone" in str(link["href"])]
    assert f"{PAGE}?a_channel=phone" in links and f"{PAGE}?a_channel=chat&b_channel=phone" in links


def test_few_records_are_not_known_and_a_silent_stage_is_named(office: Office) -> None:
    for _ in range(3):
        say(office, "phone")
    for _ in range(9):
        say(office, "chat")
    words = office.browser("analyst").page(PAGE + PHONE_CHAT).words
    assert "channel Phone has only 3 records" in words and "Silent in channel Chat" in words


def test_labels_of_another_model_on_one_side_are_said(office: Office) -> None:
    for _ in range(6):
        say(office, "phone")
        say(office, "chat", model="fake-2")
    assert set(found(office.browser("analyst"), PHONE_CHAT)["versions"]) >= {"fake-2"}


@pytest.mark.parametrize(
    ("query", "seen", "answered"),
    [
        ("?a_since=yesterday", 400, 400),
        ("?channel=phone", 400, 400),
        ("?b_polarity=x", 400, 400),
        ("?a_source=src_of_somebody_else", 404, 400),
        ("?a_channel=phone&b_source=src_of_somebody_else", 404, 400),
        ("?b_stage=" + "x" * 501, 400, 400),
    ],
)
def test_what_cannot_be_asked_for_is_said(office: Office, query: str, seen: int, answered: int) -> None:
    browser, key = office.browser("analyst"), office.door.key("feedback:read")
    assert [browser.client.get(path + query).status_code for path in (PAGE, FILE)] == [seen, seen]
    assert office.door.client.get(API + query, headers=key).status_code == answered


def test_a_key_sees_the_same_and_needs_the_scope(office: Office) -> None:
    filled(office)
    browser = office.browser("analyst")
    answer = office.door.client.get(API + PHONE_CHAT, headers=office.door.key("feedback:read"))
    assert json.loads(answer.data) == found(browser, PHONE_CHAT)
    assert office.door.client.get(API).status_code == 401
    assert office.door.client.get(API, headers=office.door.key("feedback:write")).status_code == 403
    assert office.app.test_client().get(PAGE).status_code == 302


def test_another_workspace_sees_nothing_and_hostile_names_stay_text(office: Office) -> None:
    record = say(office, "phone")
    set_record(office, record, channel=f'{CANARY}<img src=x onerror="1">')
    own, other = office.browser("analyst"), office.browser("analyst", workspace=ELSEWHERE)
    page = own.client.get(f"{PAGE}?a_channel={CANARY}%3Cimg%20src%3Dx%20onerror%3D%221%22%3E&b_stage=%3Cscript%3E{HOSTILE[:1]}")
    assert page.status_code == 200 and not re.search(r"<img src=x|<script>|onerror=\"1\"", page.text)
    assert found(other, "?a_stage=use")["comparison"]["n_before"] == 0
    assert CANARY not in other.client.get(PAGE).text


def test_a_comparison_is_available_as_page_workbook_pdf_and_pictures(office: Office, drawn: Path) -> None:
    filled(office)
    browser = office.browser("analyst")
    linked = {str(link.get("href")).partition("?")[0] for link in browser.page(PAGE + PHONE_CHAT).all("a")}
    files = {f"{PAGE}.{suffix}" for suffix in ("html", "pdf", "xlsx", "json")}
    pictures = {f"{PAGE}/{name}.png" for name in ("first", "second", "first-cells", "second-cells")}
    assert files | pictures <= linked
    for path in (f"{PAGE}.html", f"{PAGE}.pdf"):  # the browser of this test hands out the page itself
        told = browser.client.get(path + PHONE_CHAT).text
        assert "channel Phone" in told and "channel Chat" in told and "<script" not in told and "http" not in told.partition("<body>")[2]
    for path in pictures:
        told = browser.client.get(path + PHONE_CHAT).text
        assert f"{'First' if 'first' in path else 'Second'} set: channel {'Phone' if 'first' in path else 'Chat'}" in told
    assert browser.client.get(f"{PAGE}/third.png").status_code == 404
    book = python_calamine.load_workbook(io.BytesIO(browser.client.get(f"{PAGE}.xlsx{PHONE_CHAT}").data))
    sets = book.get_sheet_by_name("Sets").to_python()
    assert [row[:3] for row in sets[1:3]] == [["first", "channel Phone", 12.0], ["second", "channel Chat", 12.0]]
    blame = [row for row in book.get_sheet_by_name("Journey").to_python() if row[:3] == ["first", "use", "technology"]]
    assert blame and blame[0][4] == 12.0


@pytest.mark.parametrize("suffix", [".html", ".pdf", ".xlsx", "/first.png"])
def test_files_of_a_comparison_are_of_the_own_workspace_and_for_who_is_signed_in(office: Office, drawn: Path, suffix: str) -> None:
    filled(office)
    other = office.browser("admin", workspace=ELSEWHERE)
    assert other.client.get(f"{PAGE}{suffix}{PHONE_CHAT}").status_code == 200
    assert office.app.test_client().get(PAGE + suffix).status_code == 302
    assert office.browser("analyst", email="ann@example.org").client.get(f"{PAGE}{suffix}?a_stage=x&c=1").status_code == 400
