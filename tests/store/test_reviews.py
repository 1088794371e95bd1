"""Tests of the queue's counts: what waits by reason, scope and channel, what is late or put off, and what is decided."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from store.bench import Bench, said, work_off
from vocservice.errors import ConflictError
from vocservice.store import schema
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.database import now
from vocservice.store.review import claims, holders, reviews
from vocservice.store.review.reviews import Choice

LINES = [("both", "chat", 0), ("both", None, 0), ("neither", "chat", 90), (None, "phone", 0), ("both", "chat", None)]


def filled(bench: Bench) -> None:
    """One line each: its scope, channel, and for how many days it has waited; None for one that is decided."""
    bench.deliver(*(said(f"r-{number}", "It crashed.") for number in range(len(LINES))))
    work_off(bench)
    ids = sorted(row["id"] for row in bench.rows(schema.records))
    with bench.database.write() as connection:
        connection.execute(schema.reviews.delete())
        at = now(connection)
        for record_id, (scope, channel, days) in zip(ids, LINES, strict=True):
            line = {
                "record_id": record_id,
                "workspace_id": bench.workspace,
                "revision": 1,
                "urgency": 1,
                "scope": scope,
                "channel": channel,
            }
            line |= {"entered_at": at - timedelta(days=days or 0), "decided_at": at if days is None else None}
            connection.execute(insert(schema.reviews).values(**line))
            connection.execute(insert(schema.review_labels).values(record_id=record_id, label="flags.churn_risk"))


def test_what_waits_is_counted_by_kind_and_what_is_decided_beside(bench: Bench) -> None:
    filled(bench)
    with bench.database.read() as connection:
        found = reviews.counts(connection, bench.workspace)
        nothing = reviews.counts(connection, "ws_of_others")
    assert (found.pending, found.decided, found.later, found.overdue) == (4, 1, 0, 1)
    assert (found.labels, found.scopes) == ({"flags.churn_risk": 4}, {"both": 2, "neither": 1})
    assert found.channels == {"chat": 2, "phone": 1}
    assert (nothing.pending, nothing.overdue, nothing.scopes) == (0, 0, {})


@pytest.mark.parametrize(("is_decided", "overdue"), [(True, 0), (False, 1)], ids=["decided", "waiting"])
def test_a_decided_record_that_comes_back_is_due_from_then(bench: Bench, is_decided: bool, overdue: int) -> None:
    bench.deliver(said("r", "It crashed.", version="1"))
    work_off(bench)
    with bench.database.write() as connection:
        at = now(connection) - timedelta(days=90)
        connection.execute(schema.reviews.update().values(entered_at=at, decided_at=at if is_decided else None))
    bench.deliver(said("r", "It crashed again.", version="2"))
    work_off(bench)
    with bench.database.read() as connection:
        found = reviews.counts(connection, bench.workspace)
    assert (found.pending, found.decided, found.overdue) == (1, 0, overdue)


def test_lines_that_are_decided_are_not_walked_to_count_those_that_wait(bench: Bench) -> None:
    filled(bench)
    if bench.database.engine.dialect.name != "sqlite":
        return
    waits = (schema.reviews.c.workspace_id == bench.workspace, schema.reviews.c.decided_at.is_(None))
    with bench.database.read() as connection:
        asked = reviews._kinds(waits, now(connection)).compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
    assert any("workspace_id=? AND decided_at=?" in step for step in plan)


def leads(bench: Bench, names: str) -> list[User]:
    whose = {"role": "support_lead", "password": "correct horse battery", "actor": "test"}
    with bench.database.write() as connection:
        return [users.add(connection, bench.workspace, email=f"{name}@example.org", name=name, **whose) for name in names]


def test_a_claim_moves_to_who_takes_over_and_only_its_holder_passes_until_it_runs_out(bench: Bench) -> None:
    filled(bench)
    ada, grace, joan = leads(bench, "agj")
    record_id = bench.rows(schema.records)[0]["id"]
    with bench.database.write() as connection:
        for user in (ada, grace):
            holders.check(connection, user, record_id)  # nobody has it
        assert claims.take(connection, ada, record_id).user_id == claims.take(connection, grace, record_id).user_id == ada.id
        holders.check(connection, ada, record_id)
        with pytest.raises(ConflictError, match="another person") as refused:
            holders.check(connection, grace, record_id)
        assert (refused.value.code, refused.value.status) == ("review_held", 409)
        assert claims.take_over(connection, grace, record_id).user_id == grace.id
        holders.check(connection, grace, record_id)
        with pytest.raises(ConflictError):
            holders.check(connection, ada, record_id)
        claims.release(connection, ada, record_id)  # no longer theirs to give up
        assert claims.take(connection, joan, record_id).user_id == grace.id
        connection.execute(schema.claims.update().values(lease_until=now(connection)))
        holders.check(connection, ada, record_id)
        assert claims.take_over(connection, joan, record_id).user_id == joan.id  # free again: from nobody
    told = [row["details"] for row in bench.rows(schema.audit) if row["action"] == "review.take_over"]
    assert told == [{"from": ada.id}]


def test_the_next_record_is_claimed_past_what_others_claim_in_this_moment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(bench)
    ada, grace = leads(bench, "ag")
    with bench.database.write() as connection:
        taken = claims.take_following(connection, ada, Choice())
        free = reviews.following(connection, grace, Choice())
    looked = iter([taken, free])  # what two transactions of a moment see: the first is claimed between the look and the claim
    monkeypatch.setattr(reviews, "following", lambda *_, **__: next(looked))
    with bench.database.write() as connection:
        assert taken != free == claims.take_following(connection, grace, Choice())
        held = connection.execute(select(schema.claims.c.record_id, schema.claims.c.user_id)).all()
    assert {*held} == {(taken, ada.id), (free, grace.id)}
