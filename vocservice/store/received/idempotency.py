"""An Idempotency-Key in, the answer of its first request out, or None: then this request is the first and must be settled.

Answers contain ids, never a text. Our own failures are not stored, so that a retry runs again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from vocservice.errors import IdempotencyError, RequestBusyError
from vocservice.store.database import now
from vocservice.store.rows import bounded, insert_if_new
from vocservice.store.schema import idempotency

KEPT = timedelta(hours=72)
GIVEN_UP = timedelta(minutes=5)  # a claim held so long without an answer is abandoned


@dataclass(frozen=True, slots=True)
class Claim:
    """A request with an Idempotency-Key: its API key, route and body."""

    key_id: str
    route: str
    name: str
    fingerprint: str

    def own_id(self, number: int) -> str:
        """The id for a record without one at this position of the request; a repeat gets the same id."""
        place = "\0".join((self.key_id, self.route, self.name, self.fingerprint, str(number)))
        return f"own_{hashlib.sha256(place.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: HTTP status and JSON object."""

    status: int
    body: Mapping[str, Any]


def claim_of(key_id: str, route: str, name: str, body: bytes) -> Claim:
    """The claim of a request."""
    return Claim(key_id, bounded(route), bounded(name), hashlib.sha256(body).hexdigest())


def reserve(connection: Connection, claim: Claim) -> Answer | None:
    """The first answer; None if this is the first request, which must end with `settle` or `release`.

    Raises:
        IdempotencyError: the key was used with another body (`idempotency_mismatch`).
        RequestBusyError: the first request is still being answered (`idempotency_busy`).
    """
    at = now(connection)
    values = {"key_id": claim.key_id, "route": claim.route, "name": claim.name, "fingerprint": claim.fingerprint, "created_at": at}
    if insert_if_new(connection, idempotency, values):
        return None
    row = connection.execute(select(idempotency).where(_of(claim)).with_for_update()).mappings().one_or_none()
    if row is None:
        raise RequestBusyError("the first request of this Idempotency-Key has just ended: try again")
    if row["status"] is None and row["created_at"] < at - GIVEN_UP:
        connection.execute(update(idempotency).where(_of(claim)).values(fingerprint=claim.fingerprint, created_at=at))
        return None
    if row["fingerprint"] != claim.fingerprint:
        raise IdempotencyError("this Idempotency-Key was used with another body")
    if row["status"] is None:
        raise RequestBusyError("the first request of this Idempotency-Key is still being answered: try again")
    return Answer(row["status"], row["answer"])


def settle(connection: Connection, claim: Claim, answer: Answer) -> None:
    """Store an answer of 2xx or 4xx; any other frees the key."""
    if 200 <= answer.status < 300 or 400 <= answer.status < 500:
        values = {"status": answer.status, "answer": dict(answer.body)}
        connection.execute(update(idempotency).where(_of(claim)).values(**values))
    else:
        release(connection, claim)


def release(connection: Connection, claim: Claim) -> None:
    """Free a key whose request failed."""
    connection.execute(delete(idempotency).where(_of(claim), idempotency.c.status.is_(None)))


def prune(connection: Connection) -> int:
    """Delete answers older than 72 hours; return their number."""
    dropped: int = connection.execute(delete(idempotency).where(idempotency.c.created_at < now(connection) - KEPT)).rowcount
    return dropped


def _of(claim: Claim) -> Any:
    return and_(idempotency.c.key_id == claim.key_id, idempotency.c.route == claim.route, idempotency.c.name == claim.name)
