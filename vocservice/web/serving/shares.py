"""The threads of a server in, the limit for long requests out: the rest is reserved for short ones, which never wait.

A large request holds its thread as long as its sender takes; shares limit those, and analyses
(`vocservice.web.model`).
"""

from http import HTTPStatus
from threading import BoundedSemaphore

from flask import Flask, Response, current_app, g, request

from vocservice.web.problems import RETRY_AFTER, problem

_NAME = "vocservice.coming"


def coming(threads: int) -> int:
    """How many large requests may be received at a time."""
    return max(1, threads // 4)


def analyses(threads: int) -> int:
    """How many requests may use the model, or wait for it, at a time."""
    return max(1, threads // 2)


def attach(app: Flask, threads: int) -> None:
    """Refuse large requests beyond their share of threads."""
    app.extensions[_NAME] = BoundedSemaphore(coming(threads))
    app.before_request(_take)
    app.teardown_request(_give_back)


def _take() -> Response | None:
    """Only our connections under gunicorn know this; elsewhere each request has its own thread."""
    if not getattr(request.environ.get("gunicorn.socket"), "is_coming", False):
        return None
    if not _share().acquire(blocking=False):
        detail = "too many large requests are being received: send it again"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, code="uploads_full", detail=detail, headers=[RETRY_AFTER])
    g.is_coming = True
    return None


def _give_back(_: BaseException | None) -> None:
    if g.pop("is_coming", False):
        _share().release()


def _share() -> BoundedSemaphore:
    found: BoundedSemaphore = current_app.extensions[_NAME]
    return found
