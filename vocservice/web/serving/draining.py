"""The end of a process in, the news of it to whoever sends work or asks whether it is ready out: what was begun is finished.

From then on nothing is written any more: such requests are told to come again, to another process. Reading goes on to the end.
"""

from threading import Event

from flask import Flask, Response, request

from vocservice.errors import StoppingError
from vocservice.web.problems import RETRY_AFTER, problem

LINGER_SECONDS = 1.0  # how long a process that was told to stop still listens, to say so
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_BEGUN = Event()
_TOLD = "this process is stopping; try another one"


def begin() -> None:
    """This process was told to stop."""
    _BEGUN.set()


def check() -> None:
    """Whether new work may come.

    Raises:
        StoppingError: this process is about to end.
    """
    if _BEGUN.is_set():
        raise StoppingError(_TOLD)


def register(app: Flask) -> None:
    """Refuse whatever could change something while the process of an application stops."""
    app.before_request(_refuse)


def _refuse() -> Response | None:
    """The same answer for programs and for pages, whose own handling of errors reads the store."""
    if request.method in SAFE or not _BEGUN.is_set():
        return None
    return problem(StoppingError.status, code=StoppingError.code, detail=_TOLD, headers=[RETRY_AFTER])
