"""What a sender said of a record in, the record as it now stands out: newest version wins, what was erased stays erased.

Rows are locked in one order, so that transactions do not wait for each other in a ring: jobs, records, all else, the audit last.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, delete, exists, func, select, text, update

from vocservice.records import RawVerbatim
from vocservice.store import jobs
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import (
    analyses,
    annotations,
    assignments,
    bulk_steps,
    claims,
    deliveries,
    drafts,
    inbox,
    mentions,
    records,
    reviews,
    rule_hits,
    second_readings,
    snoozes,
    tags,
    tombstones,
    vectors,
    workspaces,
)
from vocservice.store.schema import jobs as job_table
from vocservice.store.types import plain
from vocservice.store.vault import Vault
from vocservice.store.verbatims import content_hash, to_bytes

ANALYSE, FETCH = "analyse", "fetch"
API = "api"
BELOW = "/"  # between the id of a record and of what is below it
_LONGEST_CODE, _LONGEST_VERSION = 64, 255
_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtext(:workspace))")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext(:workspace))")
Outcome = Literal["created", "updated", "unchanged", "stale", "erased", "waiting"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from: its workspace, its source (None: our own API), and the delivery that spoke of it."""

    workspace_id: str
    source_id: str | None = None
    inbox_id: str | None = None

    @property
    def key(self) -> str:
        return self.source_id or API


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one event; `record_id` is None for what was erased before."""

    record_id: str | None
    outcome: Outcome


def upsert(
    connection: Connection,
    vault: Vault,
    origin: Origin,
    record: str,
    verbatim: RawVerbatim,
    *,
    version: str | None,
    warnings: tuple[str, ...],
) -> Applied:
    """Store a version of a record and queue its analysis, unless it is older than what is there, the same, or was erased.

    Args:
        record: the sender's id of it.
        version: sorts in time order; None where the sender has none, and the last to arrive counts.
    """
    guard(connection, origin.workspace_id)
    if _is_buried(connection, vault, origin, record):
        return Applied(None, "erased")
    raw = to_bytes(verbatim)
    hashed = vault.hash("content", origin.workspace_id, content_hash(raw))
    version = plain(version)[:_LONGEST_VERSION] if version is not None else None
    original = {"original_sealed": vault.sealer.seal(raw), "content_hash": hashed, "warnings": list(warnings)}
    values = _values(vault, origin, verbatim) | original
    made = _insert(connection, origin, record, values | {"source_version": version, "status": "pending"})
    if made:
        return _queued(connection, origin, made, "created")
    held = _locked(connection, origin, record)
    if held["status"] != "waiting" and (verdict := _verdict(held, version, hashed)):
        return _unmoved(connection, origin, held, verdict, version)
    newest = {"source_version": version or held["source_version"], "revision": held["revision"] + 1}
    changes = values | newest | {"status": "pending", "error_code": None}
    connection.execute(update(records).where(records.c.id == held["id"]).values(**changes))
    return _queued(connection, origin, held["id"], "updated")


def await_text(
    connection: Connection, vault: Vault, origin: Origin, record: str, *, version: str | None, reference: Mapping[str, str]
) -> Applied:
    """Store that a record exists whose text must be fetched, and queue the fetching."""
    guard(connection, origin.workspace_id)
    if _is_buried(connection, vault, origin, record):
        return Applied(None, "erased")
    made = _insert(connection, origin, record, {"status": "waiting"})
    record_id = made or _locked(connection, origin, record)["id"]
    _mention(connection, origin, record_id)
    jobs.enqueue(connection, origin.workspace_id, FETCH, record_id, payload={"reference": dict(reference), "version": version})
    return Applied(record_id, "waiting")


def erase(connection: Connection, vault: Vault, origin: Origin, record: str, *, reason: str) -> Applied:
    """Erase what the sender took back, and all below it; also where it never came, so that it cannot come later."""
    guard(connection, origin.workspace_id, is_alone=True)
    _entomb(connection, vault, origin, record, reason)
    below = func.substr(records.c.source_record, 1, len(record) + 1) == record + BELOW
    mine = (records.c.workspace_id == origin.workspace_id, records.c.source_key == origin.key)
    named = select(records).where(*mine, (records.c.source_record == record) | below).order_by(records.c.source_record)
    found = connection.execute(named).mappings().all()
    for held in found:
        _bury(connection, vault, held, reason)
    return Applied(found[0]["id"] if found else None, "erased")


def erase_by_id(connection: Connection, vault: Vault, workspace_id: str, record_id: str, *, reason: str) -> bool:
    """Erase one record of a workspace; False where there is none, or it was erased before."""
    guard(connection, workspace_id, is_alone=True)
    chosen = select(records).where(records.c.workspace_id == workspace_id, records.c.id == record_id, records.c.status != "erased")
    held = connection.execute(chosen).mappings().first()
    if held is None:
        return False
    _bury(connection, vault, held, reason)
    return True


def guard(connection: Connection, workspace_id: str, *, is_alone: bool = False) -> None:
    """Until the end of the transaction, erasing and receiving in a workspace exclude each other (on SQLite all writing does)."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE if is_alone else _SHARED, {"workspace": workspace_id})


def _bury(connection: Connection, vault: Vault, held: RowMapping, reason: str) -> None:
    """Wipe a record; of the sender's id of it only the keyed hash is kept."""
    origin = Origin(held["workspace_id"], held["source_id"])
    tomb = _entomb(connection, vault, origin, held["source_record"], reason, key=held["source_key"])
    wipe(connection, held["id"])
    connection.execute(update(records).where(records.c.id == held["id"]).values(source_record=f"erased:{tomb}"))


_HANDLED = (assignments, snoozes, tags, drafts, bulk_steps)


def wipe(connection: Connection, record_id: str) -> None:
    """Remove everything that was said: text, analyses, vectors, hits, notes, metadata, subject, jobs, events, the bodies it came in."""
    connection.execute(delete(job_table).where(job_table.c.target == record_id, job_table.c.kind.in_((ANALYSE, FETCH))))
    blank = dict.fromkeys(_SAID)
    connection.execute(update(records).where(records.c.id == record_id).values(status="erased", revision=records.c.revision + 1, **blank))
    for table in (analyses, vectors, rule_hits, second_readings, annotations, claims, reviews, deliveries, *_HANDLED):
        connection.execute(delete(table).where(table.c.record_id == record_id))
    told = select(mentions.c.inbox_id).where(mentions.c.record_id == record_id)
    connection.execute(update(inbox).where(inbox.c.id.in_(told)).values(body_sealed=None))


_SAID = (
    "original_sealed",
    "clean",
    "details",
    "warnings",
    "subject_hash",
    "score_kind",
    "score_value",
    "score_scale",
    "content_hash",
    "created_at",
    "channel",
    "error_code",
    "needs_review",
    "source_version",
)


def forget_original(connection: Connection, record_id: str) -> None:
    """After the analysis: drop the unredacted text, and bodies of whose records none waits, unless the workspace keeps them."""
    keeps = select(workspaces.c.keeps_originals).where(workspaces.c.id == records.c.workspace_id, records.c.id == record_id)
    if connection.scalar(keeps):
        return
    connection.execute(update(records).where(records.c.id == record_id).values(original_sealed=None))
    others = mentions.alias()
    waits = exists().where(
        others.c.inbox_id == inbox.c.id, records.c.id == others.c.record_id, records.c.status.in_(("pending", "waiting"))
    )
    told = select(mentions.c.inbox_id).where(mentions.c.record_id == record_id)
    connection.execute(update(inbox).where(inbox.c.id.in_(told), ~waits).values(body_sealed=None))


def _verdict(held: RowMapping, version: str | None, hashed: str) -> Outcome | None:
    """Why a version changes nothing; None where it counts."""
    if version is not None and held["source_version"] is not None and version < held["source_version"]:
        return "stale"
    return "unchanged" if hashed == held["content_hash"] else None


def _unmoved(connection: Connection, origin: Origin, held: RowMapping, verdict: Outcome, version: str | None) -> Applied:
    """A version that brings nothing new still tells that no older one may come after it, and its body speaks of the record."""
    if verdict == "unchanged" and version is not None:
        connection.execute(update(records).where(records.c.id == held["id"]).values(source_version=version))
    _mention(connection, origin, held["id"])
    return Applied(held["id"], verdict)


def _values(vault: Vault, origin: Origin, verbatim: RawVerbatim) -> dict[str, Any]:
    score = verbatim.score or {}
    return {
        "channel": _code(verbatim.channel),
        "is_transcript": bool(verbatim.turns),
        "subject_hash": vault.subject_hash(origin.workspace_id, verbatim.subject) if verbatim.subject else None,
        "score_kind": _code(score.get("kind")),
        "score_value": _number(score.get("value")),
        "score_scale": _number(score.get("scale")),
        "created_at": _moment(verbatim.created_at),
    }


def _insert(connection: Connection, origin: Origin, record: str, values: Mapping[str, Any]) -> str | None:
    """The id of the new row; None where the record is there already."""
    row = {
        "id": new_id("rec"),
        "workspace_id": origin.workspace_id,
        "source_id": origin.source_id,
        "source_key": origin.key,
        "source_record": record,
        "received_at": now(connection),
        "revision": 1,
        "is_transcript": False,
        **values,
    }
    return str(row["id"]) if insert_if_new(connection, records, row) else None


def _queued(connection: Connection, origin: Origin, record_id: str, outcome: Outcome) -> Applied:
    _mention(connection, origin, record_id)
    jobs.enqueue(connection, origin.workspace_id, ANALYSE, record_id)
    return Applied(record_id, outcome)


def _mention(connection: Connection, origin: Origin, record_id: str) -> None:
    if origin.inbox_id:
        insert_if_new(connection, mentions, {"inbox_id": origin.inbox_id, "record_id": record_id})


def _named(origin: Origin, record: str) -> tuple[Any, ...]:
    return records.c.workspace_id == origin.workspace_id, records.c.source_key == origin.key, records.c.source_record == record


def _locked(connection: Connection, origin: Origin, record: str) -> RowMapping:
    return connection.execute(select(records).where(*_named(origin, record)).with_for_update()).mappings().one()


def _tomb(vault: Vault, origin: Origin, record: str, key: str | None = None) -> str:
    return vault.hash("record", origin.workspace_id, key or origin.key, record)


def _is_buried(connection: Connection, vault: Vault, origin: Origin, record: str) -> bool:
    """Whether the record, or one that it is below, was erased."""
    tombs = [_tomb(vault, origin, name) for name in _path(record)]
    there = tombstones.c.workspace_id == origin.workspace_id, tombstones.c.record_hash.in_(tombs)
    return connection.scalar(select(tombstones.c.erased_at).where(*there).limit(1)) is not None


def _path(record: str) -> list[str]:
    """The record and all that it is below: of a/b/c, itself, a/b and a."""
    parts = record.split(BELOW)
    return [BELOW.join(parts[:count]) for count in range(len(parts), 0, -1)]


def _entomb(connection: Connection, vault: Vault, origin: Origin, record: str, reason: str, *, key: str | None = None) -> str:
    tomb = _tomb(vault, origin, record, key)
    values = {"workspace_id": origin.workspace_id, "record_hash": tomb, "reason": reason, "erased_at": now(connection)}
    insert_if_new(connection, tombstones, values)
    return tomb


def _moment(given: str | None) -> datetime | None:
    """The time a sender gave; None for what is no ISO 8601 time (adapters and the API warn of it) or beyond what UTC can say."""
    try:
        at = datetime.fromisoformat(given) if given else None
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)) if at else None
    except (ValueError, OverflowError):
        return None


def _code(given: Any) -> str | None:
    return plain(str(given))[:_LONGEST_CODE] if given is not None else None


def _number(given: Any) -> float | None:
    """A finite number, or None."""
    try:
        number = float(given) if given is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None
