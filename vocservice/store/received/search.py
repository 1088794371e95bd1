"""Filters and a position in, a page of records with their current analyses out, in order of receipt.

A cursor is signed and contains only the position: time of receipt and id of the last returned record.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store.database import POSTGRESQL
from vocservice.store.rows import bounded
from vocservice.store.schema import analyses, records, sources
from vocservice.store.types import from_micros, to_micros
from vocservice.store.vault import Vault

LARGEST_PAGE = 200
LISTS: Mapping[str, str] = {"stage": "stages", "factor": "factors", "flag": "flags"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters; None means any. `source` is a source's id, or `api`; `since` is inclusive, `until` exclusive."""

    status: str | None = None
    source: str | None = None
    source_record: str | None = None
    channel: str | None = None
    stage: str | None = None
    factor: str | None = None
    polarity: str | None = None
    flag: str | None = None
    scope: str | None = None
    needs_review: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A stored record, with its current analysis as contract JSON; None without one."""

    id: str
    source_id: str | None
    source: str | None
    source_record: str
    status: str
    error_code: str | None
    revision: int
    channel: str | None
    score: Json | None
    needs_review: bool | None
    warnings: tuple[str, ...]
    created_at: datetime | None
    received_at: datetime
    analysis: Json | None


@dataclass(frozen=True, slots=True)
class Page:
    """Records, and the cursor of the next page; None at the end."""

    found: tuple[Found, ...]
    cursor: str | None


def page(connection: Connection, vault: Vault, workspace_id: str, filters: Filters, *, limit: int, cursor: str | None = None) -> Page:
    """Up to `limit` records of a workspace, at most 200, from the cursor on.

    Raises:
        InputError: the cursor is not from this workspace (`cursor_invalid`).
    """
    wanted = _chosen(connection, workspace_id, filters)
    if cursor:
        wanted = wanted.where(tuple_(records.c.received_at, records.c.id) > _after(*_read(vault, workspace_id, cursor)))
    size = max(1, min(limit, LARGEST_PAGE))
    rows = connection.execute(wanted.order_by(records.c.received_at, records.c.id).limit(size + 1)).mappings().all()
    last = rows[size - 1] if len(rows) > size else None
    following = _written(vault, workspace_id, last["received_at"], last["id"]) if last else None
    return Page(tuple(_found(row) for row in rows[:size]), following)


def one(connection: Connection, workspace_id: str, record_id: str) -> Found | None:
    """A record of a workspace; None if missing."""
    row = connection.execute(_all(workspace_id).where(records.c.id == record_id)).mappings().one_or_none()
    return _found(row) if row else None


def _all(workspace_id: str) -> Select[Any]:
    current = and_(analyses.c.record_id == records.c.id, analyses.c.is_current)
    joined = records.outerjoin(analyses, current).outerjoin(sources, sources.c.id == records.c.source_id)
    columns = [column for column in records.c if column.name not in ("original_sealed", "clean", "details")]
    return (
        select(*columns, analyses.c.result, sources.c.name.label("source_name"))
        .select_from(joined)
        .where(records.c.workspace_id == workspace_id)
    )


def _chosen(connection: Connection, workspace_id: str, filters: Filters) -> Select[Any]:
    is_postgresql = connection.dialect.name == POSTGRESQL
    where: list[ColumnElement[bool]] = []
    named = {"status": records.c.status, "source": records.c.source_key, "channel": records.c.channel}
    if filters.source_record is not None:
        where.append(records.c.source_record == bounded(filters.source_record))
    where += [column == value for name, column in named.items() if (value := getattr(filters, name)) is not None]
    where += [
        has_label(held, value, filters.polarity if name == "factor" else None, is_postgresql=is_postgresql)
        for name, held in LISTS.items()
        if (value := getattr(filters, name)) is not None
    ]
    if filters.scope is not None:
        where.append(_text_at(is_postgresql, "scope", "key") == filters.scope)
    if filters.needs_review is not None:
        where.append(records.c.needs_review.is_(filters.needs_review))
    if filters.since is not None:
        where.append(records.c.received_at >= filters.since)
    if filters.until is not None:
        where.append(records.c.received_at < filters.until)
    return _all(workspace_id).where(*where)


def has_label(held: str, key: str, polarity: str | None = None, *, is_postgresql: bool) -> ColumnElement[bool]:
    """Condition that the analysis gives a label in a list such as `stages`."""
    label = {"key": key} | ({"polarity": polarity} if polarity else {})
    if is_postgresql:
        return analyses.c.result.op("@>")(literal({held: [label]}, JSONB))
    each = func.json_each(analyses.c.result, f"$.{held}").table_valued("value")
    fits = (func.json_extract(each.c.value, f"$.{name}") == value for name, value in label.items())
    return select(literal(1)).select_from(each).where(*fits).exists()


def _text_at(is_postgresql: bool, *path: str) -> ColumnElement[Any]:
    if is_postgresql:
        return func.jsonb_extract_path_text(analyses.c.result, *path)
    return func.json_extract(analyses.c.result, ".".join(("$", *path)))


def _after(at: datetime, record_id: str) -> Any:
    return tuple_(literal(at, records.c.received_at.type), literal(record_id))


def _found(row: RowMapping) -> Found:
    score = {"kind": row["score_kind"], "value": row["score_value"], "scale": row["score_scale"]}
    plain = ("id", "source_id", "source_record", "status", "error_code", "revision", "channel", "needs_review", "created_at", "received_at")
    return Found(
        **{name: row[name] for name in plain},
        source=row["source_name"],
        score=score if row["score_value"] is not None else None,
        warnings=tuple(row["warnings"] or ()),
        analysis=row["result"],
    )


def _written(vault: Vault, workspace_id: str, at: datetime, record_id: str) -> str:
    place = orjson.dumps([to_micros(at), record_id])
    return base64.urlsafe_b64encode(_mark(vault, workspace_id, place) + place).decode().rstrip("=")


def _read(vault: Vault, workspace_id: str, cursor: str) -> tuple[datetime, str]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise _unknown() from None
    mark, place = raw[:_MARK], raw[_MARK:]
    if not hmac.compare_digest(mark, _mark(vault, workspace_id, place)):
        raise _unknown()
    micros, record_id = orjson.loads(place)
    return from_micros(micros), record_id


_MARK = 16


def _mark(vault: Vault, workspace_id: str, place: bytes) -> bytes:
    return bytes.fromhex(vault.hash("cursor", workspace_id, place.hex()))[:_MARK]


def _unknown() -> InputError:
    return InputError("the cursor is none that was given out here; start without one", code="cursor_invalid")
