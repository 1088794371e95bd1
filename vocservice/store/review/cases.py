"""A record in, its case on the desk out: its current analysis and the customer's other records."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from vocservice.pace import Said
from vocservice.records import Json
from vocservice.store.review import urgency
from vocservice.store.review.rule_facts import said_of
from vocservice.store.schema import analyses, records, reviews


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another record of the same customer."""

    record_id: str
    channel: str | None
    at: datetime
    level: int | None
    scope: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A record with its current analysis; `day` is that of the sender's time, else of receipt, in UTC."""

    record_id: str
    revision: int
    bundle: str
    channel: str | None
    at: datetime
    result: Json
    subject_hash: str | None
    urgency: int | None
    entered_at: datetime | None
    day: date
    said: tuple[Said, ...]

    @property
    def due_at(self) -> datetime | None:
        """Deadline of the decision; None if it is not on the desk."""
        if self.entered_at is None or self.urgency is None:
            return None
        return urgency.rules().due.at(self.entered_at, self.urgency)


def of(connection: Connection, workspace_id: str, record_id: str) -> Case | None:
    """A record of a workspace with its current analysis; None if missing."""
    chosen = (
        select(
            records.c.id,
            analyses.c.revision,
            analyses.c.bundle,
            records.c.channel,
            records.c.received_at,
            analyses.c.result,
            records.c.subject_hash,
            reviews.c.urgency,
            reviews.c.entered_at,
            func.coalesce(records.c.created_at, records.c.received_at, type_=records.c.received_at.type).label("said_at"),
            records.c.clean,
        )
        .join(analyses, and_(analyses.c.record_id == records.c.id, analyses.c.is_current))
        .outerjoin(reviews, reviews.c.record_id == records.c.id)
        .where(records.c.workspace_id == workspace_id, records.c.id == record_id)
    )
    row = connection.execute(chosen).one_or_none()
    if row is None:
        return None
    values: list[Any] = [*row[:-2], row.said_at.date(), said_of(row.clean)]
    return Case(*values)


def earlier(connection: Connection, workspace_id: str, found: Case, *, limit: int = 10) -> list[Earlier]:
    """Other records of the same customer, newest first."""
    if found.subject_hash is None:
        return []
    # By customer first: in one step, SQLite would scan the whole workspace by time.
    theirs = select(records.c.id).where(records.c.workspace_id == workspace_id, records.c.subject_hash == found.subject_hash)
    chosen = (
        select(records.c.id, records.c.channel, records.c.received_at, analyses.c.result)
        .join(analyses, and_(analyses.c.record_id == records.c.id, analyses.c.is_current))
        .where(records.c.id.in_(theirs), records.c.id != found.record_id)
        .order_by(records.c.received_at.desc(), records.c.id.desc())
        .limit(limit)
    )
    return [_earlier(row) for row in connection.execute(chosen)]


def _earlier(row: Row[*tuple[Any, ...]]) -> Earlier:
    mood, scope = row.result.get("sentiment") or {}, row.result.get("scope") or {}
    return Earlier(row.id, row.channel, row.received_at, mood.get("level"), scope.get("key"))
