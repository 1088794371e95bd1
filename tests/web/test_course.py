"""Tests of how a conversation went: waits, silences, and the two answers, service recovered and experience fixed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import analysis, conversation
from sqlalchemy import insert, select, update

from vocservice.pace import pace_of, said_in
from vocservice.records import RawTurn, Scope
from vocservice.reporting.recovery import is_unfixed
from vocservice.store import schema
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.taxonomy import load_taxonomy
from vocservice.web.shown.course import course_of, lasting
from web.storing import WORKSPACE
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
        ("resolved", "experience_issue", "yes", "no: the cause", True),
        ("resolved", "both", "yes", "no: the cause", True),
        ("resolved", "service_complaint", "yes", "no broader", False),
        ("resolved", None, "yes", "not known", False),
        ("unresolved", "both", "no", "no: the cause", False),
        ("pending", "neither", "not yet", "no broader", False),
        ("unclear", "both", "not known", "no: the cause", False),
        (None, None, "not known", "not known", False),
    ],
)
def test_recovered_and_fixed_are_two_answers(outcome: str | None, scope: str | None, recovered: str, fixed: str, unfixed: bool) -> None:
    course = course_of(pace_of(()), {}, {"outcome": outcome, "scope": scope}, load_taxonomy())
    assert course.recovered.startswith(recovered) and course.fixed.startswith(fixed)
    assert course.is_unfixed == is_unfixed(outcome, scope) == unfixed


@pytest.mark.parametrize(
    ("scope", "fixed", "unfixed"),
    [("both", "yes: every experience issue", False), ("neither", "no broader", False), (None, "not known", False)],
)
def test_what_is_mended_is_fixed_where_there_was_an_issue_at_all(scope: str | None, fixed: str, unfixed: bool) -> None:
    course = course_of(pace_of(()), {}, {"outcome": "resolved", "scope": scope}, load_taxonomy(), is_mended=True)
    assert course.fixed.startswith(fixed) and course.is_unfixed == is_unfixed("resolved", scope, is_mended=True) == unfixed


def given(places: dict[str, int]) -> list[dict[str, Any]]:
    """Labels with evidence in a turn each."""
    return [{"key": key, "evidence": [{"start": 0, "end": 4, "turn": turn, "text": "text"}]} for key, turn in places.items()]


@pytest.mark.parametrize(
    ("key", "polarity", "turn", "cause", "handling"),
    [
        ("fulfilment", "-", 0, [("Purchase: Fulfilment, negative", (1,))], []),
        ("process", "~", 2, [("Cultivation: Process, mixed", (3,))], []),  # at the contact, and not about who handled it
        ("courtesy", "-", 2, [], [("Cultivation: Courtesy, negative", (3,))]),
        ("resolution", "+", 2, [], [("Cultivation: Resolution, positive", (3,))]),
        ("responsiveness", "-", 0, [("Purchase: Responsiveness, negative", (1,))], []),
        ("price_value", "+", 0, [], []),  # praise is no cause
        ("brand", "-", 1, [("Purchase: Brand, negative", (2,))], []),  # shares no evidence: at the first stage
    ],
)
def test_cause_and_handling_are_told_apart(key: str, polarity: str, turn: int, cause: list[Any], handling: list[Any]) -> None:
    result = {"stages": given({"purchase": 0, "cultivation": 2}), "factors": given({key: turn})}
    labels = {"stages": ["purchase", "cultivation"], "factors": [{"key": key, "polarity": polarity}]}
    course = course_of(pace_of(()), result, labels, load_taxonomy())
    assert [(told.words, told.turns) for told in course.cause] == cause
    assert [(told.words, told.turns) for told in course.handling] == handling


def test_a_factor_that_a_person_added_stands_without_turns() -> None:
    labels = {"stages": [], "factors": [{"key": "brand", "polarity": "-"}]}
    (told,) = course_of(pace_of(()), {}, labels, load_taxonomy()).cause
    assert (told.words, told.turns) == ("Brand, negative", ())


@pytest.mark.parametrize(("last", "rise"), [(-0.8, ""), (-0.798, ""), (-0.3, "+0.50"), (1.0, "+1.80")])
def test_a_rise_from_the_lowest_mood_is_told_if_there_is_one(last: float, rise: str) -> None:
    turns = [{"sentiment": {"level": -1, "score": score}} for score in (0.0, -0.8, last)]
    mood = course_of(pace_of(()), {"turns": turns}, {}, load_taxonomy()).mood
    assert mood is not None and (mood.low, mood.turn, mood.rise) == ("negative", 2, rise)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h"), (3720, "1 h 2 min"), (86_400 + 7200, "1 d 2 h"), (86_400 + 60, "1 d")],
)
def test_a_span_in_words(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_transfers_and_holds_are_told_where_the_sender_tells_of_them() -> None:
    told = [("customer", "Hi", "00:00:01"), ("system", "Customer on hold", "00:00:05"), ("agent", "Back.", "00:03:05")]
    course = course_of(
        pace_of(said_in([RawTurn(*turn) for turn in (*told, ("system", "Transferred to billing", None))])), {}, {}, load_taxonomy()
    )
    assert (course.transfers, course.held) == (1, "3 min")


def test_the_page_shows_waits_and_silences(office: Office) -> None:
    record = office.record()
    timed(office, record, "2026-11-28T09:00:00Z", "2026-11-28T09:12:00Z", "2026-11-28T09:16:00Z")
    words = office.browser("analyst").page(f"/desk/{record}").words
    told = " ".join(words.split())
    assert "First response time 12 min" in told and "Longest silence 12 min, before turn 2" in told
    assert "time spent waiting 75%" in told and "2 agent, after 12 min" in told


@pytest.mark.parametrize(
    "times", [(), (None, None, None), ("2026-11-28T09:10:00Z", "2026-11-28T09:00:00Z", "never"), ("2026-11-28T09:00:00Z",)]
)
def test_times_that_are_missing_or_out_of_order_are_not_known(office: Office, times: tuple[str | None, ...]) -> None:
    record = office.record()
    timed(office, record, *times)
    told = " ".join(office.browser("analyst").page(f"/desk/{record}").words.split())
    assert "Response times and silences not known" in told
    assert not [name for name in ("First response time", "Longest response time", "time spent waiting", "Longest silence") if name in told]
    assert ", after" not in told


def test_beside_an_agents_turn_stands_what_is_done_in_it(office: Office) -> None:
    times = [f"00:00:0{second}" for second in range(len(TALK))]
    record = office.record(text=TALK[0][1], conversation=conversation(*TALK, at=times))
    assert "2 agent, 00:00:01, says it again, asks" in office.browser("analyst").page(f"/desk/{record}").words


def test_each_turn_of_the_customers_is_told_by_itself(office: Office) -> None:
    record = office.record(text=TALK[0][1], conversation=conversation(*TALK))
    page = office.browser("analyst").page(f"/desk/{record}").words
    assert "Factor: Responsiveness, negative" in page and "not told" not in page
    with office.database.write() as connection:
        result = connection.execute(select(schema.analyses.c.result).where(schema.analyses.c.record_id == record)).scalar_one()
        earlier = [{name: turn[name] for name in ("speaker", "text", "sentiment")} for turn in result["turns"]]
        change = update(schema.analyses).where(schema.analyses.c.record_id == record)
        connection.execute(change.values(result={**result, "turns": earlier}))
    assert "not available: analysed by an earlier version" in office.browser("analyst").page(f"/desk/{record}").words


def test_what_a_person_corrected_counts(office: Office) -> None:
    record = scoped(office, "both")
    browser = office.browser()
    told = " ".join(browser.page(f"/desk/{record}").words.split())
    assert "Experience fixed? no: the cause" in told
    assert "had to contact us Use: Technology, negative How the contact went not mentioned" in told
    assert "negative at the start, positive at the end; lowest point negative in turn 1 Response times" in told
    changes = {"decision": "correct", "scope": "service_complaint", "stages": ["cultivation"], "factors.technology": ""}
    browser.send(f"/desk/{record}", f"/desk/{record}", changes)
    told = " ".join(browser.page(f"/desk/{record}").words.split())
    assert "Experience fixed? no broader" in told
    assert "had to contact us not mentioned How the contact went Cultivation: Courtesy, positive Sentiment" in told


def test_the_queue_shows_what_was_recovered_while_the_cause_stands(office: Office) -> None:
    stands = scoped(office, "both")
    scoped(office, "service_complaint")
    office.record(text="It crashed, I may leave.", scope=Scope("experience_issue", 0.9, "head:scope"))
    browser = office.browser()
    found = [str(link["href"]) for link in browser.page("/desk?unfixed=1").all("a") if "data-line" in link]
    assert found == [f"/desk/{stands}?unfixed=1"]
    assert any(link["href"] == "/desk?unfixed=1" for link in browser.page(f"/desk/{stands}").all("a"))


def issue(office: Office, status: str, title: str, *, cause: str = "", days_ago: int = 0) -> None:
    """An issue for technology at the stage of use."""
    with office.database.write() as connection:
        at = now(connection) - timedelta(days=days_ago)
        values = {"id": new_id("iss"), "workspace_id": WORKSPACE, "stage": "use", "factor": "technology", "cause": cause, "title": title}
        values |= {"owner": "it", "status": status, "evidence": {}, "opened_by": "user:1", "opened_at": at, "changed_at": at}
        connection.execute(insert(schema.issues).values(**values, closed_at=at if status == "closed" else None))


def test_a_cause_whose_issue_is_closed_is_fixed_on_the_page_in_the_queue_and_on_the_workbench(office: Office) -> None:
    record, browser = scoped(office, "both"), office.browser()
    recovered = "/workbench/verbatims?outcome=resolved"

    def told() -> tuple[str, bool, list[bool], str]:
        """What its page says, whether the queue lists it, and where the workbench lists it, as standing and as fixed."""
        page = " ".join(browser.page(f"/desk/{record}").words.split())
        words = page.partition("Experience fixed? ")[2].partition(" Why they had")[0]
        is_listed = any("data-line" in link for link in browser.page("/desk?unfixed=1").all("a"))
        counts = [record[-8:] in browser.page(f"{recovered}&fixed={name}").words for name in ("no", "yes")]
        return words, is_listed, counts, " ".join(browser.page("/workbench").words.split()).partition("Support helped the customer")[2]

    words, is_listed, counts, section = told()
    assert words.startswith("no: the cause") and "Issue" not in words and is_listed and counts == [True, False]
    assert "In 1 of these the cause is an experience issue" in section and "more is left out" not in section
    issue(office, "closed", "Login <b>broken</b>")
    words, is_listed, counts, section = told()
    assert words.startswith("yes: every experience issue") and "Issue: Login <b>broken</b>, Use, Technology, closed 20" in words
    assert not is_listed and counts == [False, True]
    assert "In 0 of these" in section and "1 more is left out: the issues of what they blame are closed" in section
    issue(office, "open", "Crashes", cause="crash")
    words, is_listed, counts, _ = told()
    assert words.startswith("no: the cause") and "Crashes, Use, Technology, one cause of it, open" in words
    assert is_listed and counts == [True, False]


def test_what_was_decided_on_an_older_text_says_nothing_of_how_the_new_one_went(office: Office) -> None:
    record, browser = scoped(office, "both"), office.browser()
    browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": "correct", "scope": "service_complaint"})
    with office.database.write() as connection:
        connection.execute(update(schema.analyses).where(schema.analyses.c.record_id == record).values(is_current=False))
        connection.execute(update(schema.records).where(schema.records.c.id == record).values(revision=2))
        result = analysis(TALK[0][1], scope=Scope("both", 0.9, "head:scope"), conversation=conversation(*TALK))
        office.analyse(connection, record, result, revision=2)
    assert "Experience fixed? no: the cause" in " ".join(browser.page(f"/desk/{record}").words.split())
