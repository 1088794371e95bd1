"""A record in, who looks at it now out; a decision is taken from its holder, and from anybody where it has none."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from vocservice.errors import ConflictError
from vocservice.store.accounts.users import User
from vocservice.store.database import now
from vocservice.store.schema import claims, users


@dataclass(frozen=True, slots=True)
class Claim:
    """Who looks at a record, and until when if they do nothing."""

    user_id: str
    name: str
    lease_until: datetime


def of(connection: Connection, record_id: str) -> Claim | None:
    """The claim on a record, one that ran out too; None where there is none."""
    chosen = select(claims.c.user_id, users.c.name, claims.c.lease_until).join(users, users.c.id == claims.c.user_id)
    row = connection.execute(chosen.where(claims.c.record_id == record_id)).one_or_none()
    return None if row is None else Claim(*row)


def check(connection: Connection, user: User, record_id: str) -> None:
    """Whether this person may decide on a record as far as claims go.

    Raises:
        ConflictError: another person holds it (`review_held`).
    """
    held = of(connection, record_id)
    if held is not None and held.user_id != user.id and held.lease_until > now(connection):
        raise ConflictError("another person has this record open; your decision was not stored", code="review_held")
