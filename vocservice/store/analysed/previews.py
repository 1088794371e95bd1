"""A bundle that may be promoted in, how it compares with what serves out: a job that a worker does, its outcome kept until the next one.

An outcome holds labels and counts of all workspaces together, never a text.
"""

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store import audit, jobs
from vocservice.store.audit import Act
from vocservice.store.schema import facts
from vocservice.store.schema import jobs as job_table

PREVIEW = "preview"
_PREFIX = "preview:"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a comparison.

    Attributes:
        bundle: the name that workers load the candidate by; `model` is its own id.
        found: `records`, `unchanged`, `rejected` and `moved`, as `voc promote --preview --json` gives them.
    """

    bundle: str
    model: str
    taxonomy: str
    at: datetime
    found: Json


def ask(connection: Connection, workspace_id: str, bundle: str, *, sample: int, actor: str) -> None:
    """Queue a comparison over so many records; one that failed before is forgotten.

    Raises:
        InputError: one waits or is at work, of whichever bundle: each holds a model (`preview_open`).
    """
    connection.execute(delete(job_table).where(*_of(bundle), job_table.c.state == "dead"))
    is_open = select(job_table.c.id).where(job_table.c.kind == PREVIEW, job_table.c.state != "dead")
    if connection.scalar(is_open.limit(1)):
        raise InputError("a comparison waits or is at work: look again later", code="preview_open")
    jobs.enqueue(connection, workspace_id, PREVIEW, bundle, payload={"sample": sample})
    audit.write(connection, None, Act(actor, "bundle.preview", bundle, {"sample": sample}))


def keep(connection: Connection, outcome: Outcome) -> None:
    """Keep an outcome in place of the one before."""
    name = _PREFIX + outcome.bundle
    connection.execute(delete(facts).where(facts.c.name == name))
    connection.execute(insert(facts).values(name=name, value=orjson.dumps(outcome).decode()))


def kept(connection: Connection) -> dict[str, Outcome]:
    """The last outcome of each bundle."""
    rows = connection.execute(select(facts.c.value).where(facts.c.name.startswith(_PREFIX, autoescape=True)).order_by(facts.c.name))
    outcomes = (_outcome(orjson.loads(row.value)) for row in rows)
    return {one.bundle: one for one in outcomes}


def open_ones(connection: Connection) -> dict[str, str]:
    """Of the bundles whose comparison is not there yet: blank, or the code of why it failed."""
    asked = select(job_table.c.target, job_table.c.state, job_table.c.error_code).where(job_table.c.kind == PREVIEW)
    rows = connection.execute(asked.order_by(job_table.c.created_at))
    return {row.target: (row.error_code or "") if row.state == "dead" else "" for row in rows}


def _outcome(held: Json) -> Outcome:
    return Outcome(**held | {"at": datetime.fromisoformat(held["at"])})


def _of(bundle: str) -> tuple[ColumnElement[bool], ...]:
    return job_table.c.kind == PREVIEW, job_table.c.target == bundle
