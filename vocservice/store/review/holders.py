"""A record in, the holder of its claim out; only the holder may decide, or anybody if there is none."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from vocservice.errors import ConflictError
from vocservice.store.accounts.users import User
from vocservice.store.database import now
from vocservice.store.schema import claims, users


@dataclass(frozen=True, slots=True)
class Claim:
    """The holder of a record, and when the claim expires without activity."""

    user_id: str
    name: str
    lease_until: datetime


def of(connection: Connection, record_id: str) -> Claim | None:
    """The claim on a record, even an expired one; None without one."""
    chosen = select(claims.c.user_id, users.c.name, claims.c.lease_until).join(users, users.c.id == claims.c.user_id)
    row = connection.execute(chosen.where(claims.c.record_id == record_id)).one_or_none()
    return None if row is None else Claim(*row)


def check(connection: Connection, user: User, record_id: str) -> None:
    """Check that claims allow this person to decide on a record.

    Raises:
        ConflictError: another person holds it (`review_held`).
    """
    held = of(connection, record_id)
    if held is not None and held.user_id != user.id and held.lease_until > now(connection):
        raise ConflictError("another person has this record open; your decision was not stored", code="review_held")
