"""A request's work in, its answer out, done once under an `Idempotency-Key`."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response

from vocservice.records import Json
from vocservice.store.keys import Key
from vocservice.web.answers import json_answer
from vocservice.web.problems import problem


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and its JSON; of a failure the code and message."""

    status: int
    body: Json


def once(key: Key, route: str, work: Callable[[], Answer]) -> Response:
    """Do the work, or answer as it was answered before."""
    return _shown(work())


def _shown(answer: Answer) -> Response:
    if answer.status < 400:
        return json_answer(answer.body, status=answer.status)
    return problem(answer.status, code=answer.body["code"], detail=answer.body["message"])
