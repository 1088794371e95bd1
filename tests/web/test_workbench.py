"""Tests of the workbench: figures of stored analyses, cells that lead to just the records they count, files, roles, hostile texts."""

import io
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from threading import Event
from typing import Any
from weakref import ref

import pyarrow.parquet as pq
import pytest
import python_calamine
from builders import CANARY, analysis, conversation, piece
from flask import request
from sqlalchemy import update

import vocservice
from vocservice.errors import StoreError
from vocservice.records import Evidence, Factor, Label, Scope, Sentiment
from vocservice.reporting.page import policy
from vocservice.reporting.report import report_of
from vocservice.store import schema
from vocservice.store.analysed import promotions
from vocservice.store.analysed.packed import catch_up
from vocservice.store.received.records import erase_by_id
from vocservice.store.review import annotations
from vocservice.store.review.annotations import Draft, Seen
from vocservice.tables import write_records as write_records_module
from vocservice.taxonomy import load_taxonomy
from vocservice.web.workbench import pages as workbench
from vocservice.web.workbench.library import MOST_WAITING, Library
from vocservice.web.workbench.selecting import searched_of
from vocservice.web.workbench.tables import Tables
from web.storing import ELSEWHERE, WORKSPACE
from web.test_page import HOSTILE
from web.visiting import Browser, Office

PAGES = ("/workbench", "/workbench/verbatims")
FILES = ("/workbench/report.html", "/workbench/report.xlsx", "/workbench/report.json", "/workbench/records.parquet")
# What Bootstrap and site.css say in place of the report's own sheet.
FRAME = {
    "@page",
    ":root",
    "*",
    "body",
    "h1",
    "h2",
    "a",
    ".skip",
    ".skip:focus",
    ":focus-visible",
    "nav",
    "nav ul",
    "nav a",
    ".quiet",
    "section",
}
BOTH = "The app crashed. The staff were lovely."


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@dataclass(frozen=True)
class Lead:
    """A link of a figure: its section, the number of records that it tells (none: of mentions, or no figure) and where it leads to."""

    section: str
    n: int | None
    address: str


class Leads(HTMLParser):
    """The links of a page."""

    def __init__(self, markup: str):
        super().__init__()
        self.found: list[Lead] = []
        self._section, self._is_open = "", False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "section":
            self._section = told.get("id") or ""
        elif tag == "a":
            number = re.match(r"(\d+) records?$", told.get("title") or "")
            self._is_open = True
            self.found.append(Lead(self._section, int(number[1]) if number else None, told["href"] or ""))

    def handle_endtag(self, tag: str) -> None:
        self._is_open = self._is_open and tag != "a"

    def handle_data(self, data: str) -> None:
        """A cell of the map of factors tells its own n."""
        told = re.match(r"n = (\d+)$", data.strip()) if self._is_open else None
        if told and "group" not in self.found[-1].address:
            self.found[-1] = replace(self.found[-1], n=int(told[1]))


def set_record(office: Office, record_id: str, **values: Any) -> None:
    with office.database.write() as connection:
        connection.execute(update(schema.records).where(schema.records.c.id == record_id).values(**values))


def listed(browser: Browser, query: str) -> set[str]:
    """The records of every page of a list."""
    path, found = f"/workbench/verbatims{query}", set()
    while path:
        page = browser.page(path)
        found |= {str(link["href"]).removeprefix("/desk/") for link in page.all("a") if "data-line" in link}
        path = next((str(link["href"]) for link in page.all("a") if "cursor=" in str(link["href"])), "")
    return found


def figures(browser: Browser, query: str = "") -> dict[str, Any]:
    answer = browser.client.get(f"/workbench/report.json{query}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)  # type: ignore[no-any-return]


def counted(office: Office, address: str) -> int:
    """How many records a list has; the table of what is found, and the other tests, hold the list to that."""
    with office.app.test_request_context(address):
        return int(workbench.looking_at(WORKSPACE, searched_of(request.args)[0]).mask().sum())


def several(office: Office) -> list[str]:
    """Records whose factors stand at different stages."""
    app, staff = piece(BOTH, "crashed"), piece(BOTH, "lovely")
    stages = (Label("use", 0.9, (app,)), Label("cultivation", 0.8, (staff,)))
    factors = (Factor("technology", "-", 0.9, (app,)), Factor("courtesy", "+", 0.9, (staff,)))
    made = [office.record(text=BOTH, stages=stages, factors=factors) for _ in range(3)]
    made.append(office.record(text=BOTH, stages=stages[:1], factors=factors[1:]))
    made.append(office.record(text=BOTH, stages=(), factors=factors[:1]))
    return [*made, office.record(text="Nothing to say.", stages=(), factors=(), scope=None)]


@pytest.mark.parametrize("path", [*PAGES, *FILES])
def test_an_empty_workspace_is_answered(office: Office, path: str) -> None:
    answer = office.browser("analyst").client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*PAGES, *FILES])
def test_one_transcript_is_answered_and_nobody_sees_it_unless_signed_in(office: Office, path: str) -> None:
    office.record()
    assert office.browser("analyst").client.get(path).status_code == 200
    answer = office.app.test_client().get(path)
    assert (answer.status_code, answer.headers["Location"].startswith("/login")) == (302, True)


def test_an_empty_workspace_says_that_nothing_is_known(office: Office) -> None:
    browser = office.browser("analyst")
    assert "nothing is known" in browser.page("/workbench").words
    assert "No records match" in browser.page("/workbench/verbatims").words


def telling(office: Office) -> None:
    """Records of every kind of figure: twelve weeks, two channels, scores, scopes, outcomes, owners, a rung, quotes and what changed."""
    app, staff = piece(BOTH, "crashed"), piece(BOTH, "lovely")
    stages = (Label("use", 0.9, (app,)), Label("cultivation", 0.8, (staff,)))
    blame, praise = Factor("technology", "-", 0.9, (app,)), Factor("courtesy", "+", 0.9, (staff,))
    also = Factor("ease_of_use", "-", 0.9, (app,))
    today, said = datetime.now(UTC).date(), conversation(("customer", BOTH))
    for number in range(84):
        key = ("service_complaint", "experience_issue", "both", "neither")[number % 4]
        is_late = number >= 56
        record = office.record(
            text=BOTH,
            stages=stages if number % 3 else stages[:1] if number % 2 else (),
            factors=(blame, also, praise) if is_late else (blame, praise) if number % 5 else (praise,),
            scope=Scope(key, 0.9, "head", ()) if number % 7 else None,
            sentiment=Sentiment(-1 if number % 4 < 3 else 1, -0.5, {}) if number % 6 else None,
            conversation=replace(said, outcome=Label("resolved" if number % 2 else "pending", 0.9, ())) if number % 3 else None,
        )
        at = datetime.combine(today - timedelta(days=84 - number + 5), datetime.min.time(), UTC)
        told = {"score_kind": "nps", "score_value": float(3 if number % 5 else 9), "score_scale": 10.0} if number % 8 else {}
        set_record(office, record, created_at=at, channel="chat" if number % 4 else "phone", subject_hash=f"{number % 40:064d}", **told)
    set_record(office, office.record(text=BOTH, stages=stages, factors=(blame,)), created_at=datetime(9000, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "query",
    ["", "?stage=use&scope=any_service", "?polarity=%2B&channel=chat&until=9998-01-01&level_to=0"],
)
def test_every_figure_leads_to_just_the_records_that_it_counts(office: Office, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    telling(office)
    browser = office.browser("analyst")
    linked = [link for link in Leads(browser.client.get(f"/workbench{query}").text).found if "/workbench/verbatims" in link.address]
    assert len(linked) > 80
    counts = {address: counted(office, address) for address in {link.address for link in linked}}
    assert [(link, counts[link.address]) for link in linked if link.n is not None and link.n != counts[link.address]] == []
    sections = {"headlines", "journey", "scope", "ladder", "unfixed", "trends", "changes"} | (set() if query else {"drivers", "quotes"})
    assert {link.section for link in linked if link.n is not None} >= sections
    mentions = [link for link in linked if link.n is None and "group" in link.address]
    assert mentions and all(counts[link.address] for link in mentions)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?stage=use", 4),
        ("?stage=none", 2),
        ("?stage=use&factor=courtesy", 1),
        ("?stage=cultivation&factor=courtesy", 3),
        ("?stage=none&factor=technology", 1),
        ("?factor=courtesy&polarity=%2B", 4),
        ("?factor=courtesy&polarity=-", 0),
        ("?polarity=-", 4),
        ("?scope=experience_issue", 5),
        ("?flag=churn_risk", 6),
        ("?flag=churn_risk&scope=both", 0),
        ("?channel=chat", 6),
        ("?channel=phone", 0),
        ("?source=api", 6),
        ("?score_kind=nps", 0),
        ("?score_from=0&score_to=10", 0),
        ("?scale=any", 0),
        ("?scope=any_experience", 5),
        ("?scope=any_service", 0),
        ("?scope=any", 5),
        ("?scope=none", 1),
        ("?outcome=none", 6),
        ("?outcome=any", 0),
        ("?level_from=-1&level_to=-1", 6),
        ("?level_from=0", 0),
        ("?model=fake-1&taxonomy=voc/1.0.0", 6),
        ("?model=fake-2", 0),
        ("?owner=digital&scope=any_experience", 4),
        ("?owner=nobody", 0),
        ("?metric=nothing", 0),
        ("?customer_of=rec_unknown", 0),
        ("?cell=any.technology.-", 4),
        ("?cell=any.technology.%2B", 0),
        ("?cell=any.any.%2B&stage=use", 4),
        ("?cell=none.any", 2),
        ("?cell=use.group:service", 1),
        ("?since=2020-01-01", 6),
        ("?until=2020-01-01", 0),
        ("?since=9999-12-31", 0),
        ("?until=9999-12-31", 6),
        ("?q=CRASHED+staff", 5),
        ("?q=crashed+zebra", 0),
        ("?q=%25", 0),
        ("?q=staff&stage=none", 1),
        ("?cell=cultivation.courtesy&stage=use", 3),
    ],
)
def test_records_are_found_and_figures_rest_on_the_same(office: Office, query: str, count: int) -> None:
    several(office)
    browser = office.browser("analyst")
    assert len(listed(browser, query)) == count
    if "q=" not in query and "cell=" not in query:
        assert figures(browser, query)["headlines"]["records"] == count


@pytest.mark.parametrize(("word", "count"), [("refund", 1), ("apologise", 0)], ids=["the customer's", "the agent's"])
def test_of_a_transcript_only_the_customers_words_are_looked_for(office: Office, word: str, count: int) -> None:
    turns = (("agent", "We apologise for it."), ("customer", "The refund never came."))
    office.record(text="\n".join(text for _, text in turns), conversation=conversation(*turns), stages=(), factors=(), flags=(), scope=None)
    browser = office.browser("analyst")
    assert len(listed(browser, f"?q={word}")) == count
    assert len([link for link in browser.page(f"/workbench/search?q={word}").all("a") if "data-line" in link]) == count


def test_the_evidence_of_a_cell_stands_first_in_a_long_transcript_and_is_framed(office: Office) -> None:
    turns = [(who, text) for at in range(8) for who, text in (("customer", f"Point {at}: it crashed again."), ("agent", "Sorry."))]
    turns.append(("customer", "And the refund never came."))

    def said(at: int, part: str) -> Evidence:
        start = turns[at][1].index(part)
        return Evidence(start, start + len(part), at, part)

    crashes, refund = tuple(said(2 * at, "crashed") for at in range(8)), (said(16, "refund never came"),)
    factors = (Factor("technology", "-", 0.9, crashes), Factor("resolution", "-", 0.9, refund))
    stages = (Label("use", 0.9, crashes), Label("cultivation", 0.9, refund))
    held = {"conversation": conversation(*turns), "stages": stages, "factors": factors, "flags": (), "scope": None}
    office.record(text="\n".join(text for _, text in turns), **held)
    browser = office.browser("analyst")
    page = browser.page("/workbench/verbatims?stage=cultivation&factor=resolution")
    assert [set(str(mark["class"]).split()) for mark in page.all("mark") if "asked" in str(mark["class"])] == [{"bad", "stage", "asked"}]
    assert page.words.index("refund never came") < page.words.index("Point 0") and "Point 5" not in page.words
    assert "1 record, the last received first" in page.words
    assert not [mark for mark in browser.page("/workbench/verbatims").all("mark") if "asked" in str(mark["class"])]


def test_days_are_those_of_the_sender_and_both_ends_count(office: Office) -> None:
    first, last = office.record(text="It crashed."), office.record(text="It crashed.")
    set_record(office, first, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    set_record(office, last, created_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    browser = office.browser("analyst")
    assert listed(browser, "?since=2026-01-01&until=2026-01-31") == {first, last}
    assert listed(browser, "?since=2026-01-02&until=2026-01-31") == {last}


def test_a_link_holds_the_whole_state(office: Office) -> None:
    office.record(text="It crashed.")
    query = "stage=use&factor=technology&since=2026-01-01&before_since=2026-01-01&before_until=2026-01-31"
    query += "&after_since=2026-02-01&after_until=2026-02-28"
    page = office.browser("analyst").page(f"/workbench?{query}")
    form = dict(reversed(page.form("/workbench")["fields"]))  # a blank one for another value comes after
    assert {name: form[name] for name in (part.partition("=")[0] for part in query.split("&"))} == dict(
        part.split("=") for part in query.split("&")
    )
    link = next(str(link["href"]) for link in page.all("a") if str(link["href"]).startswith("/workbench/report.xlsx?"))
    assert set(link.partition("?")[2].split("&")) == set(query.split("&"))


def test_two_periods_are_compared(office: Office) -> None:
    for month in (1, 2):
        for _ in range(6):
            set_record(office, office.record(text="It crashed."), created_at=datetime(2026, month, 3, tzinfo=UTC))
    query = "?before_since=2026-01-01&before_until=2026-01-31&after_since=2026-02-01&after_until=2026-02-28"
    found = figures(office.browser("analyst"), query)["comparison"]
    assert (found["n_before"], found["n_after"], found["before"]) == (6, 6, "date=2026-01-01..2026-01-31")


def test_a_period_is_held_against_as_many_days_before_it_and_leads_there(office: Office) -> None:
    for month, count in ((1, 6), (2, 7)):
        for _ in range(count):
            set_record(office, office.record(text="It crashed."), created_at=datetime(2026, month, 20, tzinfo=UTC))
    query = "?since=2026-02-01&until=2026-02-28"
    browser = office.browser("analyst")
    found = figures(browser, query)
    assert (found["headlines"]["records"], found["comparison"]["n_before"], found["comparison"]["n_after"]) == (7, 6, 7)
    assert found["comparison"]["before"] == "2026-01-04 to 2026-01-31"
    links = [link for link in Leads(browser.client.get(f"/workbench{query}").text).found if link.n]
    assert all(counted(office, link.address) == link.n for link in links)
    assert any(link.n == 6 and "since=2026-01-04&until=2026-01-31" in link.address for link in links)
    alone = figures(browser, "?since=2026-01-01&until=2026-01-31")["comparison"]
    assert alone is None
    assert figures(browser, "?since=2026-03-01")["headlines"]["records"] == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?since=yesterday", 400),
        ("?unknown=1", 400),
        ("?polarity=x", 400),
        ("?level_from=3", 400),
        ("?score_to=nan", 400),
        ("?scale=x&scale=y", 400),
        ("?before_since=2026-01-01", 400),
        ("?before_since=2026-02-01&before_until=2026-01-01&after_since=2026-03-01&after_until=2026-03-02", 400),
        ("?source=src_of_somebody_else", 404),
        ("?stage=" + "x" * 501, 400),
    ],
)
def test_what_cannot_be_asked_for_is_a_page_that_says_so(office: Office, query: str, status: int) -> None:
    browser = office.browser("analyst")
    for path in (*PAGES, *FILES):
        assert browser.client.get(path + query).status_code == status
    assert browser.client.get("/workbench/verbatims?cursor=1.%0a").status_code == 400


def test_another_workspace_sees_nothing(office: Office) -> None:
    office.record(text=f"It crashed, {CANARY}.")
    browser = office.browser("admin", workspace=ELSEWHERE)
    assert listed(browser, "?q=crashed") == set()
    assert figures(browser)["headlines"]["records"] == 0
    assert all(CANARY.encode() not in browser.client.get(path).data for path in (*PAGES, *FILES))


def test_hostile_texts_and_names_stay_text(office: Office) -> None:
    record = office.record(text=f"It crashed. {HOSTILE}", subject="a" * 64)
    set_record(office, record, channel='<img src=x onerror="1">')
    browser = office.browser("analyst", name="<b>Bob</b>")
    for path in (*PAGES, "/workbench/report.html", "/workbench/verbatims?q=%3Cscript%3E&cell=%3Cscript%3E.x"):
        answer = browser.client.get(path)
        assert not re.search(r"<img src=x|<script>|<b>Bob|onerror=\"1\"", answer.text), path
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert 'style="' not in browser.client.get("/workbench").text


def test_the_page_of_one_file_carries_the_policy_of_its_style(office: Office) -> None:
    office.record(text="It crashed.")
    answer = office.browser("analyst").client.get("/workbench/report.html")
    assert answer.headers["Content-Security-Policy"] == f"{policy()}; frame-ancestors 'none'"
    assert "<script" not in answer.text and "http" not in re.sub(r"http-equiv", "", answer.text)


def rules(sheet: Path) -> list[tuple[tuple[str, ...], str]]:
    """Selectors and declarations of every rule."""
    found = re.findall(r"([^{}]+){([^{}]*)}", re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8")))
    return [(tuple(part.strip() for part in selectors.split(",")), " ".join(declared.split())) for selectors, declared in found]


def palette(declared: str) -> dict[str, str]:
    return dict(re.findall(r"(--\w[\w-]*): (#\w+);", declared))


def test_the_figures_look_as_on_the_page_of_one_file() -> None:
    package = Path(vocservice.__file__).parent
    report, own = rules(package / "reporting/templates/report.css"), rules(package / "web/static/workbench.css")
    dark_rules = rules(package / "web/static/dark.css")
    own_rules = {(tuple(part.removeprefix(".figures ") for part in selectors), declared) for selectors, declared in own}
    assert [rule for rule in report if not FRAME & set(rule[0]) and rule not in own_rules] == []
    light, dark = (palette(declared) for selectors, declared in report if selectors == (":root",))
    figures_of = [palette(declared) for selectors, declared in own + dark_rules if selectors[0].endswith(".figures")]
    assert len(figures_of) == 2
    for colours, wanted in zip(figures_of, (light, dark), strict=True):
        assert colours and colours.items() <= wanted.items()


def test_files_hold_what_the_page_shows(office: Office) -> None:
    made = several(office)
    set_record(office, made[0], score_kind="nps", score_value=9.0, score_scale=10.0, subject_hash="f" * 64)
    browser = office.browser("analyst")
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(browser.client.get("/workbench/report.xlsx").data))
    assert ["records", 6] in [row[:2] for row in book.get_sheet_by_name("Headlines").to_python()]
    table = {row["record"]: row for row in pq.read_table(io.BytesIO(browser.client.get("/workbench/records.parquet").data)).to_pylist()}
    assert table.keys() == set(made)
    row = table[made[0]]
    assert (row["stages"], row["factors"], row["text"]) == (["use", "cultivation"], ["technology-", "courtesy+"], BOTH)
    assert (row["score_value"], row["subject"], row["scope"], row["is_corrected"]) == (9.0, "f" * 64, "experience_issue", False)
    assert len(pq.read_table(io.BytesIO(browser.client.get("/workbench/records.parquet?stage=none").data))) == 2


def test_a_customer_erased_while_the_records_are_written_is_not_among_them(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, erased = office.record(text=BOTH), office.record(text="It crashed.")
    write_records, files = write_records_module.write_records, list[Path]()

    def write(path: Path, rows: Any) -> None:
        write_records(path, rows)
        files.append(path)
        if len(files) == 1:
            with office.database.write() as connection:
                erase_by_id(connection, office.door.vault, WORKSPACE, erased, reason="request")

    monkeypatch.setattr(write_records_module, "write_records", write)
    body = office.browser("analyst").client.get("/workbench/records.parquet").data
    assert pq.read_table(io.BytesIO(body))["record"].to_pylist() == [kept]
    assert len(files) == 2


def test_the_labels_of_a_person_count_until_the_decision_is_undone(office: Office) -> None:
    record = office.record(text=BOTH)
    browser = office.browser()
    labels = {"stages": ["advocacy"], "factors": [{"key": "courtesy", "polarity": "-"}], "sentiment": -2, "scope": "neither", "flags": []}
    with office.database.write() as connection:
        draft = Draft("correct", {**labels, "outcome": None, "reasons": [], "needs_review": None}, "", "s" * 20)
        decision = annotations.decide(connection, browser.user, record, Seen(1, "fake-1", 0), draft)
    assert listed(browser, "?stage=advocacy&factor=courtesy&polarity=-&scope=neither") == {record}
    assert listed(browser, "?stage=use") == set()
    assert figures(browser)["scope"]["shares"]["neither"]["n"] == 1
    assert "corrected by a person" in browser.page("/workbench/verbatims").words
    with office.database.write() as connection:
        annotations.undo(connection, browser.user, record, decision.id)
    assert listed(browser, "?stage=use") == {record}
    assert figures(browser)["headlines"]["records"] == 1


def test_records_are_found_by_what_review_says_of_them(office: Office) -> None:
    calling, other, corrected = (office.record() for _ in range(3))
    plain = office.record(text=BOTH)
    set_record(office, other, needs_review=False)
    for record in (calling, corrected):
        set_record(office, record, needs_review=True)
    browser, reason = office.browser(), "repeat_contact"
    labels = {"stages": [], "factors": [], "sentiment": 0, "scope": "neither", "flags": [], "outcome": None}
    with office.database.write() as connection:
        draft = Draft("correct", {**labels, "reasons": [], "needs_review": False}, "", "s" * 20)
        annotations.decide(connection, browser.user, corrected, Seen(1, "fake-1", 0), draft)
    assert listed(browser, f"?reason={reason}") == {calling, other}
    assert listed(browser, "?reason=of_another_taxonomy") == set()
    assert listed(browser, "?needs_review=true") == {calling} and listed(browser, "?needs_review=false") == {other, corrected}
    assert listed(browser, "?is_corrected=true") == {corrected} and plain in listed(browser, "?is_corrected=false")
    assert figures(browser, f"?reason={reason}&needs_review=true")["headlines"]["records"] == 1
    form = dict(reversed(browser.page(f"/workbench?reason={reason}&is_corrected=false").form("/workbench")["fields"]))
    assert (form["reason"], form["is_corrected"]) == (reason, "false")


def test_a_new_analysis_is_seen_at_once_and_the_same_figures_are_made_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.record(text="It crashed.")
    browser, made = office.browser("analyst"), []
    monkeypatch.setattr(
        "vocservice.store.analysed.reported.report_of", lambda *given, **named: made.append(1) or report_of(*given, **named)
    )
    for _ in range(3):
        figures(browser)
    assert len(made) == 1
    office.record(text="It crashed.")
    assert figures(browser)["headlines"]["records"] == 2 and len(made) == 2


def test_a_roll_back_is_seen_at_once(office: Office) -> None:
    record = office.record(text="It crashed.", scope=None)
    with office.database.write() as connection:
        connection.execute(update(schema.analyses).values(is_current=False, bundle="fake-0"))
        office.analyse(connection, record, analysis("It crashed."))
    browser = office.browser("analyst")
    with_scope = figures(browser)["scope"]
    with office.database.write() as connection:
        assert promotions.next_page(connection, WORKSPACE, "fake-0", after="", limit=10).restored == 1
    assert figures(browser)["scope"] != with_scope


@pytest.mark.parametrize("page", [*PAGES, "/workbench/issues", "/workbench/search", "/workbench/compare"])
def test_while_records_are_read_the_page_says_so(office: Office, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    office.record(text="It crashed.")
    browser, go_on = office.browser("analyst"), Event()
    for module in ("pages", "issues", "asking", "comparing"):
        monkeypatch.setattr(f"vocservice.web.workbench.{module}.PATIENCE_SECONDS", 0)
    monkeypatch.setattr("vocservice.store.analysed.packed.catch_up", lambda *given: go_on.wait(10) and catch_up(*given))
    answer = browser.client.get(page)
    go_on.set()
    assert (answer.status_code, answer.headers["Refresh"]) == (202, "2")
    assert "0 of 1 records read" in answer.text


def test_a_file_is_not_waited_for_as_long_as_records_are_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.record(text="It crashed.")
    browser, go_on = office.browser("analyst"), Event()
    monkeypatch.setattr("vocservice.web.workbench.library.PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr("vocservice.store.analysed.packed.catch_up", lambda *given: go_on.wait(10) and catch_up(*given))
    answer = browser.client.get("/workbench/records.parquet")
    go_on.set()
    monkeypatch.setattr("vocservice.web.workbench.library.PATIENCE_SECONDS", 60)
    assert answer.status_code == 503
    assert figures(browser)["headlines"]["records"] == 1


def test_columns_that_newer_ones_replaced_are_let_go(office: Office) -> None:
    office.record(text="It crashed.")
    tables, taxonomy = Tables(), load_taxonomy()
    table = tables.get(office.database, WORKSPACE, taxonomy)
    first = ref(tables.current(table, timeout=10).columns)
    office.record(text="It crashed.")
    assert len(tables.current(table, timeout=10).columns) == 2
    assert first() is None


def test_words_are_found_among_the_records_that_filters_let_through(office: Office) -> None:
    made = [office.record(text="It crashed.") for _ in range(30)]
    other = office.record(text="It failed.")
    browser = office.browser("analyst")
    assert listed(browser, "?q=crash*") == set(made)
    assert listed(browser, "?q=-crashed") == {other}
    assert listed(browser, "?q=rash") == set()
    assert "30 records with these words" in browser.page("/workbench/verbatims?q=crashed").words


def test_pages_follow_each_other_without_gaps(office: Office) -> None:
    made = {office.record(text="It crashed.") for _ in range(60)}
    assert listed(office.browser("analyst"), "?factor=technology") == made


def test_an_api_key_reads_the_same_figures(office: Office) -> None:
    several(office)
    answer = office.door.client.get("/v1/report?stage=use", headers=office.door.key("feedback:read"))
    assert (answer.status_code, answer.get_json()["headlines"]["records"]) == (200, 4)
    assert answer.get_json() == figures(office.browser("analyst"), "?stage=use")
    assert office.door.client.get("/v1/report").status_code == 401
    assert office.door.client.get("/v1/report", headers=office.door.key("feedback:write")).status_code == 403
    assert office.door.client.get("/v1/report?since=x", headers=office.door.key("feedback:read")).get_json()["code"] == "parameter_invalid"
    elsewhere = office.door.client.get("/v1/report", headers=office.door.key("feedback:read", workspace=ELSEWHERE))
    assert elsewhere.get_json()["headlines"]["records"] == 0


def test_a_report_that_gives_way_before_its_turn_says_to_ask_again() -> None:
    library, go_on = Library(kept=1), Event()
    library.get(1, lambda: go_on.wait(10))  # type: ignore[arg-type, return-value]
    waits = library.get(2, str)  # type: ignore[arg-type]
    library.get(3, str)  # type: ignore[arg-type]
    go_on.set()
    with pytest.raises(StoreError, match="try again"):
        waits.result()


def test_few_may_wait_for_a_report_and_the_next_is_told_to_ask_again() -> None:
    library, go_on = Library(), Event()
    making = [library.get(number, lambda: go_on.wait(10)) for number in range(MOST_WAITING + 1)]  # type: ignore[arg-type, return-value]
    with ThreadPoolExecutor(MOST_WAITING) as pool:
        waiting = [pool.submit(one.result) for one in making[:-1]]
        while making[0].seats._value:
            time.sleep(0.01)
        with pytest.raises(StoreError, match="try again") as caught:
            making[-1].result()
        with pytest.raises(TimeoutError):
            making[-1].result(timeout=0.01)
        go_on.set()
        assert [one.result(10) for one in waiting] == [True] * MOST_WAITING
    assert (caught.value.status, making[-1].result()) == (503, True)


def test_a_report_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.web.workbench.library.PATIENCE_SECONDS", 0.05)
    go_on = Event()
    making = Library().get(1, lambda: go_on.wait(10))  # type: ignore[arg-type, return-value]
    with pytest.raises(StoreError, match="try again"):
        making.result()
    go_on.set()
    assert making.result()


def test_few_reports_are_kept_and_a_failed_one_is_tried_again() -> None:
    library, asked = Library(kept=2), []

    def failing() -> Any:
        asked.append(1)
        raise ValueError(CANARY)

    for _ in range(2):
        with pytest.raises(ValueError, match=CANARY):
            library.get("key", failing).report.result()
    assert len(asked) == 2
    first = library.get(1, str)  # type: ignore[arg-type]
    for key in (2, 3):
        library.get(key, str)  # type: ignore[arg-type]
    assert library.get(1, str) is not first  # type: ignore[arg-type]


def test_a_report_is_made_beside_pages_which_get_their_turn_soon() -> None:
    library, go_on, turns = Library(), Event(), list[float]()

    def make() -> bool:
        turns.append(sys.getswitchinterval())
        return go_on.wait(30)

    made = library.get("key", make)  # type: ignore[arg-type]
    assert library.is_busy()
    go_on.set()
    assert made.report.result()
    assert not library.is_busy()
    assert turns[0] < 0.005


def test_a_narrow_filter_waits_for_no_other_report(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    several(office)
    browser, go_on = office.browser("analyst"), Event()
    monkeypatch.setattr("vocservice.web.workbench.looking.SMALL_SECONDS", 0.01)
    monkeypatch.setattr(
        "vocservice.store.analysed.reported.report_of", lambda *given, **named: go_on.wait(30) and report_of(*given, **named)
    )
    assert browser.client.get("/workbench").status_code == 200
    narrow = browser.client.get("/workbench?stage=use")
    go_on.set()
    assert narrow.status_code == 200 and "data-later" in narrow.text and "4 records" in narrow.text
    assert figures(browser, "?stage=use")["headlines"]["records"] == 4
    assert "data-later" not in browser.client.get("/workbench?stage=use").text


def test_of_many_records_a_page_has_at_once_what_is_counted_and_then_the_rest(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    several(office)
    monkeypatch.setattr("vocservice.web.workbench.looking.SMALL", 0)
    browser = office.browser("analyst")
    first = browser.client.get("/workbench").text
    assert "data-later" in first and "Being computed" in first and "6 records" in first
    assert figures(browser)["headlines"]["records"] == 6  # waits until all is there
    later = browser.client.get("/workbench").text
    assert "data-later" not in later and "Being computed" not in later


@pytest.mark.parametrize("path", ["/workbench", "/workbench/compare", "/workbench/themes"])
def test_a_wrong_parameter_leads_back_to_the_workbench(office: Office, path: str) -> None:
    page = office.browser("analyst").page(f"{path}?since=x&a_since=x", 400)
    assert "/workbench" in [link["href"] for link in page.all("a") if link["href"] != "#main"]
    assert "To the workbench" in page.words
