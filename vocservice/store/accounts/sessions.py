"""A user's id in, a session token out (only its SHA-256 is stored); a token in, its session out.

A session ends after a time without use, at the latest some hours after login, or when it is closed.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from vocservice.store.database import now
from vocservice.store.schema import sessions

_TOKEN_BYTES = 32
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Lifetime of a session: without use, and at most."""

    idle: timedelta = timedelta(minutes=60)
    absolute: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """A live session; `is_use_old` if its last use should be updated."""

    token_hash: str
    user_id: str
    created_at: datetime
    is_use_old: bool


def begin(connection: Connection, user_id: str, lifetime: Lifetime) -> str:
    """Create a session; return its token, which only the browser stores. Ended sessions are deleted."""
    token, at = secrets.token_urlsafe(_TOKEN_BYTES), now(connection)
    connection.execute(delete(sessions).where(sessions.c.expires_at < at))
    values = {"token_hash": _hash(token), "user_id": user_id, "created_at": at, "seen_at": at, "expires_at": at + lifetime.absolute}
    connection.execute(insert(sessions).values(**values))
    return token


def find(connection: Connection, token: str, lifetime: Lifetime) -> Session | None:
    """The live session of a token; None if ended or unknown."""
    row = connection.execute(select(sessions).where(sessions.c.token_hash == _hash(token))).one_or_none()
    at = now(connection)
    if row is None or row.expires_at <= at or row.seen_at + lifetime.idle <= at:
        return None
    return Session(row.token_hash, row.user_id, row.created_at, at - row.seen_at >= SEEN_EVERY)


def touch(connection: Connection, session: Session) -> None:
    """Record that a session was used; call if `is_use_old`."""
    connection.execute(update(sessions).where(sessions.c.token_hash == session.token_hash).values(seen_at=now(connection)))


def close(connection: Connection, token: str) -> None:
    """End one session."""
    connection.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))


def close_all(connection: Connection, user_id: str) -> int:
    """End every session of a user; return their number."""
    closed: int = connection.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount
    return closed


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
