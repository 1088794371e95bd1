"""Tests of PDF and pictures from the workbench: of the records that are asked for, one at a time, and a word where there is no browser."""

import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest

from vocservice.browser import NAMES
from vocservice.web.workbench import prints
from web.storing import ELSEWHERE
from web.visiting import Office

PATHS = ("/workbench/report.pdf", "/workbench/pictures/scope.png")
real = pytest.mark.skipif(not any(shutil.which(name) for name in NAMES), reason="no Chromium on the PATH")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@real
def test_a_report_and_a_chart_are_drawn(office: Office) -> None:
    office.record()
    client = office.browser("analyst").client
    for path, kind, begins in zip(PATHS, ("application/pdf", "image/png"), (b"%PDF-", b"\x89PNG"), strict=True):
        answer = client.get(path)
        assert answer.status_code == 200 and answer.content_type == kind and answer.data.startswith(begins)
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_what_is_drawn_is_what_is_asked_for_and_of_the_own_workspace_alone(office: Office, drawn: Path) -> None:
    for _ in range(3):
        office.record()
    browser, other = office.browser("analyst"), office.browser("admin", workspace=ELSEWHERE)
    page = browser.page("/workbench?channel=chat")
    pictures = [str(link["href"]) for link in page.all("a") if "/pictures/" in str(link["href"])]
    assert {"/workbench/report.pdf?channel=chat"} < {str(link.get("href")) for link in page.all("a")}
    assert len(pictures) >= 3 and all(browser.client.get(path).status_code == 200 for path in pictures)
    told = {query: browser.client.get(f"/workbench/report.pdf{query}").text for query in ("", "?channel=chat", "?channel=email")}
    assert "3 records" in told[""] and "3 records" in told["?channel=chat"] and "0 records" in told["?channel=email"]
    assert "0 records" in other.client.get("/workbench/report.pdf").text
    assert browser.client.get("/workbench/pictures/nothing.png").status_code == 404
    assert browser.client.get("/workbench/report.pdf?source=src_of_somebody_else").status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_without_a_browser_the_page_names_the_remedy(office: Office, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    page = office.browser("analyst").page(path, 501)
    assert "install chromium" in page.words and "from your own browser" in page.words


def test_a_browser_that_fails_or_is_busy_is_said_and_the_next_may_try(office: Office, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, script = office.browser("analyst").client, drawn.read_text()
    drawn.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    assert client.get(PATHS[0]).status_code == 503
    drawn.write_text(script, encoding="utf-8")
    monkeypatch.setattr(prints, "PATIENCE_SECONDS", 0.0)
    with prints._taken(office.app.extensions["vocservice.prints"][0]):
        busy = client.get(PATHS[0])
    assert busy.status_code == 503 and "Another file is being rendered" in busy.text
    assert client.get(PATHS[0]).status_code == 200


def test_beside_the_one_that_is_drawn_one_waits_and_the_others_hear_at_once(
    office: Office, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prints, "PATIENCE_SECONDS", 60.0)
    clients = [office.browser("analyst").client for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        seat, room = office.app.extensions["vocservice.prints"]
        with prints._taken(room), prints._taken(seat):
            tries = [pool.submit(client.get, PATHS[0]) for client in clients]
            done = as_completed(tries, timeout=30)
            refused = [next(done).result() for _ in range(2)]
        assert all(answer.status_code == 503 and "Another file is being rendered" in answer.text for answer in refused)
        assert sorted(one.result().status_code for one in tries) == [200, 503, 503]
