"""A request's work in, its answer out; done once per `Idempotency-Key`: a repeated request gets the first answer."""

from collections.abc import Callable
from contextlib import suppress

from flask import Response, request

from vocservice.errors import StoreError
from vocservice.store.accounts.keys import Key
from vocservice.store.database import Database
from vocservice.store.received import idempotency
from vocservice.store.received.idempotency import Answer, Claim
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError, problem
from vocservice.web.state import state

HEADER = "Idempotency-Key"
LONGEST = 255


def once(key: Key, work: Callable[[Claim | None], Answer]) -> Response:
    """Do the work, which is given the claim, or return the first answer. For a failure, the answer keeps code and message.

    Raises:
        IdempotencyError: this Idempotency-Key came with another body.
        RequestBusyError: the first request is still being answered.
        RequestError: the header is invalid.
    """
    claim = _claim(key)
    if claim is None:
        return _shown(work(None))
    database = state().stored.open().database
    with database.write() as connection:
        earlier = idempotency.reserve(connection, claim)
    return _shown(earlier or _first(database, claim, work))


def _first(database: Database, claim: Claim, work: Callable[[Claim | None], Answer]) -> Answer:
    """Failed work frees the key, so that a retry runs again; completed work stays, even if its answer cannot be stored."""
    try:
        answer = work(claim)
    except Exception:
        with suppress(StoreError), database.write() as connection:
            idempotency.release(connection, claim)
        raise
    with suppress(StoreError), database.write() as connection:
        idempotency.settle(connection, claim, answer)
    return answer


def _claim(key: Key) -> Claim | None:
    name = request.headers.get(HEADER)
    if name is None:
        return None
    if not 0 < len(name) <= LONGEST or not name.isascii() or not name.isprintable():
        raise RequestError(f"{HEADER} has 1 to {LONGEST} visible characters", code="parameter_invalid")
    rule = request.url_rule.rule if request.url_rule else ""
    return idempotency.claim_of(key.id, f"{request.method} {rule}", name, request.get_data())


def _shown(answer: Answer) -> Response:
    if answer.status < 400:
        return json_answer(answer.body, status=answer.status)
    return problem(answer.status, code=answer.body["code"], detail=answer.body["message"])
