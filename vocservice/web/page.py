"""A form in, the same page with the labels of its text out: `GET /` and `POST /`, rendered here, no script.

The text is shown as analysed (redacted), never as sent, and never appears in a URL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template, request

from vocservice.errors import BundleError
from vocservice.records import Analysis
from vocservice.web.api.analyse import status_of
from vocservice.web.requests.batch import record_of
from vocservice.web.requests.body import read_bytes
from vocservice.web.shown.view import View, view_of
from vocservice.web.state import state

blueprint = Blueprint("page", __name__)

CHANNELS: Mapping[str, str] = {
    "review": "Review",
    "survey": "Survey",
    "tweet": "Social post",
    "email": "E-mail",
    "chat": "Chat",
    "phone": "Phone",
}
LONGEST_QUESTION = 500


@dataclass(frozen=True, slots=True)
class Filled:
    """Content of the page: a result, or why there is none."""

    status: int = HTTPStatus.OK
    view: View | None = None
    fault: str = ""
    channel: str = ""


@blueprint.get("/")
def form() -> Response:
    """The empty form."""
    return _page(Filled())


@blueprint.post("/")
def result() -> Response:
    """The form with the labels of the submitted text."""
    read_bytes(request, max_bytes=state().limits.max_body_bytes)
    sent = request.form
    return _page(_filled(sent.get("text", ""), channel=sent.get("channel", ""), question=sent.get("question", "")))


def _filled(text: str, *, channel: str, question: str) -> Filled:
    channel = channel if channel in CHANNELS else ""
    if state().limits.require_key:
        return Filled(HTTPStatus.FORBIDDEN, fault="this service analyses for API keys only", channel=channel)
    item = {"text": text, "channel": channel or None, "question": question.strip()[:LONGEST_QUESTION] or None}
    try:
        analyser = state().model.analyser()
        outcome = state().model.result(record_of(item, number=1, limits=state().limits))
    except BundleError as error:
        return Filled(error.status, fault=error.message, channel=channel)
    if isinstance(outcome, Analysis):
        return Filled(view=view_of(outcome, analyser.taxonomy), channel=channel)
    return Filled(status_of(outcome), fault=outcome.message, channel=channel)


def _page(filled: Filled) -> Response:
    shown = render_template(
        "page.html",
        filled=filled,
        channels=CHANNELS,
        longest=state().limits.max_text,
        longest_question=LONGEST_QUESTION,
        is_ready=_is_ready(),
    )
    return make_response(shown, filled.status)


def _is_ready() -> bool:
    try:
        state().model.analyser()
    except BundleError:
        return False
    return True
