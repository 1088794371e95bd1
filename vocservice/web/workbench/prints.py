"""A selection in, its report as a PDF or a chart as a PNG out, rendered by local Chromium, one at a time per process.

It renders the self-contained page of the report: the browser has no network, no session and a temporary profile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Semaphore
from typing import TYPE_CHECKING, TypeVar

from flask import Response, abort, current_app, request
from flask.blueprints import BlueprintSetupState

from vocservice.browser import Browser
from vocservice.errors import OutputError, StoreError
from vocservice.store.accounts.users import ANALYST
from vocservice.web import logs
from vocservice.web.accounts import people
from vocservice.web.accounts.people import PageError, person, require_role
from vocservice.web.workbench.pages import attached, looking_at
from vocservice.web.workbench.selecting import asked_of

if TYPE_CHECKING:  # numpy is imported with the first figure: gunicorn forks, and numpy's threads must not exist before
    from vocservice.reporting.report import Report

blueprint = people.pages("prints")

Made = TypeVar("Made")
DRAWN_SECONDS = 60.0
PATIENCE_SECONDS = 10.0
_NAME = "vocservice.prints"
_MISSING = (
    "PDF and PNG need Chromium, which is not installed on this server: ask its operator to install chromium or google-chrome. "
    "You can also print the one-page report from your own browser."
)
_FAILED = "The browser on this server did not finish in time. Try again with fewer records, or print the one-page report yourself."


@blueprint.get("/workbench/report.pdf")
@require_role(ANALYST)
def report_pdf() -> Response:
    """The page of the report as an A4 PDF."""
    from vocservice.reporting.page import render

    return attached(drawn(_report(), lambda browser, report: browser.pdf(render(report))), "report", "pdf")


@blueprint.get("/workbench/pictures/<name>.png")
@require_role(ANALYST)
def picture(name: str) -> Response:
    """One chart as a picture for slides, 1600 by 900."""
    from vocservice.reporting.page import slide

    return attached(drawn(_report(), lambda browser, report: browser.png(slide(report, name) or abort(404))), name, "png")


@blueprint.record_once
def _attach(setup: BlueprintSetupState) -> None:
    """Limits rendering: a browser takes more memory than anything else here, and each waiting request holds a thread."""
    setup.app.extensions[_NAME] = Semaphore(1), Semaphore(2)


def drawn(make: Callable[[], Made], draw: Callable[[Browser, Made], bytes]) -> bytes:
    """Render something that is made first.

    Raises:
        PageError: there is no browser (501), or it failed or took too long (503).
        StoreError: others are being rendered or wait, or too many reports are waited for (`queue_full`).
    """
    browser = _browser()
    seat, room = current_app.extensions[_NAME]
    with _taken(room):
        made = make()
        with _taken(seat, seconds=PATIENCE_SECONDS):
            return _tried(lambda: draw(browser, made))


def _report() -> "Callable[[], Report]":
    """A function that makes the requested report; faults of the request are raised before."""
    asked, workspace_id = asked_of(request.args), person().workspace_id
    return lambda: looking_at(workspace_id, asked).whole()


def _tried(draw: Callable[[], bytes]) -> bytes:
    try:
        return draw()
    except OutputError as error:
        logs.log_failure(error)
        raise PageError("Not drawn", _FAILED, status=503) from None


def _browser() -> Browser:
    try:
        return Browser(Browser.find().program, DRAWN_SECONDS)
    except OutputError:
        raise PageError("No browser here", _MISSING, status=501) from None


@contextmanager
def _taken(places: Semaphore, *, seconds: float = 0.0) -> Iterator[None]:
    """Hold one of the places, waiting up to a time limit."""
    if not places.acquire(timeout=seconds):
        raise StoreError("another file is being rendered; try again in a moment", code="queue_full")
    try:
        yield
    finally:
        places.release()
