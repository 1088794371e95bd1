"""Tests of what the queue shows as recovered while its cause stands: people's labels win, and what an issue mended is left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import analysis, conversation, piece
from sqlalchemy import insert, update

from store.bench import Bench, keep, load, said, take
from vocservice.records import Analysis, Evidence, Factor, Label, Scope
from vocservice.store import migrate, schema
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.analysed import issues, promotions
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review import annotations, reviews
from vocservice.store.review.annotations import Annotation, Draft
from vocservice.store.review.reviews import Choice

TURNS = (("customer", "It crashed."), ("agent", "That is mended."))
CHOICE = Choice(unfixed=True, handling=("courtesy", "competence"))
DECIDED = Choice(state="decided", unfixed=True, handling=CHOICE.handling)


def talk(scope: str = "both", *, outcome: str = "resolved", **changes: Any) -> Analysis:
    """A transcript that blames technology at the stage of use."""
    talked = conversation(*TURNS)
    ended = Label(outcome, 0.9, talked.outcome.evidence) if talked.outcome else None
    values = {"scope": Scope(scope, 0.9, "head:scope"), "conversation": type(talked)(talked.turns, ended, *_rest(talked))}
    return analysis("It crashed.\nThat is mended.", **(values | changes))


def _rest(talked: Any) -> tuple[Any, ...]:
    names = list(type(talked).__dataclass_fields__)[2:]
    return tuple(getattr(talked, name) for name in names)


def _evidence(word: str) -> tuple[Evidence, ...]:
    return (piece("It crashed.\nThat is mended.", word),)


def stored(bench: Bench, result: Analysis, *, bundle: str = "b-1", version: str = "1", record: str = "r") -> str:
    """A record with this analysis, on the desk; its id."""
    bench.deliver(said(record, f"It crashed {version}.", version=version))
    (job,) = take(bench)
    assert keep(bench, load(bench, job), result, bundle=bundle)
    return job.target


def lead(bench: Bench) -> User:
    with bench.database.write() as connection:
        values = {"email": f"{new_id('lead')}@example.org", "name": "Ada", "role": "support_lead", "password": "a long password of ours"}
        return users.add(connection, bench.workspace, **values, actor="test")


def decide(bench: Bench, user: User, record_id: str, decision: Any = "correct", **labels: Any) -> Annotation:
    with bench.database.write() as connection:
        seen = annotations.seen(connection, bench.workspace, [record_id])[record_id]
        (row,) = [row for row in bench.rows(schema.analyses, record_id=record_id) if row["is_current"]]
        held = annotations.labels_of("confirm", row["result"]) | labels
        return annotations.decide(connection, user, record_id, seen, Draft(decision, held, "", new_id("form")))


def listed(bench: Bench, user: User, choice: Choice = CHOICE) -> list[str]:
    with bench.database.read() as connection:
        return [item.record_id for item in reviews.page(connection, user, choice).items]


def issue(bench: Bench, status: str, *, stage: str = "use", factor: str = "technology", cause: str = "", days_ago: int = 0) -> None:
    """An issue that was closed some days ago, or is in another state."""
    with bench.database.write() as connection:
        at = now(connection) - timedelta(days=days_ago)
        values = {"id": new_id("iss"), "workspace_id": bench.workspace, "stage": stage, "factor": factor, "cause": cause, "title": "It"}
        values |= {"owner": "it", "status": status, "evidence": {}, "opened_by": "user:1", "opened_at": at, "changed_at": at}
        connection.execute(insert(schema.issues).values(**values, closed_at=at if status == "closed" else None))


@pytest.mark.parametrize(
    ("scope", "outcome", "is_listed"),
    [
        ("both", "resolved", True),
        ("experience_issue", "resolved", True),
        ("service_complaint", "resolved", False),
        ("both", "pending", False),
    ],
)
def test_the_model_is_believed_where_no_one_decided(bench: Bench, scope: str, outcome: str, is_listed: bool) -> None:
    record_id = stored(bench, talk(scope, outcome=outcome))
    assert listed(bench, lead(bench)) == [record_id][:is_listed]


def test_a_record_that_comes_again_as_a_text_was_recovered_no_longer(bench: Bench) -> None:
    record_id, user = stored(bench, talk("both")), lead(bench)
    assert listed(bench, user) == [record_id]
    urgent = (Label("churn_risk", 0.9, ()), Label("escalation", 0.9, ()))
    assert stored(bench, analysis("I want to complain.", flags=urgent), version="2") == record_id
    assert listed(bench, user) == [] and bench.rows(schema.review_causes) == [] and len(bench.rows(schema.reviews)) == 1


def test_a_decision_wins_over_the_model_until_it_is_undone(bench: Bench) -> None:
    stands, other = stored(bench, talk("both")), stored(bench, talk("service_complaint"), record="s")
    user = lead(bench)
    first = decide(bench, user, stands, scope="neither")
    second = decide(bench, user, other, scope="experience_issue")
    assert (listed(bench, user), listed(bench, user, DECIDED)) == ([], [other])
    with bench.database.write() as connection:
        annotations.undo(connection, user, stands, first.id)
        annotations.undo(connection, user, other, second.id)
    assert (listed(bench, user), listed(bench, user, DECIDED)) == ([stands], [])


def test_of_two_decisions_the_last_counts(bench: Bench) -> None:
    record_id, user = stored(bench, talk("both")), lead(bench)
    decide(bench, user, record_id, scope="neither")
    decide(bench, user, record_id, outcome="resolved", scope="both")
    assert listed(bench, user, DECIDED) == [record_id]


def test_a_decision_wins_over_a_new_analysis_of_the_same_text_and_not_over_a_new_text(bench: Bench) -> None:
    record_id, user = stored(bench, talk("both")), lead(bench)
    decide(bench, user, record_id, scope="service_complaint")
    with bench.database.write() as connection:
        promotions.next_page(connection, bench.workspace, "b-2", after="", limit=10)
    (job,) = take(bench)
    assert keep(bench, load(bench, job), talk("experience_issue"), bundle="b-2")
    assert listed(bench, user, DECIDED) == []
    assert stored(bench, talk("both"), version="2") == record_id
    assert listed(bench, user) == [record_id]


def test_what_an_issue_mended_is_left_out_and_comes_back_with_the_complaint(bench: Bench) -> None:
    record_id, user = stored(bench, talk("both")), lead(bench)
    issue(bench, "closed", days_ago=3)
    assert listed(bench, user) == [record_id]  # it lies after
    issue(bench, "closed")
    assert listed(bench, user) == []
    issue(bench, "mending", cause="late, parcel")
    assert listed(bench, user) == [record_id]


def test_a_sender_s_time_says_what_lies_before(bench: Bench) -> None:
    record_id, user = stored(bench, talk("both")), lead(bench)
    issue(bench, "closed", days_ago=3)
    with bench.database.write() as connection:
        at = datetime.now(UTC) - timedelta(days=4)
        connection.execute(update(schema.records).where(schema.records.c.id == record_id).values(created_at=at))
    assert listed(bench, user) == []


@pytest.mark.parametrize(
    ("factors", "stages", "is_listed"),
    [
        ((Factor("technology", "-", 0.9), Factor("brand", "+", 0.9)), (Label("use", 0.9),), False),
        ((Factor("technology", "-", 0.9), Factor("brand", "-", 0.9)), (Label("use", 0.9),), True),
        ((Factor("technology", "-", 0.9), Factor("courtesy", "-", 0.9)), (Label("use", 0.9), Label("cultivation", 0.9)), True),
        ((Factor("brand", "+", 0.9),), (Label("use", 0.9),), True),
        ((Factor("technology", "-", 0.9),), (), True),
    ],
    ids=["the cause", "and another", "at two stages without evidence the first", "nothing blamed", "at no stage"],
)
def test_every_cause_must_be_mended(bench: Bench, factors: tuple[Factor, ...], stages: tuple[Label, ...], is_listed: bool) -> None:
    record_id, user = stored(bench, talk("both", factors=factors, stages=stages)), lead(bench)
    issue(bench, "closed")
    issue(bench, "closed", factor="technology", stage="purchase")
    issue(bench, "dismissed", factor="brand")
    issue(bench, "closed", factor="brand", cause="one, of, many")
    assert listed(bench, user) == [record_id][:is_listed]


def test_how_the_contact_went_is_no_cause(bench: Bench) -> None:
    one, two = _evidence("crashed"), _evidence("mended")
    labels = {"stages": (Label("use", 0.9, one), Label("cultivation", 0.9, two))}
    both = (Factor("technology", "-", 0.9, one), Factor("courtesy", "-", 0.9, two))
    stored(bench, talk("both", factors=both, **labels))
    other = (Factor("technology", "-", 0.9, one), Factor("process", "-", 0.9, two))
    stands = stored(bench, talk("both", factors=other, **labels), record="s")
    issue(bench, "closed")
    assert listed(bench, lead(bench)) == [stands]


def test_a_queue_that_was_there_before_is_looked_at_as_its_tables_are_brought_up(bench: Bench) -> None:
    stored(bench, talk("both"))
    decided, brand = stored(bench, talk("service_complaint"), record="s"), (Factor("brand", "-", 0.9),)
    user, stands = lead(bench), stored(bench, talk("both", factors=brand), record="t")
    at_both = (Factor("technology", "-", 0.9, _evidence("crashed")), Factor("process", "-", 0.9, _evidence("mended")), *brand)
    stages = (Label("use", 0.9, _evidence("crashed")), Label("cultivation", 0.9, _evidence("mended")))
    split = stored(bench, talk("both", factors=at_both, stages=stages), record="u")
    decide(bench, user, decided, scope="experience_issue", factors=[{"key": "brand", "polarity": "-"}])
    issue(bench, "closed")
    causes = sorted((row["record_id"], row["stage"], row["factor"]) for row in bench.rows(schema.review_causes))
    assert {cause[1:] for cause in causes if cause[0] == split} == {("use", "technology"), ("cultivation", "process"), ("use", "brand")}
    assert (sorted(listed(bench, user)), listed(bench, user, DECIDED)) == (sorted([stands, split]), [decided])
    migrate.downgrade(bench.database, "0014")
    migrate.upgrade(bench.database)
    assert (sorted(listed(bench, user)), listed(bench, user, DECIDED)) == (sorted([stands, split]), [decided])
    assert sorted((row["record_id"], row["stage"], row["factor"]) for row in bench.rows(schema.review_causes)) == causes


def test_an_issue_keeps_the_day_of_its_closing_until_it_is_opened_again(bench: Bench) -> None:
    user = lead(bench)
    issue(bench, "open")

    def moved(status: str, owner: str = "it") -> Any:
        with bench.database.write() as connection:
            (found,) = issues.listed(connection, bench.workspace)
            issues.move(connection, user, found, status=status, owner=owner, verdict="fallen")
        with bench.database.read() as connection:
            return issues.mended(connection, bench.workspace), issues.listed(connection, bench.workspace)[0].closed_on

    today = datetime.now(UTC).date()
    ((one,), closed_on) = moved("closed")
    assert (one, closed_on) == (("use", "technology", today), today)
    with bench.database.write() as connection:
        connection.execute(update(schema.issues).values(closed_at=now(connection) - timedelta(days=5)))
    assert moved("closed", owner="operations")[1] == today - timedelta(days=5)
    assert moved("open") == ((), None)
