"""A customer's key in, everything stored about them out: redacted texts, analyses, decisions; one object per record.

A record belongs to every customer that any version of it named.
"""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select

from vocservice.store.schema import analyses, annotations, drafts, records, rule_hits, second_readings, subjects, tags, vectors
from vocservice.store.vault import Vault

_TOLD = ("id", "source_record", "status", "channel", "created_at", "received_at", "score_kind", "score_value", "score_scale", "details")
_ANALYSIS = ("bundle", "taxonomy", "revision", "is_current", "created_at", "result")
_HIT = ("rule_id", "version", "because", "revision", "bundle", "at")
_DRAFT, _SECOND = ("labels", "note", "saved_at"), ("labels", "note", "is_agreed", "read_at")
_ANNOTATION = ("decision", "labels", "note", "revision", "created_at", "undone_at")


def named(workspace_id: str, subject_hash: str) -> Select[str]:
    """The ids of the records of a customer."""
    return select(subjects.c.record_id).where(subjects.c.workspace_id == workspace_id, subjects.c.subject_hash == subject_hash)


def export(connection: Connection, vault: Vault, workspace_id: str, subject: str) -> Iterator[dict[str, Any]]:
    """Every record of a customer in a workspace, oldest first; `verbatim` is None before its analysis."""
    mine = records.c.id.in_(named(workspace_id, vault.subject_hash(workspace_id, subject)))
    for row in connection.execute(select(records).where(mine).order_by(records.c.received_at, records.c.id)).mappings().all():
        yield {
            **_plain(row, _TOLD),
            "verbatim": row["clean"],
            "analyses": _of(connection, analyses, row["id"], _ANALYSIS),
            "annotations": _of(connection, annotations, row["id"], _ANNOTATION),
            "vectors": list(_vectors(connection, row["id"])),
            "drafts": _of(connection, drafts, row["id"], _DRAFT, "saved_at"),
            "second_readings": _of(connection, second_readings, row["id"], _SECOND, "read_at"),
            "rules": _of(connection, rule_hits, row["id"], _HIT, "number"),
            "tags": [found["tag"] for found in _of(connection, tags, row["id"], ("tag",), "tag")],
        }


def _of(connection: Connection, table: Table, record_id: str, names: tuple[str, ...], by: str = "created_at") -> list[dict[str, Any]]:
    found = select(table).where(table.c.record_id == record_id).order_by(table.c[by])
    return [_plain(row, names) for row in connection.execute(found).mappings()]


def _vectors(connection: Connection, record_id: str) -> Iterator[dict[str, Any]]:
    """The vectors of its text, in base64."""
    found = select(vectors.c.bundle, vectors.c.revision, vectors.c.vector).where(vectors.c.record_id == record_id)
    for row in connection.execute(found.order_by(vectors.c.bundle)):
        yield {"bundle": row.bundle, "revision": row.revision, "vector": b64encode(row.vector).decode()}


def _plain(row: RowMapping, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name].isoformat() if isinstance(row[name], datetime) else row[name] for name in names}
