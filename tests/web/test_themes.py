"""Tests of themes, new themes and search: pages and JSON, roles, other workspaces, few customers, hostile words, no model."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import analysis, piece
from sqlalchemy import update

from vocservice.records import Factor, Label, RawVerbatim
from vocservice.store import schema
from vocservice.store.analysed import vectors
from vocservice.store.analysed.vectors import Held
from vocservice.store.received import records
from vocservice.web.state import Model
from vocservice.web.workbench import themes
from web.storing import ELSEWHERE, WORKSPACE
from web.test_page import HOSTILE
from web.visiting import Browser, Office

PAGES = ("/workbench/themes", "/workbench/new-themes", "/workbench/search", "/workbench/search?q=crashed&about=parking")
ROUTES = ("/v1/themes", "/v1/new-themes", "/v1/search?q=crashed")
PARKING, NOISE = "The parking lot was full, it crashed my day", "Loud noise from the street crashed my sleep"
WIDTH = 8


def vector(kind: int, number: int = 0) -> bytes:
    return (np.eye(WIDTH)[kind] * 100 + np.random.default_rng(number).normal(0, 5, WIDTH)).astype(np.int8).tobytes()


def say(office: Office, text: str, kind: int | None, *, customer: str | None = None, workspace: str = WORKSPACE, **changes: Any) -> str:
    """A record whose factor stands at the stage `use`, with a vector of its kind."""
    app = piece(text, "crashed")
    labels = {"stages": (Label("use", 0.9, (app,)),), "factors": (Factor("technology", "-", 0.9, (app,)),), **changes}
    record_id = office.record(text=text, subject=customer, workspace=workspace, **labels)
    if kind is not None:
        with office.database.write() as connection:
            number = len(office.door.rows(schema.records))
            vectors.keep(connection, Held(workspace, record_id, 1, "fake-1"), vector(kind, number))
    return record_id


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(themes, "PATIENCE_SECONDS", 60.0)
    return Office(tmp_path, monkeypatch)


def api(office: Office, path: str, status: int = 200) -> dict[str, Any]:
    answer = office.door.client.get(path, headers=office.door.key("feedback:read"))
    assert answer.status_code == status, answer.text
    return json.loads(answer.data)  # type: ignore[no-any-return]


def knows(monkeypatch: pytest.MonkeyPatch, made: bytes) -> None:
    """The model gives whatever is typed this vector."""
    monkeypatch.setattr(Model, "result", lambda _, record: analysis(record.text, vector=made, model="fake-1"))


def cell(office: Office) -> None:
    for number in range(12):
        say(office, PARKING, 0, customer=f"p{number}")
    for number in range(12):
        say(office, NOISE, 1, customer=f"n{number}")


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_workspace_is_answered_and_nobody_sees_it_unless_signed_in(office: Office, path: str) -> None:
    assert office.browser("analyst").client.get(path).status_code == 200
    answer = office.app.test_client().get(path)
    assert (answer.status_code, answer.headers["Location"].startswith("/login")) == (302, True)


@pytest.mark.parametrize("path", ROUTES)
def test_a_key_needs_the_scope(office: Office, path: str) -> None:
    assert office.door.client.get(path).status_code == 401
    assert office.door.client.get(path, headers=office.door.key("feedback:write")).status_code == 403
    api(office, path)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/workbench/themes?unknown=1", 400),
        ("/workbench/themes?q=x", 400),
        ("/workbench/themes?cell=use", 400),
        ("/workbench/search?cell=use.", 400),
        ("/workbench/verbatims?cell=.technology", 400),
        ("/workbench/search?cursor=1.%0a", 400),
        ("/workbench/search?about=" + "x" * 501, 400),
        ("/workbench/new-themes?before_since=2026-01-01", 400),
        ("/workbench/themes?source=src_of_somebody_else", 404),
        ("/workbench/search?like=rec_unknown", 404),
    ],
)
def test_what_cannot_be_asked_for_is_a_page_that_says_so(office: Office, path: str, status: int) -> None:
    assert office.browser("analyst").client.get(path).status_code == status


def test_a_cell_is_grouped_by_what_it_says(office: Office) -> None:
    cell(office)
    say(office, "All of it crashed", 2, factors=())
    found = api(office, "/v1/themes?cell=use.technology")
    assert (found["total"], found["records"], found["by"], found["other"]) == (24, 24, "meaning", 0)
    assert [theme["records"] for theme in found["themes"]] == [12, 12]
    page = office.browser("analyst").page("/workbench/themes?cell=use.technology")
    assert "12" in page.words and "Net sentiment" in page.words and page.undefined == set()
    link = next(str(link["href"]) for link in page.all("a") if "like=" in str(link["href"]))
    assert "cell=use.technology" in link
    assert office.browser("analyst").client.get(link).status_code == 200


@pytest.mark.parametrize(("polarity", "count"), [("-", 24), ("%2B", 0)])
def test_a_cell_has_a_polarity(office: Office, polarity: str, count: int) -> None:
    cell(office)
    assert api(office, f"/v1/themes?cell=use.technology&polarity={polarity}")["total"] == count


def test_the_list_of_a_cell_leads_to_its_themes(office: Office) -> None:
    say(office, PARKING, 0)
    page = office.browser("analyst").page("/workbench/verbatims?cell=use.technology&channel=chat")
    assert "/workbench/themes?channel=chat&cell=use.technology" in {str(link["href"]) for link in page.all("a")}


def test_few_customers_are_not_shown_as_a_theme(office: Office) -> None:
    for _ in range(12):
        say(office, PARKING, 0, customer="one")
    assert api(office, "/v1/themes")["themes"] == []
    words = office.browser("analyst").page("/workbench/themes").words
    assert "fewer than 5 different customers" in words and "parking lot" not in words


def test_hostile_words_stay_words(office: Office) -> None:
    for number in range(12):
        say(office, f"{HOSTILE} crashed </script><img src=x onerror=alert(1)>", 0, customer=f"c{number}")
        say(office, f"{HOSTILE} crashed <b>bold</b>", 1, customer=f"c{number}", factors=())
    browser = office.browser("analyst")
    for path in ("/workbench/themes", "/workbench/new-themes", "/workbench/search?q=crashed", f"/workbench/search?about={'<img/src=x>'}"):
        page = browser.page(path)
        assert page.all("img") == [] and page.all("b") == []
        assert all(str(script.get("src", "")).startswith("/static/") for script in page.all("script"))


def test_what_no_factor_explains_and_grows_is_told(office: Office) -> None:
    for number in range(30):
        day = datetime(2026, 1 if number < 15 else 2, 10, tzinfo=UTC)
        place(office, say(office, NOISE, 1, customer=f"n{number}"), day)
    for number in range(12):
        unsure = (Factor("technology", "-", 0.3, (piece(PARKING, "crashed"),)),) if number % 2 else ()
        place(office, say(office, PARKING, 0, customer=f"p{number}", factors=unsure), datetime(2026, 2, 10, tzinfo=UTC))
    query = "?before_since=2026-01-01&before_until=2026-01-31&after_since=2026-02-01&after_until=2026-02-28"
    found = api(office, f"/v1/new-themes{query}")
    assert (found["n_before"], found["n_after"], found["unexplained_before"], found["unexplained_after"]) == (15, 27, 0, 12)
    (theme,) = found["themes"]
    assert (theme["hits_before"], theme["hits_after"], theme["is_growing"]) == (0, 12, True)
    page = office.browser("analyst").page(f"/workbench/new-themes{query}")
    assert ("grows" in page.words or "new" in page.words) and page.undefined == set()


def test_few_records_are_not_known(office: Office) -> None:
    say(office, PARKING, 0, factors=())
    assert "Not known: n = 1" in office.browser("analyst").page("/workbench/new-themes").words


def place(office: Office, record_id: str, day: datetime) -> None:
    with office.database.write() as connection:
        connection.execute(update(schema.records).where(schema.records.c.id == record_id).values(created_at=day))


def listed(browser: Browser, path: str) -> list[str]:
    return [str(link["href"]).removeprefix("/desk/") for link in browser.page(path).all("a") if "data-line" in link]


def test_records_near_in_meaning_are_found_within_the_filters(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = say(office, PARKING, 0), say(office, NOISE, 1)
    other, bare = say(office, PARKING, 0, stages=()), say(office, PARKING, None)
    knows(monkeypatch, vector(0))
    browser = office.browser("analyst")
    found = listed(browser, "/workbench/search?about=nowhere+to+park")
    assert (set(found[:2]), found[2:]) == ({near, other}, [far])
    assert listed(browser, "/workbench/search?about=nowhere+to+park&stage=use") == [near, far]
    assert listed(browser, f"/workbench/search?like={near}") == [other, far]
    assert "this record has no vector" in browser.page(f"/workbench/search?like={bare}").words.lower()
    told = api(office, "/v1/search?about=park&stage=use")
    assert (told["records"], told["compared"], [item["record"] for item in told["items"]]) == (3, 2, [near, far])


def test_words_and_phrases_are_found_and_merged_with_meaning(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    park, noise = say(office, PARKING, 0), say(office, NOISE, 1)
    knows(monkeypatch, vector(0))
    browser = office.browser("analyst")
    assert listed(browser, "/workbench/search?q=%22parking+lot%22") == [park]
    assert listed(browser, "/workbench/search?q=%22lot+parking%22") == []
    assert listed(browser, "/workbench/verbatims?q=%22noise+from%22") == [noise]
    assert set(listed(browser, "/workbench/search?q=noise&about=park")) == {park, noise}


def test_a_search_for_words_goes_on_where_it_stopped(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    made, path, found = {say(office, PARKING, None) for _ in range(3)}, "/workbench/search?q=parking&stage=use", list[str]()
    monkeypatch.setattr("vocservice.web.workbench.asking.LISTED", 1)
    browser = office.browser("analyst")
    told = api(office, "/v1/search?q=parking")
    assert (len(told["items"]), len(api(office, f"/v1/search?q=parking&cursor={told['cursor']}")["items"])) == (1, 1)
    while path:
        found += listed(browser, path)
        path = next((str(link["href"]) for link in browser.page(path).all("a") if "cursor=" in str(link["href"])), "")
    assert len(found) == 3 and set(found) == made


def test_records_that_say_the_same_are_looked_for_within_the_filters_and_those_of_a_customer_are_one_click_away(office: Office) -> None:
    mine, other = say(office, PARKING, 0, customer="a" * 64), say(office, NOISE, 1, customer="a" * 64)
    say(office, NOISE, 1, customer="b" * 64)
    browser = office.browser("analyst")
    links = {str(link["href"]) for link in browser.page("/workbench/verbatims?stage=use&q=parking").all("a")}
    assert f"/workbench/search?stage=use&like={mine}" in links
    (same,) = [link for link in links if "customer_of" in link]
    assert set(listed(browser, same)) == {mine, other}


def test_a_process_without_a_model_searches_words_and_says_so(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from vocservice.errors import BundleError

    def refuse(*_: object) -> None:
        raise BundleError("this process serves no model", code="model_elsewhere")

    record_id = say(office, PARKING, 0)
    monkeypatch.setattr(Model, "result", refuse)
    browser = office.browser("analyst")
    assert listed(browser, "/workbench/search?q=parking&about=cars") == [record_id]
    assert "Meaning cannot be searched here" in browser.page("/workbench/search?about=cars").words


def test_vectors_of_another_bundle_are_not_compared(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    say(office, PARKING, 0)
    monkeypatch.setattr(Model, "result", lambda _, record: replace(analysis(record.text, vector=vector(0)), model="other-2"))
    assert api(office, "/v1/search?about=cars")["compared"] == 0


def test_another_workspace_sees_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        record_id = say(office, PARKING, 0, customer=f"c{number}", factors=())
    knows(monkeypatch, vector(0))
    browser = office.browser("analyst", workspace=ELSEWHERE)
    for path in ("/workbench/themes", "/workbench/new-themes", "/workbench/search?q=parking&about=park"):
        assert "parking lot" not in browser.page(path).words
    assert browser.client.get(f"/workbench/search?like={record_id}").status_code == 404


def test_an_erased_record_is_found_no_more(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, stays = say(office, PARKING, 0), say(office, PARKING, 0)
    knows(monkeypatch, vector(0))
    browser = office.browser("analyst")
    assert set(listed(browser, "/workbench/search?about=park")) == {gone, stays}
    with office.database.write() as connection:
        assert records.erase_by_id(connection, office.door.vault, WORKSPACE, gone, reason="test")
    assert listed(browser, "/workbench/search?about=park") == [stays]
    assert [row["record_id"] for row in office.door.rows(schema.vectors)] == [stays]


def test_a_page_that_would_wait_says_so_and_asks_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    cell(office)
    browser = office.browser("analyst")
    browser.page("/workbench/themes")
    monkeypatch.setattr(themes, "_kept", never_in_time)
    answer = browser.client.get("/workbench/themes?stage=use")
    assert (answer.status_code, answer.headers["Refresh"]) == (202, "2")
    assert "refreshes automatically" in answer.text


def never_in_time(*_: object, **__: object) -> None:
    raise TimeoutError


def test_what_is_typed_goes_the_way_of_a_record(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[RawVerbatim] = []
    monkeypatch.setattr(Model, "result", lambda _, record: seen.append(record) or analysis(vector=vector(0)))
    office.browser("analyst").page("/workbench/search?about=cars")
    assert [record.text for record in seen] == ["cars"]
