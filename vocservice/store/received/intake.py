"""Verified deliveries in, their receipts out: one transaction stores the raw bodies, the versions of records, and the jobs.

Several deliveries in one transaction cost little more than one, because the commit waits for the disk.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import compress
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from vocservice.errors import UnusableBodyError
from vocservice.ingest.events import Emptied, Erase, Event, Fetch, Skipped, Upsert, Whole
from vocservice.store import audit, trail
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received import records
from vocservice.store.received.records import Applied, Origin, Sealed
from vocservice.store.rows import bounded, insert_if_new, insert_new
from vocservice.store.schema import inbox, sources
from vocservice.store.schema import records as record_table
from vocservice.store.types import plain
from vocservice.store.vault import Vault

PARSE_FAILED = "parse_failed"  # an adapter failed at a body with an unexpected error
_COUNT = (
    update(sources)
    .where(sources.c.id == bindparam("source"))
    .values(
        last_received_at=bindparam("at"),
        **{name: sources.c[name] + bindparam(f"more_{name}") for name in ("received", "warned", "quarantined")},
    )
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery: its source, the sender's delivery id (only a keyed hash is stored), and the raw body.

    Without an id (None) the body identifies it.
    """

    workspace_id: str
    source_id: str
    key: str | None
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The inbox row of a delivery; a duplicate gets the id of the first. Requests to our own API have none (blank)."""

    id: str
    is_duplicate: bool
    status: str
    applied: tuple[Applied, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery, sealed and hashed outside of any transaction, ready to be stored.

    Attributes:
        inbox: the row of its raw body; None for our own API.
        said: its versions of records, texts sealed.
        skipped: reasons of skipped events, by position in the delivery.
        warned: number of records with warnings.
        may_return: whether a repeat may be new, because the sender identifies neither deliveries nor versions.
    """

    origin: Origin
    inbox: Mapping[str, Any] | None
    said: tuple[Sealed | Whole | Erase | Fetch, ...]
    skipped: Mapping[int, str] = field(default_factory=dict)
    warned: int = 0
    may_return: bool = False

    @property
    def is_alone(self) -> bool:
        """Whether it needs its own transaction: an erasure locks others out of the workspace."""
        return any(isinstance(one, Erase | Whole) for one in self.said)


def packed(vault: Vault, arrival: Arrival, events: Sequence[Event]) -> Parcel:
    """Prepare a delivery of a source."""
    row = _row(vault, arrival, status="accepted", code=None)
    origin = Origin(arrival.workspace_id, arrival.source_id, row["id"])
    warned = sum(isinstance(event, Upsert) and bool(event.warnings) for event in events)
    skipped = {place: event.reason for place, event in enumerate(events) if isinstance(event, Skipped)}
    said = _contents(vault, origin, events)
    may_return = arrival.key is None and any(map(_is_of_no_version, said))
    return Parcel(origin, row, said, skipped, warned, may_return)


def packed_own(vault: Vault, workspace_id: str, events: Sequence[Event]) -> Parcel:
    """Prepare a request to our own API."""
    origin = Origin(workspace_id)
    return Parcel(origin, None, _contents(vault, origin, events))


def accept(connection: Connection, vault: Vault, arrival: Arrival, events: Sequence[Event]) -> Receipt:
    """Store a delivery and apply its events; repeats change nothing."""
    return accept_all(connection, vault, [packed(vault, arrival, events)])[0]


def accept_all(connection: Connection, vault: Vault, parcels: Sequence[Parcel]) -> list[Receipt]:
    """Store deliveries together, each as if alone; return their receipts in order.

    New texts need a constant number of statements, however many deliveries there are.
    """
    _guard(connection, parcels)
    at = now(connection)
    entered = _entered(connection, parcels, at)
    is_fresh = [parcel.inbox is None or parcel.inbox["id"] in entered for parcel in parcels]
    fresh = list(compress(parcels, is_fresh))
    applied = iter(_applied(connection, vault, fresh, at))
    _count_all(connection, [parcel for parcel in fresh if parcel.inbox], at)
    return [_receipt(connection, parcel, next(applied) if is_new else None) for parcel, is_new in zip(parcels, is_fresh, strict=True)]


def parse_failed() -> UnusableBodyError:
    """The error for a failing adapter; it has no details, because the exception may quote the body."""
    return UnusableBodyError("its adapter failed at it in a way that it does not know of; the log says where", code=PARSE_FAILED)


def quarantine(connection: Connection, vault: Vault, arrival: Arrival, *, code: str, message: str = "") -> Receipt:
    """Quarantine a signed but unusable body, for somebody to inspect, fix and replay; `message` gives the reason without quoting."""
    row = _row(vault, arrival, status="quarantined", code=code) | {"error_message": message or None}
    at = now(connection)
    if not insert_if_new(connection, inbox, row | {"received_at": at}):
        return _earlier(connection, row)
    _count(connection, arrival.source_id, at, received=1, quarantined=1)
    return Receipt(row["id"], False, "quarantined")


def apply(connection: Connection, vault: Vault, origin: Origin, event: Event) -> Applied | None:
    """The changes of one event; None if it concerns no record."""
    match event:
        case Upsert() | Emptied():
            return _apply(connection, vault, origin, _seal(vault, origin, event))
        case Skipped():
            return None
        case _:
            return _apply(connection, vault, origin, event)


def _apply(connection: Connection, vault: Vault, origin: Origin, said: Sealed | Whole | Erase | Fetch) -> Applied:
    match said:
        case Sealed():
            return records.upsert_all(connection, [said], at=now(connection))[0]
        case Whole(begins, version, named):
            still = {bounded(name) for name in named}
            rest = records.empty_rest(connection, origin, begins=begins, version=version, said=still)
            return next((done for done in rest if done.outcome == "emptied"), records.NOTHING)
        case Erase():
            return records.erase(connection, vault, origin, bounded(said.record_id), reason=said.reason)
        case Fetch():
            return records.await_text(connection, vault, origin, bounded(said.record_id), version=said.version, reference=said.reference)


def forget_body(connection: Connection, inbox_id: str, applied: Sequence[Applied]) -> None:
    """Delete a body that brought nothing new, or that also concerns an erased record."""
    outcomes = {done.outcome for done in applied}
    if "erased" in outcomes or not outcomes & {"created", "updated", "waiting"}:
        connection.execute(update(inbox).where(inbox.c.id == inbox_id).values(body_sealed=None))


def refuse(connection: Connection, workspace_id: str, source_id: str, *, code: str) -> None:
    """Count a delivery with a bad signature. Only the first per source, code and minute is audited, so that a flood cannot fill the log."""
    at = now(connection)
    values = {"signature_failures": sources.c.signature_failures + 1, "last_failure_at": at}
    connection.execute(update(sources).where(sources.c.id == source_id).values(**values))
    act = Act(f"source:{source_id}", "webhook.refuse", source_id, {"code": code})
    if not trail.is_written(connection, workspace_id, act, since=at.replace(second=0, microsecond=0)):
        audit.write(connection, workspace_id, act)


def _contents(vault: Vault, origin: Origin, events: Sequence[Event]) -> tuple[Sealed | Whole | Erase | Fetch, ...]:
    told = (event for event in events if not isinstance(event, Skipped))
    return tuple(_seal(vault, origin, event) if isinstance(event, Upsert | Emptied) else event for event in told)


def _seal(vault: Vault, origin: Origin, event: Upsert | Emptied) -> Sealed:
    if isinstance(event, Emptied):
        return records.seal_blank(vault, origin, bounded(event.record_id), version=event.version)
    return records.seal(
        vault,
        origin,
        bounded(event.record_id),
        event.verbatim,
        version=event.version,
        warnings=event.warnings,
        redactions=event.redactions,
    )


def _guard(connection: Connection, parcels: Sequence[Parcel]) -> None:
    alone = {parcel.origin.workspace_id for parcel in parcels if parcel.is_alone}
    for workspace_id in sorted({parcel.origin.workspace_id for parcel in parcels}):
        records.guard(connection, workspace_id, is_alone=workspace_id in alone)


def _entered(connection: Connection, parcels: Sequence[Parcel], at: datetime) -> set[str]:
    """The ids of new inbox rows (or repeats after another delivery); inserted in the order of the unique key."""
    rows = [{**parcel.inbox, "received_at": at} for parcel in parcels if parcel.inbox]
    entered = insert_new(connection, inbox, sorted(rows, key=lambda row: (row["source_id"], row["delivery_key"])))
    known = [parcel for parcel in parcels if parcel.inbox and parcel.inbox["id"] not in entered]
    back = {parcel.origin.inbox_id for parcel in known if parcel.may_return and _is_overtaken(connection, parcel)}
    again = [{**row, "delivery_key": row["id"]} for row in rows if row["id"] in back]
    return entered | insert_new(connection, inbox, again)


def _is_overtaken(connection: Connection, parcel: Parcel) -> bool:
    """Whether another delivery has since changed a record, without a version to compare."""
    said = {one.record: one.values.get("content_hash") for one in parcel.said if isinstance(one, Sealed) and _is_of_no_version(one)}
    mine = record_table.c.workspace_id == parcel.origin.workspace_id, record_table.c.source_key == parcel.origin.key
    held = select(record_table.c.source_record, record_table.c.content_hash).where(*mine, record_table.c.source_record.in_(list(said)))
    settled = record_table.c.source_version.is_(None), record_table.c.status.not_in(("waiting", "erased"))
    return any(said[row.source_record] != row.content_hash for row in connection.execute(held.where(*settled)))


def _is_of_no_version(one: object) -> bool:
    return isinstance(one, Sealed) and one.version is None


def _applied(connection: Connection, vault: Vault, parcels: Sequence[Parcel], at: datetime) -> list[tuple[Applied, ...]]:
    """Apply the events of each parcel: texts together, other events one by one."""
    versions = [
        (number, one) for number, parcel in enumerate(parcels) if _is_plain(parcel) for one in parcel.said if isinstance(one, Sealed)
    ]
    done: dict[int, list[Applied]] = {number: [] for number in range(len(parcels))}
    for (number, _), applied in zip(versions, records.upsert_all(connection, [sealed for _, sealed in versions], at=at), strict=True):
        done[number].append(applied)
    for number, parcel in enumerate(parcels):
        if not _is_plain(parcel):
            done[number] = [_apply(connection, vault, parcel.origin, one) for one in parcel.said]
    return [tuple(done[number]) for number in range(len(parcels))]


def _is_plain(parcel: Parcel) -> bool:
    return all(isinstance(one, Sealed) for one in parcel.said)


def _receipt(connection: Connection, parcel: Parcel, applied: tuple[Applied, ...] | None) -> Receipt:
    if applied is None:
        return _earlier(connection, parcel.inbox or {})
    if parcel.inbox is None:
        return Receipt("", False, "accepted", applied)
    forget_body(connection, parcel.inbox["id"], applied)
    return Receipt(parcel.inbox["id"], False, "accepted", _whole(parcel, applied))


def _whole(parcel: Parcel, applied: tuple[Applied, ...]) -> tuple[Applied, ...]:
    """The outcome of every event of a delivery, in order, including skipped ones."""
    rest, skipped = iter(applied), parcel.skipped
    places = range(len(applied) + len(skipped))
    return tuple(Applied(None, "skipped", skipped[place]) if place in skipped else next(rest) for place in places)


def _row(vault: Vault, arrival: Arrival, *, status: str, code: str | None) -> dict[str, Any]:
    return {
        "id": new_id("in"),
        "workspace_id": arrival.workspace_id,
        "source_id": arrival.source_id,
        "delivery_key": vault.hash("delivery", arrival.source_id, arrival.key or hashlib.sha256(arrival.body).hexdigest()),
        "status": status,
        "error_code": code,
        "content_type": plain(arrival.content_type)[:255],
        "body_sealed": vault.sealer.seal(arrival.body),
    }


def _earlier(connection: Connection, row: Mapping[str, Any]) -> Receipt:
    same = inbox.c.source_id == row["source_id"], inbox.c.delivery_key == row["delivery_key"]
    first = connection.execute(select(inbox.c.id, inbox.c.status).where(*same)).one()
    return Receipt(first.id, True, first.status)


def _count_all(connection: Connection, parcels: Sequence[Parcel], at: datetime) -> None:
    for source_id, received in sorted(Counter(str(parcel.origin.source_id) for parcel in parcels).items()):
        warned = sum(parcel.warned for parcel in parcels if parcel.origin.source_id == source_id)
        _count(connection, source_id, at, received=received, warned=warned)


def _count(connection: Connection, source_id: str, at: datetime, *, received: int, warned: int = 0, quarantined: int = 0) -> None:
    added = {"received": received, "warned": warned, "quarantined": quarantined}
    connection.execute(_COUNT, {"source": source_id, "at": at, **{f"more_{name}": number for name, number in added.items()}})
