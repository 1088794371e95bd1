"""Tests of reports that are made by themselves: of whole weeks and months, once, without a word of a customer, for their own workspace."""

import errno
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from vocservice.jobs.digests import Digests, ended, kept
from vocservice.settings import ReportSettings
from vocservice.store import schema
from vocservice.taxonomy import load_taxonomy
from vocservice.web.workbench import digests
from web.storing import ELSEWHERE, WORKSPACE
from web.visiting import TALK, Office

TAXONOMY = load_taxonomy()
LAST = ended("weekly", datetime.now(UTC).date())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def settings(folder: Path, **changes: object) -> ReportSettings:
    return ReportSettings.model_validate({"every": "weekly", "folder": str(folder / "reports")} | changes)


def say(office: Office, day: date) -> str:
    record = office.record()
    with office.database.write() as connection:
        at = datetime.combine(day, datetime.min.time(), UTC)
        connection.execute(update(schema.records).where(schema.records.c.id == record).values(created_at=at))
    return record


@pytest.mark.parametrize(
    ("every", "today", "name", "first", "last"),
    [
        ("weekly", date(2026, 1, 5), "2026-W01", date(2025, 12, 29), date(2026, 1, 4)),
        ("weekly", date(2026, 1, 4), "2025-W52", date(2025, 12, 22), date(2025, 12, 28)),
        ("monthly", date(2026, 1, 31), "2025-12", date(2025, 12, 1), date(2025, 12, 31)),
    ],
)
def test_the_period_is_the_last_whole_one(every: str, today: date, name: str, first: date, last: date) -> None:
    found = ended(every, today)
    assert (found.name, found.first, found.last) == (name, first, last)
    assert found.before.last == first - timedelta(days=1)


def test_each_workspace_has_its_report_once_and_it_holds_no_words(office: Office, tmp_path: Path) -> None:
    records = [say(office, LAST.last) for _ in range(6)]
    say(office, LAST.last + timedelta(days=1))
    wanted = settings(tmp_path)
    assert Digests(office.database, wanted).turn(TAXONOMY) == 2
    assert Digests(office.database, wanted).turn(TAXONOMY) == 0
    page = (tmp_path / "reports" / WORKSPACE / f"{LAST.name}.html").read_text(encoding="utf-8")
    assert f"All records up to {LAST.last}; {LAST.name} against {LAST.before.name}" in page and "6 records" in page
    assert not [word for word in (*records, TALK[0][1], "Third time") if word in page]
    assert "it has no quotes" in page and "No cell has that many records" not in page


@pytest.mark.parametrize(
    ("status", "received", "hours", "made"),
    [
        ("pending", -1, 3, 1),
        ("waiting", -1, 3, 1),
        ("pending", -1, 24, 2),
        ("pending", 1, 3, 2),
        ("failed", -1, 3, 2),
    ],
    ids=["not analysed", "without its text", "a day later", "of the next period", "given up"],
)
def test_for_a_day_a_report_waits_for_what_came_in_its_period(
    office: Office, tmp_path: Path, status: str, received: int, hours: int, made: int
) -> None:
    """Of two workspaces the other one, where nothing waits, has its report at once."""
    over = datetime.combine(LAST.last + timedelta(days=1), datetime.min.time(), UTC)
    record = say(office, LAST.last)
    with office.database.write() as connection:
        changed = update(schema.records).where(schema.records.c.id == record)
        connection.execute(changed.values(status=status, received_at=over + timedelta(minutes=received)))
    digest = Digests(office.database, settings(tmp_path), clock=lambda: over + timedelta(hours=hours))
    assert digest.turn(TAXONOMY) == made


def test_nothing_is_made_unless_it_is_switched_on(office: Office, tmp_path: Path) -> None:
    assert ReportSettings().every == "never"
    assert Digests(office.database, settings(tmp_path, every="never")).turn(TAXONOMY) == 0
    assert not (tmp_path / "reports").exists()


def test_old_ones_give_way(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / WORKSPACE
    folder.mkdir(parents=True)
    for week in range(1, 5):
        (folder / f"2020-W{week:02d}.html").write_text("old")
    Digests(office.database, settings(tmp_path, keep=3)).turn(TAXONOMY)
    assert sorted(path.stem for path in folder.iterdir()) == ["2020-W03", "2020-W04", LAST.name]


def test_a_month_is_newer_than_the_weeks_before_its_end(office: Office, tmp_path: Path) -> None:
    folder, wanted = tmp_path / "reports" / WORKSPACE, settings(tmp_path, every="monthly", keep=3)
    folder.mkdir(parents=True)
    for name in ("2020-W01", "2020-W02", "2020-W03", "notes"):
        (folder / f"{name}.html").write_text("old")
    month = ended("monthly", datetime.now(UTC).date()).name
    assert Digests(office.database, wanted).turn(TAXONOMY) == 2 and Digests(office.database, wanted).turn(TAXONOMY) == 0
    assert [path.stem for path in kept(wanted, WORKSPACE)] == [month, "2020-W03", "2020-W02"] and (folder / "notes.html").exists()


def test_what_was_just_made_stays_though_another_period_ended_later(office: Office, tmp_path: Path) -> None:
    folder, wanted = tmp_path / "reports" / WORKSPACE, settings(tmp_path, keep=1)
    folder.mkdir(parents=True)
    (folder / "9998-12.html").write_text("later")
    Digests(office.database, wanted).turn(TAXONOMY)
    assert [path.stem for path in kept(wanted, WORKSPACE)] == [LAST.name]


def test_a_full_disk_is_logged_and_the_worker_goes_on(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vocservice.tables.partial.os.fsync", full)
    assert Digests(office.database, settings(tmp_path)).turn(TAXONOMY) == 0
    assert "No space left" in caplog.text and kept(settings(tmp_path), WORKSPACE) == []


def test_they_are_listed_and_read_in_their_own_workspace_only(office: Office, tmp_path: Path) -> None:
    office.app.extensions[digests.NAME] = wanted = settings(tmp_path)
    browser = office.browser("analyst")
    assert "no reports yet" in browser.page("/workbench/reports").words
    Digests(office.database, wanted).turn(TAXONOMY)
    assert LAST.name in browser.page("/workbench/reports").words
    answer = browser.client.get(f"/workbench/reports/{LAST.name}")
    assert answer.status_code == 200 and "unsafe" not in answer.headers["Content-Security-Policy"]
    (tmp_path / "reports" / ELSEWHERE / f"{LAST.name}.html").unlink()
    other = office.browser("admin", workspace=ELSEWHERE)
    assert other.client.get(f"/workbench/reports/{LAST.name}").status_code == 404
    assert browser.client.get("/workbench/reports/..%2Fx").status_code == 404
