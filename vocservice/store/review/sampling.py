"""A decision in, whether a second person reads the record blind out; and the effects of later decisions on that."""

import hashlib

from sqlalchemy import Connection, delete, select, update

from vocservice.store.review import urgency
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import annotations, second_readings

_WHOLE = 2**64


def is_chosen(record_id: str, share: float) -> bool:
    """Whether a record is in the sample for second readings; deterministic per record."""
    number = int.from_bytes(hashlib.sha256(record_id.encode()).digest()[:8])
    return number < share * _WHOLE


def decided(connection: Connection, workspace_id: str, record_id: str, *, user_id: str, annotation_id: str) -> None:
    """After a decision: it settles a disagreement of two others, else the record may be sampled."""
    if _settled(connection, record_id, user_id, annotation_id) or not is_chosen(record_id, urgency.rules().second_reading.share):
        return
    waits = second_readings.c.record_id == record_id, second_readings.c.read_at.is_(None)
    if connection.scalar(select(second_readings.c.first_id).where(*waits)) is None:
        insert_if_new(connection, second_readings, {"first_id": annotation_id, "record_id": record_id, "workspace_id": workspace_id})


def undone(connection: Connection, annotation_id: str) -> None:
    """After an undo: the second reading is cancelled, and what the decision settled is open again."""
    mine = second_readings.c.first_id == annotation_id, second_readings.c.read_at.is_(None)
    connection.execute(delete(second_readings).where(*mine))
    connection.execute(update(second_readings).where(second_readings.c.settled_by == annotation_id).values(settled_by=None))


def _settled(connection: Connection, record_id: str, user_id: str, annotation_id: str) -> bool:
    """Whether this is a third person's decision that settles a disagreement."""
    open_ = (
        select(second_readings.c.first_id)
        .join(annotations, annotations.c.id == second_readings.c.first_id)
        .where(second_readings.c.record_id == record_id, second_readings.c.is_agreed.is_(False), second_readings.c.settled_by.is_(None))
        .where(annotations.c.undone_at.is_(None), annotations.c.user_id != user_id, second_readings.c.user_id != user_id)
    )
    found = connection.scalar(open_)
    if found is None:
        return False
    connection.execute(update(second_readings).where(second_readings.c.first_id == found).values(settled_by=annotation_id))
    return True
