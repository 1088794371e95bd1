"""Tests of retention by a worker: once a day where days are set, with no command."""

from datetime import timedelta

from sqlalchemy import select, update

from vocservice.records import RawVerbatim
from vocservice.settings import Settings
from vocservice.store.database import now
from vocservice.store.opened import Store
from vocservice.store.received.retention import RETAIN
from vocservice.store.schema import audit, jobs, records, workspaces

from .stores import add_verbatim, job_states, make_due, statuses, worker_of


def keep(store: Store, days: int | None) -> None:
    with store.database.write() as connection:
        connection.execute(update(workspaces).values(retention_days=days))


def age(store: Store, record: str) -> None:
    """As if a record had come a hundred days ago."""
    with store.database.write() as connection:
        old = now(connection) - timedelta(days=100)
        connection.execute(update(records).where(records.c.source_record == record).values(received_at=old))


def test_what_is_too_old_goes_once_a_day_where_days_are_set(store: Store, settings: Settings) -> None:
    add_verbatim(store, RawVerbatim("old", "The app crashed."))
    add_verbatim(store, RawVerbatim("new", "The app crashed."))
    age(store, "old")
    worker_of(store, settings).run(once=True)
    assert set(statuses(store).values()) == {"analysed"} and job_states(store, RETAIN) == []
    keep(store, 30)
    worker_of(store, settings).run(once=True)
    assert sorted(statuses(store).values()) == ["analysed", "erased"] and job_states(store, RETAIN) == [("queued", 0, None)]
    age(store, "new")
    worker_of(store, settings).run(once=True)
    assert sorted(statuses(store).values()) == ["analysed", "erased"]
    with store.database.read() as connection:
        wait = connection.scalar(select(jobs.c.due_at).where(jobs.c.kind == RETAIN)) - now(connection)
        actors = set(connection.scalars(select(audit.c.actor).where(audit.c.action == "retention_swept")))
    assert timedelta(hours=23) < wait <= timedelta(days=1) and actors == {"worker"}
    make_due(store)
    worker_of(store, settings).run(once=True)
    assert set(statuses(store).values()) == {"erased"}


def test_a_workspace_that_keeps_for_ever_again_is_swept_no_longer(store: Store, settings: Settings) -> None:
    add_verbatim(store, RawVerbatim("old", "The app crashed."))
    keep(store, 30)
    worker_of(store, settings).run(once=True)
    keep(store, None)
    age(store, "old")
    make_due(store)
    worker_of(store, settings).run(once=True)
    assert statuses(store) == {"old": "analysed"} and job_states(store, RETAIN) == []
