"""The end of a process in, notice to clients and probes out: work in progress is finished.

From then on write requests are refused, so that clients retry at another process. Reads are answered to the end.
"""

from threading import Event

from flask import Flask, Response, request

from vocservice.errors import StoppingError
from vocservice.web.problems import RETRY_AFTER, problem

LINGER_SECONDS = 1.0  # how long a stopping process still listens, to refuse requests
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_BEGUN = Event()
_TOLD = "this process is stopping; try another one"


def begin() -> None:
    """Mark this process as stopping."""
    _BEGUN.set()


def check() -> None:
    """Check that new work is accepted.

    Raises:
        StoppingError: this process is stopping.
    """
    if _BEGUN.is_set():
        raise StoppingError(_TOLD)


def register(app: Flask) -> None:
    """Refuse requests that may write while the process of an application stops."""
    app.before_request(_refuse)


def _refuse() -> Response | None:
    """The same answer for programs and pages, because the error handling of pages reads the store."""
    if request.method in SAFE or not _BEGUN.is_set():
        return None
    return problem(StoppingError.status, code=StoppingError.code, detail=_TOLD, headers=[RETRY_AFTER])
