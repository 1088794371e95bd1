"""The store in, its metrics out: queue sizes, ages, failures; never a name, a text or a customer's key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from vocservice.store import jobs
from vocservice.store.schema import deliveries, records, sources


@dataclass(frozen=True, slots=True)
class Figures:
    """Current counts: jobs by kind and state, seconds that the oldest is due by kind, records by status, faults by source id."""

    jobs: Mapping[tuple[str, str], int]
    oldest_due: Mapping[str, float]
    records: Mapping[str, int]
    deliveries: Mapping[str, int]
    signature_failures: Mapping[str, int]
    quarantined: Mapping[str, int]


def figures(connection: Connection) -> Figures:
    """All of them in one snapshot."""
    by_status = select(records.c.status, func.count()).group_by(records.c.status)
    by_state = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    of_sources = connection.execute(select(sources.c.id, sources.c.signature_failures, sources.c.quarantined)).all()
    return Figures(
        jobs=jobs.counts(connection),
        oldest_due=jobs.oldest_due(connection),
        records={row[0]: row[1] for row in connection.execute(by_status)},
        deliveries={row[0]: row[1] for row in connection.execute(by_state)},
        signature_failures={row[0]: row[1] for row in of_sources},
        quarantined={row[0]: row[2] for row in of_sources},
    )


def is_behind(connection: Connection, workspace_id: str, *, before: datetime, since: datetime | None = None) -> bool:
    """Whether a record received before a time, and not before `since`, awaits its text or analysis."""
    waiting = [records.c.workspace_id == workspace_id, records.c.status.in_(("pending", "waiting")), records.c.received_at < before]
    waiting += [records.c.received_at >= since] if since else []
    return connection.execute(select(records.c.id).where(*waiting).limit(1)).first() is not None
