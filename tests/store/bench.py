"""A database with one workspace and one source, and short ways to deliver to it, work it off, and look inside."""

from dataclasses import dataclass, field
from typing import Any

from builders import analysis
from sqlalchemy import Table, insert, select, text

from vocservice.ingest.events import Event, Upsert
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.store import appending, jobs
from vocservice.store.analysed import analyses
from vocservice.store.analysed.analyses import Cleaned, Task
from vocservice.store.database import Database, now
from vocservice.store.ids import new_id
from vocservice.store.jobs import Job, Lease
from vocservice.store.received import intake
from vocservice.store.received.intake import Arrival, Receipt
from vocservice.store.received.records import ANALYSE
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import sources, workspaces
from vocservice.store.sealing import Sealer, new_key
from vocservice.store.vault import Vault, open_vault

WORKER = Lease("worker-1", seconds=60, max_attempts=3)


def said(record: str, words: str, *, version: str | None = None, **more: Any) -> Upsert:
    """An event of a record with a text."""
    return Upsert(record, version, RawVerbatim(id=record, text=words, **more))


@dataclass
class Bench:
    """A database with one workspace and one source."""

    database: Database
    vault: Vault
    key: str
    workspace: str = ""
    source: str = ""
    delivered: int = field(default=0)

    def deliver(self, *events: Event, key: str | None = None, body: bytes = b"{}") -> Receipt:
        """A delivery, under a key of its own unless one is given."""
        self.delivered += 1
        arrival = Arrival(self.workspace, self.source, key or f"delivery-{self.delivered}", body, "application/json")
        with self.database.write() as connection:
            return intake.accept(connection, self.vault, arrival, events)

    def rows(self, table: Table, **where: Any) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            chosen = select(table).where(*(table.c[name] == value for name, value in where.items()))
            return [dict(row) for row in connection.execute(chosen).mappings()]

    def sql(self, statement: str, **values: Any) -> None:
        with self.database.write() as connection:
            connection.execute(text(statement), values)

    def unlock_audit(self) -> None:
        """As whoever owns the tables can: without its triggers the log can be tampered with."""
        for statement in appending.unmade(self.database.kind):
            self.sql(statement)

    def let_leases_run_out(self) -> None:
        with self.database.write() as connection:
            connection.execute(job_table.update().where(job_table.c.state == "running").values(lease_until=1))


def furnished(database: Database) -> Bench:
    """A database that has its tables, with what deliveries need."""
    key = new_key()
    bench = Bench(database, open_vault(database, Sealer([key])), key, new_id("ws"), new_id("src"))
    with database.write() as connection:
        connection.execute(insert(workspaces).values(id=bench.workspace, name="main", keeps_originals=False, created_at=now(connection)))
        values = {"id": bench.source, "workspace_id": bench.workspace, "name": "forms", "adapter": "generic", "token_hash": "0" * 64}
        values |= {"secrets_sealed": b"", "options": {}, "created_at": now(connection)}
        connection.execute(insert(sources).values(**values))
    return bench


def take(bench: Bench, lease: Lease = WORKER, *, limit: int = 10) -> list[Job]:
    with bench.database.write() as connection:
        return jobs.claim(connection, lease, limit=limit, kinds=(ANALYSE,))


def load(bench: Bench, job: Job) -> Task:
    with bench.database.read() as connection:
        task = analyses.load_task(connection, bench.vault, job)
    assert task is not None
    return task


def keep(bench: Bench, task: Task, result: Result | None = None, *, lease: Lease = WORKER, bundle: str = "b-1") -> bool:
    """Save a result, by default one whose text is redacted to `***`."""
    made = result or analysis("*** crashed", id=task.verbatim.id)
    cleaned = None if isinstance(made, Rejected) else Cleaned({"id": task.verbatim.id, "text": made.text}, {"region": "north"})
    with bench.database.write() as connection:
        return analyses.save(connection, lease, task, made, cleaned, bundle=bundle) is not None


def work_off(bench: Bench) -> int:
    """Analyse whatever waits."""
    found = take(bench, limit=1000)
    return sum(keep(bench, load(bench, job)) for job in found)
