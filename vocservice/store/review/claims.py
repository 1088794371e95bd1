"""A record and a person in, who is looking at it now out: a lease, so that two people do not decide the same.

The next record of the queue is chosen and claimed in one transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from vocservice.store.accounts.users import User
from vocservice.store.database import now
from vocservice.store.review import reviews
from vocservice.store.review.reviews import Choice
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import claims, users

LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who looks at a record, and until when if they do nothing."""

    user_id: str
    name: str
    lease_until: datetime


def take(connection: Connection, user: User, record_id: str, *, lease: timedelta = LEASE) -> Claim:
    """Claim a record, or renew one's own claim; returns the claim that holds, perhaps another's."""
    at = now(connection)
    connection.execute(delete(claims).where(claims.c.record_id == record_id, claims.c.lease_until <= at))
    values = {"record_id": record_id, "workspace_id": user.workspace_id, "user_id": user.id, "lease_until": at + lease}
    if not insert_if_new(connection, claims, values):
        mine = (claims.c.record_id == record_id, claims.c.user_id == user.id)
        connection.execute(update(claims).where(*mine).values(lease_until=at + lease))
    return _held(connection, record_id) or take(connection, user, record_id, lease=lease)  # given up in between: it is free


def take_following(connection: Connection, user: User, choice: Choice, *, after: str = "") -> str | None:
    """Claim the next record of the queue (`reviews.following`), past those that others claim in this moment; None where there is none."""
    while found := reviews.following(connection, user, choice, after=after):
        if take(connection, user, found).user_id == user.id:
            break
    return found


def release(connection: Connection, user: User, record_id: str) -> None:
    """Give up one's own claim."""
    connection.execute(delete(claims).where(claims.c.record_id == record_id, claims.c.user_id == user.id))


def _held(connection: Connection, record_id: str) -> Claim | None:
    chosen = select(claims.c.user_id, users.c.name, claims.c.lease_until).join(users, users.c.id == claims.c.user_id)
    row = connection.execute(chosen.where(claims.c.record_id == record_id)).one_or_none()
    return None if row is None else Claim(*row)
