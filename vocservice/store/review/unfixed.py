"""An analysis and its valid labels in, the "recovered but unfixed" data of the queue out.

The valid labels count: those of people's decisions, else the model's. What a transcript blames is stored beside it, so that
issues closed when it is looked at can exclude it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, update

from vocservice.records import Json
from vocservice.reporting.recovery import CONTACT, Cell, Mended, blamed, is_unfixed
from vocservice.store.rows import insert_missing
from vocservice.store.schema import records, review_causes, reviews


def note(connection: Connection, record_id: str, result: Json, labels: Json) -> None:
    """Store it for a record in the queue.

    Args:
        connection: a transaction.
        record_id: the record.
        result: its current analysis.
        labels: the valid ones, in the form of an annotation.
    """
    found = is_unfixed(labels.get("outcome"), labels.get("scope"))
    other = reviews.c.record_id == record_id, reviews.c.is_unfixed.is_not(found)
    if connection.execute(update(reviews).where(*other).values(is_unfixed=found)).rowcount or found:
        connection.execute(delete(review_causes).where(review_causes.c.record_id == record_id))
    if found:
        insert_missing(connection, review_causes, [_row(record_id, cell) for cell in blamed(result, labels)])


def stands(mended: Sequence[Mended], handling: Sequence[str]) -> ColumnElement[bool]:
    """Condition for lines that were recovered but whose cause remains.

    Args:
        mended: what the issues of the workspace say was mended.
        handling: factors that, at the contact stage, describe its handling and are not a cause.
    """
    unfixed: ColumnElement[bool] = and_(reviews.c.is_unfixed)
    if not mended:
        return unfixed
    is_own = and_(review_causes.c.stage == CONTACT, review_causes.c.factor.in_(handling))
    cause: Any = exists().where(review_causes.c.record_id == reviews.c.record_id, ~is_own)
    at = select(func.coalesce(records.c.created_at, records.c.received_at)).where(records.c.id == review_causes.c.record_id)
    is_done = or_(*(_is(one, at.scalar_subquery()) for one in mended))
    return and_(unfixed, or_(~cause, cause.where(~is_done)))


def _is(one: Mended, at: Any) -> ColumnElement[bool]:
    """Whether a cause belongs to a cell that was mended on that day or later."""
    over = datetime.combine(one.until + timedelta(days=1), time.min, UTC)
    return and_(review_causes.c.stage == one.stage, review_causes.c.factor == one.factor, at < over)


def _row(record_id: str, cell: Cell) -> dict[str, str]:
    return {"record_id": record_id, "stage": cell[0] or "", "factor": cell[1]}
