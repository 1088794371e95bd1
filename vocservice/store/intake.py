"""A verified delivery in, a receipt out: one transaction holds its raw body, what it says of each record, and the jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from vocservice.ingest.events import Erase, Event, Fetch, Skipped, Upsert
from vocservice.store import records
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.records import Applied, Origin
from vocservice.store.rows import bounded, insert_if_new
from vocservice.store.schema import inbox, sources
from vocservice.store.types import plain
from vocservice.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came: which source it came to, under which delivery key, and the raw body."""

    workspace_id: str
    source_id: str
    key: str
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inbox row of a delivery; a duplicate has the id of the first."""

    id: str
    is_duplicate: bool
    status: str
    applied: tuple[Applied, ...] = ()


def accept(connection: Connection, vault: Vault, arrival: Arrival, events: Sequence[Event]) -> Receipt:
    """Store a delivery and apply its events; the same delivery again changes nothing."""
    inbox_id = _enter(connection, vault, arrival, status="accepted", code=None)
    if inbox_id is None:
        return _earlier(connection, arrival)
    origin = Origin(arrival.workspace_id, arrival.source_id, inbox_id)
    records.guard(connection, arrival.workspace_id, is_alone=any(isinstance(event, Erase) for event in events))
    applied = tuple(done for event in events if (done := apply(connection, vault, origin, event)))
    _count(connection, arrival.source_id, warned=sum(isinstance(event, Upsert) and bool(event.warnings) for event in events))
    forget_body(connection, inbox_id, applied)
    return Receipt(inbox_id, False, "accepted", applied)


def quarantine(connection: Connection, vault: Vault, arrival: Arrival, *, code: str) -> Receipt:
    """Keep a signed body that cannot be used, for someone to look at, fix and replay."""
    inbox_id = _enter(connection, vault, arrival, status="quarantined", code=code)
    if inbox_id is None:
        return _earlier(connection, arrival)
    _count(connection, arrival.source_id, quarantined=1)
    return Receipt(inbox_id, False, "quarantined")


def apply(connection: Connection, vault: Vault, origin: Origin, event: Event) -> Applied | None:
    """What one event changes; None for those that say nothing of a record."""
    match event:
        case Upsert():
            return records.upsert(
                connection, vault, origin, bounded(event.record_id), event.verbatim, version=event.version, warnings=event.warnings
            )
        case Erase():
            return records.erase(connection, vault, origin, bounded(event.record_id), reason=event.reason)
        case Fetch():
            return records.await_text(connection, vault, origin, bounded(event.record_id), version=event.version, reference=event.reference)
        case Skipped():
            return None


def forget_body(connection: Connection, inbox_id: str, applied: Sequence[Applied]) -> None:
    """Drop a body that brought nothing new, or that also speaks of what was erased."""
    outcomes = {done.outcome for done in applied}
    if "erased" in outcomes or not outcomes & {"created", "updated", "waiting"}:
        connection.execute(update(inbox).where(inbox.c.id == inbox_id).values(body_sealed=None))


def count_failure(connection: Connection, source_id: str) -> None:
    """A delivery whose signature did not fit."""
    values = {"signature_failures": sources.c.signature_failures + 1, "last_failure_at": now(connection)}
    connection.execute(update(sources).where(sources.c.id == source_id).values(**values))


def _enter(connection: Connection, vault: Vault, arrival: Arrival, *, status: str, code: str | None) -> str | None:
    values = {
        "id": new_id("in"),
        "workspace_id": arrival.workspace_id,
        "source_id": arrival.source_id,
        "delivery_key": bounded(arrival.key),
        "status": status,
        "error_code": code,
        "content_type": plain(arrival.content_type)[:255],
        "body_sealed": vault.sealer.seal(arrival.body),
        "received_at": now(connection),
    }
    return str(values["id"]) if insert_if_new(connection, inbox, values) else None


def _earlier(connection: Connection, arrival: Arrival) -> Receipt:
    first = select(inbox.c.id, inbox.c.status).where(inbox.c.source_id == arrival.source_id, inbox.c.delivery_key == bounded(arrival.key))
    row = connection.execute(first).one()
    return Receipt(row.id, True, row.status)


def _count(connection: Connection, source_id: str, **added: int) -> None:
    values: dict[str, Any] = {name: sources.c[name] + number for name, number in added.items() if number}
    values |= {"received": sources.c.received + 1, "last_received_at": now(connection)}
    connection.execute(update(sources).where(sources.c.id == source_id).values(**values))
