"""An Idempotency-Key in, the answer of its first request out, or nothing: then this request is the first and must be settled.

Answers name ids, never a text. What went wrong on our side is not kept, so that trying again tries again.
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
GIVEN_UP = timedelta(minutes=5)  # whoever held it so long without an answer is gone


@dataclass(frozen=True, slots=True)
class Claim:
    """A request under an Idempotency-Key: of which API key, to which route, with which body."""

    key_id: str
    route: str
    name: str
    fingerprint: str

    def own_id(self, number: int) -> str:
        """The id of the record at this place of the request, for one that brings none: sent again it is the same record."""
        place = "\0".join((self.key_id, self.route, self.name, self.fingerprint, str(number)))
        return f"own_{hashlib.sha256(place.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the HTTP status and the JSON object."""

    status: int
    body: Mapping[str, Any]


def claim_of(key_id: str, route: str, name: str, body: bytes) -> Claim:
    """The claim of a request."""
    return Claim(key_id, bounded(route), bounded(name), hashlib.sha256(body).hexdigest())


def reserve(connection: Connection, claim: Claim) -> Answer | None:
    """The first answer; None where this is the first request, which then ends in `settle` or `release`.

    Raises:
        IdempotencyError: the key came with another body before (`idempotency_mismatch`).
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
    """Keep an answer of 2xx or 4xx; any other frees the key."""
    if 200 <= answer.status < 300 or 400 <= answer.status < 500:
        values = {"status": answer.status, "answer": dict(answer.body)}
        connection.execute(update(idempotency).where(_of(claim)).values(**values))
    else:
        release(connection, claim)


def release(connection: Connection, claim: Claim) -> None:
    """Free a key whose request came to nothing."""
    connection.execute(delete(idempotency).where(_of(claim), idempotency.c.status.is_(None)))


def prune(connection: Connection) -> int:
    """Drop answers of more than 72 hours ago; returns how many."""
    dropped: int = connection.execute(delete(idempotency).where(idempotency.c.created_at < now(connection) - KEPT)).rowcount
    return dropped


def _of(claim: Claim) -> Any:
    return and_(idempotency.c.key_id == claim.key_id, idempotency.c.route == claim.route, idempotency.c.name == claim.name)
