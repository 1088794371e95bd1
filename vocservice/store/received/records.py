"""Versions of a record in, its current state out: the newest version wins, erased records stay erased.

Rows are always locked in the same order to avoid deadlocks: jobs, records, everything else, the audit log last.
"""

import math
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, delete, exists, select, text, update

from vocservice.ingest.events import NO_TEXT
from vocservice.records import RawVerbatim
from vocservice.store import jobs
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.verbatims import content_hash, to_bytes
from vocservice.store.rows import insert_if_new, insert_missing, insert_new
from vocservice.store.schema import (
    alert_matters,
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
    subjects,
    tags,
    tombstones,
    vectors,
    workspaces,
)
from vocservice.store.schema import jobs as job_table
from vocservice.store.types import plain
from vocservice.store.vault import Vault

ANALYSE, FETCH = "analyse", "fetch"
API = "api"
_BEFORE_SURROGATES, _AFTER_SURROGATES = 0xD7FF, 0xE000  # which occurs in no text
BELOW = "/"  # between the id of a record and that of one below it
_LONGEST_CODE, _LONGEST_VERSION = 64, 250
_REDACTED = "~"  # suffix of a version: sorts after the same one without it, and before the next
_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtext(:workspace))")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext(:workspace))")
_AT_ONCE = 500
_DIG = select(tombstones.c.record_hash).where(
    tombstones.c.workspace_id.in_(bindparam("workspaces", expanding=True)), tombstones.c.record_hash.in_(bindparam("tombs", expanding=True))
)
Outcome = Literal["created", "updated", "emptied", "unchanged", "stale", "erased", "waiting", "skipped"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a record: its workspace, its source (None: our own API), and the delivery."""

    workspace_id: str
    source_id: str | None = None
    inbox_id: str | None = None

    @property
    def key(self) -> str:
        return self.source_id or API


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of one event; `record_id` is None if it was erased or skipped (with `reason`)."""

    record_id: str | None
    outcome: Outcome
    reason: str | None = None


NOTHING = Applied(None, "skipped", NO_TEXT)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A version of a record, sealed and hashed outside of any transaction to keep transactions short.

    Attributes:
        record: the sender's id.
        version: sorts chronologically; None if the sender has none, then the last to arrive counts.
        tombs: hashes of tombstones that would exist if the record, or one above it, was erased.
        values: the columns set by any version; empty for a version without a text, which creates no record.
        redactions: number of redacted parts; if it grows, earlier versions are deleted.
    """

    origin: Origin
    record: str
    version: str | None
    tombs: tuple[str, ...]
    values: Mapping[str, Any]
    redactions: int = 0

    @property
    def is_blank(self) -> bool:
        return not self.values

    @property
    def key(self) -> tuple[str, str, str]:
        """The unique key of a record, and the order in which rows are written and locked."""
        return self.origin.workspace_id, self.origin.key, self.record


def seal(
    vault: Vault,
    origin: Origin,
    record: str,
    verbatim: RawVerbatim,
    *,
    version: str | None,
    warnings: tuple[str, ...],
    redactions: int = 0,
) -> Sealed:
    """Prepare a version for storing; arguments as in `Sealed`."""
    raw = to_bytes(verbatim)
    values = {
        **_values(vault, origin, verbatim),
        "original_sealed": vault.sealer.seal(raw),
        "content_hash": vault.hash("content", origin.workspace_id, content_hash(raw)),
        "warnings": list(warnings),
    }
    return Sealed(origin, record, _version(version, redactions), _tombs(vault, origin, record), values, redactions)


def seal_blank(vault: Vault, origin: Origin, record: str, *, version: str | None) -> Sealed:
    """Prepare the removal of a record's text."""
    return Sealed(origin, record, _version(version, 0), _tombs(vault, origin, record), {})


def upsert_all(connection: Connection, versions: Sequence[Sealed], *, at: datetime) -> list[Applied]:
    """Store versions of records and queue their analysis, unless they are outdated, unchanged or erased.
    A version without a text removes the record's text.

    New records need a constant number of statements.

    Args:
        at: the time of receipt, by the database's clock.

    Returns:
        The outcome of each, in order; of two versions of one record, the first given is applied first.
    """
    for workspace_id in sorted({sealed.origin.workspace_id for sealed in versions}):
        guard(connection, workspace_id)
    buried = _buried(connection, versions)
    done = {number: Applied(None, "erased") for number, sealed in enumerate(versions) if buried.intersection(sealed.tombs)}
    spoken = {number: sealed for number, sealed in enumerate(versions) if number not in done and not sealed.is_blank}
    done |= _created(connection, spoken, at)
    made = {versions[number].key: number for number, applied in done.items() if applied.outcome == "created"}
    done |= {number: NOTHING for number, sealed in enumerate(versions) if sealed.is_blank and number < made.get(sealed.key, 0)}
    left = sorted((number for number in range(len(versions)) if number not in done), key=lambda number: versions[number].key)
    done |= {number: (_blanked if versions[number].is_blank else _revised)(connection, versions[number]) for number in left}
    return [done[number] for number in range(len(versions))]


def _created(connection: Connection, versions: Mapping[int, Sealed], at: datetime) -> dict[int, Applied]:
    """Versions of new records."""
    rows = {number: _row(sealed.origin, sealed.record, at, _pending(sealed)) for number, sealed in versions.items()}
    made = insert_new(connection, records, [rows[number] for number in sorted(rows, key=lambda number: versions[number].key)])
    new = {number: str(row["id"]) for number, row in rows.items() if row["id"] in made}
    told = [(versions[number].origin, record_id) for number, record_id in new.items()]
    insert_missing(connection, mentions, [{"inbox_id": origin.inbox_id, "record_id": name} for origin, name in told if origin.inbox_id])
    insert_missing(
        connection, subjects, [_owned(versions[number], name) for number, name in new.items() if versions[number].values["subject_hash"]]
    )
    jobs.enqueue_all(connection, ANALYSE, [(origin.workspace_id, name) for origin, name in told], at=at)
    return {number: Applied(record_id, "created") for number, record_id in new.items()}


def _revised(connection: Connection, sealed: Sealed) -> Applied:
    """A version of an existing record."""
    origin, version = sealed.origin, sealed.version
    held = _locked(connection, origin, sealed.record)
    subject = sealed.values["subject_hash"] or held["subject_hash"]  # a version without a customer does not remove one
    if subject != held["subject_hash"]:
        insert_if_new(connection, subjects, _owned(sealed, held["id"]))
    verdict = None if held["status"] == "waiting" else _verdict(held, version, sealed.values["content_hash"])
    if sealed.redactions > _redactions(held["source_version"]):
        _forget_earlier(connection, held["id"], before=held["revision"] + (verdict is None))
    if verdict:
        return _unmoved(connection, origin, held, verdict, version)
    newest = {"source_version": version or held["source_version"], "revision": held["revision"] + 1}
    changes = {**_pending(sealed), **newest, "subject_hash": subject, "error_code": None}
    connection.execute(update(records).where(records.c.id == held["id"]).values(**changes))
    return _queued(connection, origin, held["id"], "updated")


def _blanked(connection: Connection, sealed: Sealed) -> Applied:
    """A version without a text, for a record that may exist."""
    named = select(records).where(*_named(sealed.origin, sealed.record)).with_for_update()
    held = connection.execute(named).mappings().one_or_none()
    return NOTHING if held is None else _emptied(connection, sealed.origin, held, sealed.version)


def empty_rest(connection: Connection, origin: Origin, *, begins: str, version: str | None, said: Collection[str]) -> list[Applied]:
    """Remove the text of records with this id prefix that are not listed; return the outcomes."""
    mine = (records.c.workspace_id == origin.workspace_id, records.c.source_key == origin.key)
    named = select(records).where(*mine, *_beginning(begins)).order_by(records.c.source_record).with_for_update()
    found = connection.execute(named).mappings().all()
    return [_emptied(connection, origin, held, version) for held in found if held["source_record"] not in said]


def _emptied(connection: Connection, origin: Origin, held: RowMapping, version: str | None) -> Applied:
    """Remove the text of a record, like a complete redaction; a text of the same time stays."""
    if held["status"] == "waiting":
        return NOTHING
    before = held["source_version"]
    verdict = _verdict(held, version, None) or ("stale" if version is not None and version == before else None)
    if verdict:
        return _unmoved(connection, origin, held, verdict, version)
    revision = held["revision"] + 1
    _forget_earlier(connection, held["id"], before=revision)
    blank = dict.fromkeys(("original_sealed", "clean", "details", "warnings", "content_hash", "needs_review"))
    newest = {"revision": revision, "source_version": version or before, "status": "rejected", "error_code": "empty_text"}
    connection.execute(update(records).where(records.c.id == held["id"]).values(**blank, **newest))
    _mention(connection, origin, held["id"])
    return Applied(held["id"], "emptied")


def _pending(sealed: Sealed) -> dict[str, Any]:
    return {**sealed.values, "source_version": sealed.version, "status": "pending"}


def await_text(
    connection: Connection, vault: Vault, origin: Origin, record: str, *, version: str | None, reference: Mapping[str, str]
) -> Applied:
    """Store a record whose text must be fetched, and queue the fetch."""
    guard(connection, origin.workspace_id)
    if _is_buried(connection, vault, origin, record):
        return Applied(None, "erased")
    row = _row(origin, record, now(connection), {"status": "waiting"})
    record_id = row["id"] if insert_if_new(connection, records, row) else _locked(connection, origin, record)["id"]
    _mention(connection, origin, record_id)
    jobs.enqueue(connection, origin.workspace_id, FETCH, record_id, payload={"reference": dict(reference), "version": version})
    return Applied(record_id, "waiting")


def erase(connection: Connection, vault: Vault, origin: Origin, record: str, *, reason: str) -> Applied:
    """Erase a record on the sender's request, and all below it; also if it never arrived, so that it cannot arrive later."""
    guard(connection, origin.workspace_id, is_alone=True)
    _entomb(connection, vault, origin, record, reason)
    found = with_below(connection, origin.workspace_id, origin.key, record)
    for held in found:
        _bury(connection, vault, held, reason)
    return Applied(found[0]["id"] if found else None, "erased")


def erase_by_id(connection: Connection, vault: Vault, workspace_id: str, record_id: str, *, reason: str, takes_below: bool = True) -> bool:
    """Erase one record of a workspace, by default with all below it; False if there is none, or it was erased."""
    guard(connection, workspace_id, is_alone=True)
    chosen = select(records).where(records.c.workspace_id == workspace_id, records.c.id == record_id, records.c.status != "erased")
    held = connection.execute(chosen).mappings().first()
    if held is None:
        return False
    family = with_below(connection, workspace_id, held["source_key"], held["source_record"]) if takes_below else [held]
    for one in family:
        _bury(connection, vault, one, reason)
    return True


def with_below(connection: Connection, workspace_id: str, source_key: str, record: str) -> Sequence[RowMapping]:
    """The record, if it exists, and those below it."""
    found = list[RowMapping]()
    mine = (records.c.workspace_id == workspace_id, records.c.source_key == source_key)
    for which in ((records.c.source_record == record,), _beginning(record + BELOW)):
        found += connection.execute(select(records).where(*mine, *which).order_by(records.c.source_record)).mappings()
    return found


def _beginning(begins: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Condition for an id prefix: a range of the index, independent of other records."""
    return records.c.source_record >= begins, records.c.source_record < _behind(begins)


def _behind(begins: str) -> str:
    """The first text after all with this prefix, by code points."""
    last = ord(begins[-1])
    if last == sys.maxunicode:
        return _behind(begins[:-1])
    return begins[:-1] + chr(_AFTER_SURROGATES if last == _BEFORE_SURROGATES else last + 1)


def guard(connection: Connection, workspace_id: str, *, is_alone: bool = False) -> None:
    """Lock erasure and intake of a workspace against each other until the transaction ends (on SQLite writers are exclusive anyway)."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE if is_alone else _SHARED, {"workspace": workspace_id})


def _bury(connection: Connection, vault: Vault, held: RowMapping, reason: str) -> None:
    """Wipe a record; of the sender's id only the keyed hash is kept."""
    origin = Origin(held["workspace_id"], held["source_id"])
    tomb = _entomb(connection, vault, origin, held["source_record"], reason, key=held["source_key"])
    wipe(connection, held["id"])
    connection.execute(update(records).where(records.c.id == held["id"]).values(source_record=f"erased:{tomb}"))


_HANDLED = (assignments, snoozes, tags, drafts, bulk_steps)


def wipe(connection: Connection, record_id: str) -> None:
    """Delete all contents: text, analyses, vectors, hits, notes, metadata, subject, jobs, events, the raw bodies."""
    connection.execute(delete(job_table).where(job_table.c.target == record_id, job_table.c.kind.in_((ANALYSE, FETCH))))
    blank = dict.fromkeys(_SAID)
    connection.execute(update(records).where(records.c.id == record_id).values(status="erased", revision=records.c.revision + 1, **blank))
    for table in (
        subjects,
        analyses,
        vectors,
        rule_hits,
        alert_matters,
        second_readings,
        annotations,
        claims,
        reviews,
        deliveries,
        *_HANDLED,
    ):
        connection.execute(delete(table).where(table.c.record_id == record_id))
    _forget_bodies(connection, record_id)


def _forget_earlier(connection: Connection, record_id: str, *, before: int) -> None:
    """Delete contents of earlier revisions: analyses and derived data, people's notes on them, every body.

    Decisions stay. A redacted text of an earlier version is deleted too, while the newest awaits its analysis.
    """
    for table in (analyses, vectors, rule_hits, reviews, drafts):
        connection.execute(delete(table).where(table.c.record_id == record_id, table.c.revision < before))
    noted = select(annotations.c.id).where(annotations.c.record_id == record_id, annotations.c.revision < before)
    connection.execute(update(second_readings).where(second_readings.c.first_id.in_(noted)).values(note=None))
    connection.execute(update(annotations).where(annotations.c.id.in_(noted)).values(note=None))
    waits = records.c.status.in_(("pending", "failed")) & records.c.original_sealed.is_not(None)
    is_old = records.c.id == record_id, (records.c.revision < before) | waits
    connection.execute(update(records).where(*is_old).values(clean=None, details=None))
    _forget_bodies(connection, record_id)


def _forget_bodies(connection: Connection, record_id: str) -> None:
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
    """After the analysis: delete the unredacted text, and bodies without waiting records, unless the workspace keeps them."""
    if connection.scalar(_KEEPS, {"record": record_id}):
        return
    for forget in (_FORGET_TEXT, _FORGET_BODIES):
        connection.execute(forget, {"record": record_id})


_KEEPS = select(workspaces.c.keeps_originals).where(workspaces.c.id == records.c.workspace_id, records.c.id == bindparam("record"))
_FORGET_TEXT = update(records).where(records.c.id == bindparam("record")).values(original_sealed=None)
_OTHERS = mentions.alias()
_WAITS = exists().where(_OTHERS.c.inbox_id == inbox.c.id, records.c.id == _OTHERS.c.record_id, records.c.status.in_(("pending", "waiting")))
_FORGET_BODIES = (
    update(inbox)
    .where(inbox.c.id.in_(select(mentions.c.inbox_id).where(mentions.c.record_id == bindparam("record"))), ~_WAITS)
    .values(body_sealed=None)
)


def _verdict(held: RowMapping, version: str | None, hashed: str | None) -> Outcome | None:
    """The reason why a version changes nothing (hash None: no text); None if it counts."""
    if version is not None and held["source_version"] is not None and version < held["source_version"]:
        return "stale"
    return "unchanged" if hashed == held["content_hash"] else None


def _unmoved(connection: Connection, origin: Origin, held: RowMapping, verdict: Outcome, version: str | None) -> Applied:
    """A version without news still rules out older ones, and its body still belongs to the record."""
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


def _row(origin: Origin, record: str, at: datetime, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": new_id("rec"),
        "workspace_id": origin.workspace_id,
        "source_id": origin.source_id,
        "source_key": origin.key,
        "source_record": record,
        "received_at": at,
        "revision": 1,
        "is_transcript": False,
        **values,
    }


def _owned(sealed: Sealed, record_id: str) -> dict[str, Any]:
    """Record the customer named by a version."""
    return {"record_id": record_id, "subject_hash": sealed.values["subject_hash"], "workspace_id": sealed.origin.workspace_id}


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


def _tombs(vault: Vault, origin: Origin, record: str) -> tuple[str, ...]:
    return tuple(_tomb(vault, origin, name) for name in path_of(record))


def _is_buried(connection: Connection, vault: Vault, origin: Origin, record: str) -> bool:
    """Whether the record, or one above it, was erased."""
    return bool(_dug(connection, [origin.workspace_id], _tombs(vault, origin, record)))


def _buried(connection: Connection, versions: Sequence[Sealed]) -> set[str]:
    """The tombstones that match any of the versions."""
    named = sorted({sealed.origin.workspace_id for sealed in versions})
    tombs = sorted({tomb for sealed in versions for tomb in sealed.tombs})
    return {name for start in range(0, len(tombs), _AT_ONCE) for name in _dug(connection, named, tombs[start : start + _AT_ONCE])}


def _dug(connection: Connection, workspace_ids: Sequence[str], tombs: Sequence[str]) -> Sequence[str]:
    """The hash includes the workspace, which is compared only to use the index."""
    return connection.scalars(_DIG, {"workspaces": workspace_ids, "tombs": tombs}).all()


def path_of(record: str) -> list[str]:
    """The record and all above it: for a/b/c, itself, a/b and a."""
    parts = record.split(BELOW)
    return [BELOW.join(parts[:count]) for count in range(len(parts), 0, -1)]


def _entomb(connection: Connection, vault: Vault, origin: Origin, record: str, reason: str, *, key: str | None = None) -> str:
    tomb = _tomb(vault, origin, record, key)
    values = {"workspace_id": origin.workspace_id, "record_hash": tomb, "reason": reason, "erased_at": now(connection)}
    insert_if_new(connection, tombstones, values)
    return tomb


def _moment(given: str | None) -> datetime | None:
    """The sender's time; None if it is not ISO 8601 (adapters and the API warn) or out of range."""
    try:
        at = datetime.fromisoformat(given) if given else None
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)) if at else None
    except (ValueError, OverflowError):
        return None


def _version(given: str | None, redactions: int) -> str | None:
    """At equal times, more redactions sort later."""
    if given is None:
        return None
    return plain(given)[:_LONGEST_VERSION] + (f"{_REDACTED}{min(redactions, 9999):04}" if redactions else "")


def _redactions(version: str | None) -> int:
    told = (version or "").rpartition(_REDACTED)[2] if _REDACTED in (version or "") else ""
    return int(told) if told.isascii() and told.isdigit() else 0


def _code(given: Any) -> str | None:
    return plain(str(given))[:_LONGEST_CODE] if given is not None else None


def _number(given: Any) -> float | None:
    """A finite number, or None."""
    try:
        number = float(given) if given is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None
