"""Builders for tests of jobs: a store in a folder, records in it, and worker processes over fake models."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from builders import fake_analyser
from databases import place, url_in
from pydantic import SecretStr
from sqlalchemy import func, insert, select, text

from vocservice.api import Analyser
from vocservice.jobs.worker import Worker
from vocservice.records import RawTurn, RawVerbatim
from vocservice.settings import BatchSettings, JobSettings, OutboundSettings, Settings, StoreSettings
from vocservice.store.database import Database, now
from vocservice.store.opened import Store, open_store
from vocservice.store.received import records
from vocservice.store.received.records import Origin
from vocservice.store.schema import analyses, jobs, workspaces
from vocservice.store.schema import records as record_table
from vocservice.text.rules import shipped_rules

WORKSPACE = "ws_1"
KEY = "aGFyZC10by1ndWVzcy1rZXktb2YtdGhpcnR5LXR3by4="
SECONDS = 60


def settings_in(folder: Path, **job_settings: float) -> Settings:
    """Settings of a store in a folder, with short times."""
    fast = {"lease_seconds": 2.0, "poll_seconds": 0.05, "max_attempts": 3, "grace_seconds": 5.0, **job_settings}
    store = StoreSettings(url=SecretStr(url_in(folder)), keys=(SecretStr(KEY),))
    outbound = OutboundSettings(allow_http=True, allow_private=True)
    batches = BatchSettings(folder=str(folder / "batches"))
    return Settings(store=store, jobs=JobSettings.model_validate(fast), outbound=outbound, batches=batches)


def made_store(folder: Path, settings: Settings) -> Store:
    """A store in a folder with tables and one workspace."""
    database = Database(place(folder))
    with database.write() as connection:
        row = {"id": WORKSPACE, "name": "main", "keeps_originals": False, "created_at": _now(database)}
        connection.execute(insert(workspaces).values(**row))
    database.close()
    return open_store(settings.store)


def _now(database: Database) -> object:
    with database.read() as connection:
        return now(connection)


def add(store: Store, *texts: str, name: str = "r") -> list[str]:
    """Feedback in, the ids of its records out."""
    return [add_verbatim(store, RawVerbatim(f"{name}-{number}", text)) for number, text in enumerate(texts)]


def add_transcript(store: Store, *texts: str) -> str:
    turns = tuple(RawTurn("customer" if at % 2 == 0 else "agent", one) for at, one in enumerate(texts))
    return add_verbatim(store, RawVerbatim("t-1", turns=turns))


def add_verbatim(store: Store, verbatim: RawVerbatim) -> str:
    sealed = records.seal(store.vault, Origin(WORKSPACE), verbatim.id, verbatim, version=None, warnings=())
    with store.database.write() as connection:
        (applied,) = records.upsert_all(connection, [sealed], at=now(connection))
    assert applied.record_id
    return applied.record_id


def worker_of(store: Store, settings: Settings, load: Callable[[str], Analyser] | None = None, **options: object) -> Worker:
    return Worker(store, settings, load or (lambda _: fake_analyser()), shipped_rules(), **options)  # type: ignore[arg-type]


def statuses(store: Store) -> dict[str, str]:
    """Status of every record, by the sender's id."""
    with store.database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(select(record_table.c.source_record, record_table.c.status))}


def codes(store: Store) -> dict[str, str | None]:
    with store.database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(select(record_table.c.source_record, record_table.c.error_code))}


def analyses_each(store: Store) -> list[int]:
    """How many analyses each record has."""
    counted = select(func.count(analyses.c.id)).select_from(record_table).outerjoin(analyses, analyses.c.record_id == record_table.c.id)
    with store.database.read() as connection:
        return list(connection.scalars(counted.group_by(record_table.c.id)))


def job_states(store: Store, kind: str = "analyse") -> list[tuple[str, int, str | None]]:
    """State, attempts and code of every job of a kind."""
    columns = select(jobs.c.state, jobs.c.attempts, jobs.c.error_code).where(jobs.c.kind == kind).order_by(jobs.c.id)
    with store.database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(columns)]


def make_due(store: Store) -> None:
    """As if every wait and every lease were over."""
    with store.database.write() as connection:
        connection.execute(text("UPDATE jobs SET due_at = 0, lease_until = CASE WHEN lease_until IS NULL THEN NULL ELSE 0 END"))


def wait_for(condition: Callable[[], bool], *, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


class WorkerProcess:
    """A worker in a process of its own, over a fake model; forked, as starting anew takes long."""

    def __init__(self, folder: Path, *, model: str = "plain", lease: float = 2.0, failpoint: str = ""):
        from .processes import run

        self.log = folder / f"worker-{model}-{time.monotonic_ns()}.log"
        self._process = get_context("fork").Process(target=run, args=(str(folder), model, lease, str(self.log), failpoint))
        self._process.start()
        wait_for(lambda: self.has_logged("worker started") or not self._process.is_alive())

    def has_logged(self, words: str) -> bool:
        return self.log.exists() and words in self.log.read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        assert self._process.pid
        os.kill(self._process.pid, how)
        return self.wait()

    def wait(self) -> int | None:
        self._process.join(SECONDS)
        return self._process.exitcode

    def end(self) -> None:
        self._process.kill()
        self._process.join(SECONDS)
