"""A workspace and a reader's position in, changes since out: rows of `packed`, which triggers empty and this module fills.

Filling is safe under concurrency: a row that changed meanwhile stays empty until the next time. The words of a record for
search are stored in the same transaction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text, update

from vocservice.errors import RecordError
from vocservice.reporting.packing import Packed, Verdict, pack, pack_skipped
from vocservice.reporting.rows import row_of
from vocservice.store.analysed import reading, vectors, words
from vocservice.store.analysed.reading import Taken
from vocservice.store.database import POSTGRESQL, Database
from vocservice.store.schema import packed
from vocservice.store.types import to_micros

AT_ONCE = 1000
_BATCH = 50_000
_SPAN = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
_TRANSACTION = text("SELECT pg_current_xact_id()::text::bigint")
_FILL = (
    update(packed)
    .where(packed.c.record_id == bindparam("of"))
    .values(**{name: bindparam(name) for name in ("fixed", "given", "context", "sketch", "number")})
)
_IN_TURN = text("SELECT pg_advisory_xact_lock(hashtext('packed'), hashtext(:workspace))")  # SQLite serialises writers anyway


@dataclass(frozen=True, slots=True)
class Span:
    """The changes to read, from `first` up to but excluding `end`. The next reader begins at `following`."""

    first: int
    end: int
    following: int


@dataclass(frozen=True, slots=True)
class Change:
    """The current state of a record, and the number of its last change."""

    record_id: str
    number: int
    packed: Packed


def waits(connection: Connection, workspace_id: str, *, more_than: int = 0) -> bool:
    """Whether more than a number of records are not packed yet."""
    empty = select(packed.c.record_id).where(packed.c.workspace_id == workspace_id, packed.c.fixed.is_(None))
    return connection.execute(empty.order_by(packed.c.number).offset(more_than).limit(1)).first() is not None


def count(connection: Connection, workspace_id: str) -> int:
    """Number of records, including erased ones."""
    return connection.execute(select(func.count()).where(packed.c.workspace_id == workspace_id)).scalar_one()


def catch_up(database: Database, workspace_id: str, *, limit: int = AT_ONCE) -> int:
    """Pack some waiting records; return how many are packed now, by this or another process.

    Raises:
        StoreError: the database is busy or gone.
    """
    with database.read() as connection:
        empty = select(packed.c.record_id, packed.c.number).where(packed.c.workspace_id == workspace_id, packed.c.fixed.is_(None))
        numbers = {row.record_id: row.number for row in connection.execute(empty.order_by(packed.c.number).limit(limit))}
        made: dict[str, Packed] = dict.fromkeys(numbers, Packed())
        texts = dict.fromkeys(numbers, "")
        held = vectors.of_records(connection, workspace_id, list(numbers))
        for taken in reading.of_ids(connection, workspace_id, list(numbers)):
            _, vector = held.get(taken.id, ("", b""))
            made[taken.id], texts[taken.id] = packed_of(taken, vector), reading.customers_words(taken.analysis)
    return _fill(database, workspace_id, numbers, made, texts) if made else 0


def span(connection: Connection, workspace_id: str, since: int) -> Span:
    """What a reader at a position still has to read; everything if the store is older than the reader knew."""
    if connection.dialect.name == POSTGRESQL:
        low, high = connection.execute(_SPAN).one()
        return Span(since if since <= low else 0, high, low)
    last = _last(connection, workspace_id)
    return Span(since if since <= last + 1 else 0, last + 1, last + 1)


def changes(connection: Connection, workspace_id: str, wanted: Span) -> Iterator[list[Change]]:
    """Changed records, in batches; empty ones no longer count, unpacked ones are left out.

    A reader that begins at 0 gets all of them, including those written before the store moved to another server.
    """
    columns = select(packed.c.record_id, packed.c.number, packed.c.fixed, packed.c.given, packed.c.context, packed.c.sketch)
    where = [packed.c.workspace_id == workspace_id, packed.c.fixed.is_not(None)]
    if wanted.first:
        where += [packed.c.number >= wanted.first, packed.c.number < wanted.end]
    for rows in connection.execute(columns.where(*where).execution_options(yield_per=_BATCH)).partitions():
        yield [Change(row[0], row[1], Packed(bytes(row[2]), bytes(row[3] or b""), row[4] or "", bytes(row[5] or b""))) for row in rows]


def packed_of(taken: Taken, vector: bytes) -> Packed:
    """A record in bytes; `vector` is of the bundle that labelled it, empty if it has none."""
    order = to_micros(taken.received_at)
    try:
        row = row_of(taken.analysis, taken.origin)
        verdict = Verdict(tuple(one["key"] for one in taken.analysis.get("reasons") or ()), taken.needs_review, taken.is_corrected)
        return pack(row, order=order, source=taken.source_key, vector=vector, verdict=verdict)
    except RecordError as error:
        return pack_skipped(taken.id, error.code, taken.origin, order=order, source=taken.source_key)


def _fill(database: Database, workspace_id: str, numbers: dict[str, int], made: dict[str, Packed], texts: dict[str, str]) -> int:
    """Store packed rows of records that did not change meanwhile; a row locked by another transaction waits for the next time."""
    with database.write() as connection:
        if connection.dialect.name == POSTGRESQL:
            connection.execute(_IN_TURN, {"workspace": workspace_id})
        chosen = select(packed.c.record_id, packed.c.number, packed.c.fixed.is_not(None)).where(packed.c.record_id.in_(made))
        free = connection.execute(chosen.with_for_update(skip_locked=True)).all()
        done: int = sum(is_packed for *_, is_packed in free)
        wanting = [name for name, seen, is_packed in free if not is_packed and seen == numbers[name]]
        if not wanting:
            return done
        number = _number(connection, workspace_id)
        connection.execute(_FILL, [_values(name, number, made[name]) for name in wanting])
        words.keep(connection, workspace_id, {name: texts[name] for name in wanting})
        return done + len(wanting)


def _values(name: str, number: int, made: Packed) -> Mapping[str, Any]:
    return {"of": name, "number": number, "fixed": made.fixed, "given": made.given, "context": made.context, "sketch": made.sketch}


def _number(connection: Connection, workspace_id: str) -> int:
    """The number for a change made now."""
    if connection.dialect.name == POSTGRESQL:
        return int(connection.execute(_TRANSACTION).scalar_one())
    return _last(connection, workspace_id) + 1


def _last(connection: Connection, workspace_id: str) -> int:
    return int(connection.scalar(select(func.max(packed.c.number)).where(packed.c.workspace_id == workspace_id)) or 0)
