"""A candidate bundle in, its comparison with the serving one out: a worker's job, whose result is kept until the next one.

A result has labels and counts over all workspaces, never a text.
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
    """The result of a comparison.

    Attributes:
        bundle: the name workers load the candidate by; `model` is its id.
        found: `records`, `unchanged`, `rejected` and `moved`, as `voc promote --preview --json` gives them.
    """

    bundle: str
    model: str
    taxonomy: str
    at: datetime
    found: Json


def ask(connection: Connection, workspace_id: str, bundle: str, *, sample: int, actor: str) -> None:
    """Queue a comparison over a number of records; an earlier failure is cleared.

    Raises:
        InputError: one is already queued or running, for any bundle: each loads a model (`preview_open`).
    """
    connection.execute(delete(job_table).where(*_of(bundle), job_table.c.state == "dead"))
    is_open = select(job_table.c.id).where(job_table.c.kind == PREVIEW, job_table.c.state != "dead")
    if connection.scalar(is_open.limit(1)):
        raise InputError("a comparison is already queued or running: try again later", code="preview_open")
    jobs.enqueue(connection, workspace_id, PREVIEW, bundle, payload={"sample": sample})
    audit.write(connection, None, Act(actor, "bundle.preview", bundle, {"sample": sample}))


def keep(connection: Connection, outcome: Outcome) -> None:
    """Store a result, replacing the previous one."""
    name = _PREFIX + outcome.bundle
    connection.execute(delete(facts).where(facts.c.name == name))
    connection.execute(insert(facts).values(name=name, value=orjson.dumps(outcome).decode()))


def kept(connection: Connection) -> dict[str, Outcome]:
    """The last result for each bundle."""
    rows = connection.execute(select(facts.c.value).where(facts.c.name.startswith(_PREFIX, autoescape=True)).order_by(facts.c.name))
    outcomes = (_outcome(orjson.loads(row.value)) for row in rows)
    return {one.bundle: one for one in outcomes}


def open_ones(connection: Connection) -> dict[str, str]:
    """Bundles without a result yet: blank while waiting, or the error code."""
    asked = select(job_table.c.target, job_table.c.state, job_table.c.error_code).where(job_table.c.kind == PREVIEW)
    rows = connection.execute(asked.order_by(job_table.c.created_at))
    return {row.target: (row.error_code or "") if row.state == "dead" else "" for row in rows}


def _outcome(held: Json) -> Outcome:
    return Outcome(**held | {"at": datetime.fromisoformat(held["at"])})


def _of(bundle: str) -> tuple[ColumnElement[bool], ...]:
    return job_table.c.kind == PREVIEW, job_table.c.target == bundle
