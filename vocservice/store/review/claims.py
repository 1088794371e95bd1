"""A record and a person in, its current claim out: a lease, so that two people do not decide the same record.

The next record is chosen and claimed in one transaction.
"""

from datetime import timedelta

from sqlalchemy import Connection, delete, update

from vocservice.store import audit
from vocservice.store.accounts.users import User
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.review import holders, reviews
from vocservice.store.review.holders import Claim
from vocservice.store.review.reviews import Choice
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import claims

LEASE = timedelta(minutes=10)
RENEWED_EVERY = LEASE / 3  # by an open page: missing one loses nothing


def take(connection: Connection, user: User, record_id: str, *, lease: timedelta = LEASE) -> Claim:
    """Claim a record, or renew one's own claim; return the valid claim, possibly another's."""
    at = now(connection)
    connection.execute(delete(claims).where(claims.c.record_id == record_id, claims.c.lease_until <= at))
    values = {"record_id": record_id, "workspace_id": user.workspace_id, "user_id": user.id, "lease_until": at + lease}
    if not insert_if_new(connection, claims, values):
        mine = (claims.c.record_id == record_id, claims.c.user_id == user.id)
        connection.execute(update(claims).where(*mine).values(lease_until=at + lease))
    return holders.of(connection, record_id) or take(connection, user, record_id, lease=lease)  # released meanwhile: it is free


def take_over(connection: Connection, user: User, record_id: str) -> Claim:
    """Take over a claim from anybody; return the valid claim, another's only if a third person was faster."""
    held = take(connection, user, record_id)
    if held.user_id == user.id:
        return held
    theirs = (claims.c.record_id == record_id, claims.c.user_id == held.user_id)
    moved = update(claims).where(*theirs).values(user_id=user.id, lease_until=now(connection) + LEASE)
    is_moved = connection.execute(moved).rowcount == 1
    found = take(connection, user, record_id)
    if is_moved:
        audit.write(connection, user.workspace_id, Act(user.actor, "review.take_over", record_id, {"from": held.user_id}))
    return found


def take_following(connection: Connection, user: User, choice: Choice, *, after: str = "") -> str | None:
    """Claim the next record of the queue (`reviews.following`), skipping those being claimed by others; None if there is none."""
    while found := reviews.following(connection, user, choice, after=after):
        if take(connection, user, found).user_id == user.id:
            break
    return found


def release(connection: Connection, user: User, record_id: str) -> None:
    """Release one's own claim."""
    connection.execute(delete(claims).where(claims.c.record_id == record_id, claims.c.user_id == user.id))
