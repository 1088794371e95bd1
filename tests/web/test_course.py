"""Tests of how a conversation went: waits, silences, and the two answers, service recovered and experience fixed."""

from pathlib import Path

import pytest
from builders import conversation
from sqlalchemy import update

from vocservice.records import Scope
from vocservice.reporting.recovery import is_unfixed
from vocservice.rules.pace import pace_of
from vocservice.store import schema
from vocservice.web.course import course_of, lasting
from web.visiting import TALK, Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def timed(office: Office, record: str, *times: str | None) -> None:
    """Give the turns of a record their times."""
    turns = [{"speaker": speaker, "text": text, "at": at} for (speaker, text), at in zip(TALK, times, strict=False)]
    with office.database.write() as connection:
        connection.execute(update(schema.records).where(schema.records.c.id == record).values(clean={"id": record, "turns": turns}))


def scoped(office: Office, scope: str) -> str:
    """A transcript that ended resolved."""
    return office.record(text=TALK[0][1], scope=Scope(scope, 0.9, "head:scope"), conversation=conversation(*TALK))


@pytest.mark.parametrize(
    ("outcome", "scope", "recovered", "fixed", "unfixed"),
    [
        ("resolved", "experience_issue", "yes", "no, the cause", True),
        ("resolved", "both", "yes", "no, the cause", True),
        ("resolved", "service_complaint", "yes", "nothing broader", False),
        ("resolved", None, "yes", "not known", False),
        ("unresolved", "both", "no", "no, the cause", False),
        ("pending", "neither", "not yet", "nothing broader", False),
        ("unclear", "both", "not known", "no, the cause", False),
        (None, None, "not known", "not known", False),
    ],
)
def test_recovered_and_fixed_are_two_answers(outcome: str | None, scope: str | None, recovered: str, fixed: str, unfixed: bool) -> None:
    course = course_of(pace_of(()), outcome=outcome, scope=scope)
    assert course.recovered.startswith(recovered) and course.fixed.startswith(fixed)
    assert course.is_unfixed == is_unfixed(outcome, scope) == unfixed


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h 0 min"), (86_400 + 7200, "1 d 2 h")])
def test_a_span_in_words(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_the_page_shows_waits_and_silences(office: Office) -> None:
    record = office.record()
    timed(office, record, "2026-11-28T09:00:00Z", "2026-11-28T09:12:00Z", "2026-11-28T09:16:00Z")
    words = office.browser("analyst").page(f"/desk/{record}").words
    told = " ".join(words.split())
    assert "First wait for an answer 12 min" in told and "Longest silence 12 min, before turn 2" in told
    assert "waiting for answers 75%" in told and "2 agent, after 12 min" in told


@pytest.mark.parametrize(
    "times", [(), (None, None, None), ("2026-11-28T09:10:00Z", "2026-11-28T09:00:00Z", "never"), ("2026-11-28T09:00:00Z",)]
)
def test_times_that_are_missing_or_out_of_order_are_not_known(office: Office, times: tuple[str | None, ...]) -> None:
    record = office.record()
    timed(office, record, *times)
    told = " ".join(office.browser("analyst").page(f"/desk/{record}").words.split())
    for name in ("First wait for an answer", "Longest wait for an answer", "waiting for answers", "Longest silence"):
        assert f"{name} not known" in told
    assert ", after" not in told


def test_what_a_person_corrected_counts(office: Office) -> None:
    record = scoped(office, "both")
    browser = office.browser()
    assert "Experience fixed? no, the cause" in " ".join(browser.page(f"/desk/{record}").words.split())
    browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": "correct", "scope": "service_complaint"})
    assert "Experience fixed? nothing broader" in " ".join(browser.page(f"/desk/{record}").words.split())


def test_the_queue_shows_what_was_recovered_while_the_cause_stands(office: Office) -> None:
    stands = scoped(office, "both")
    scoped(office, "service_complaint")
    office.record(text="It crashed, I may leave.", scope=Scope("experience_issue", 0.9, "head:scope"))
    browser = office.browser()
    found = [str(link["href"]) for link in browser.page("/desk?unfixed=1").all("a") if "data-line" in link]
    assert found == [f"/desk/{stands}?unfixed=1"]
    assert any(link["href"] == "/desk?unfixed=1" for link in browser.page(f"/desk/{stands}").all("a"))
