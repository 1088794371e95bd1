"""The review desk: a queue of records that a person should look at, and a page each on which they decide.

A decision is added beside the model's labels, never over them; one that rests on what is no longer so is answered with 409
and what came between.
"""

import secrets
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import urlencode

from flask import Response, abort, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import ConflictError
from vocservice.records import Json
from vocservice.render import LEVEL_NAMES
from vocservice.store import annotations, claims, reviews
from vocservice.store.annotations import Decision, Draft, Seen
from vocservice.store.claims import Claim
from vocservice.store.reviews import Assignee, Case, Choice, State
from vocservice.store.users import ANALYST, SUPPORT_LEAD
from vocservice.taxonomy import Taxonomy
from vocservice.web import people
from vocservice.web.case import label_name, shown, why
from vocservice.web.page import CHANNELS
from vocservice.web.people import PageError, person, require_role
from vocservice.web.state import state
from vocservice.web.view import TITLES, name_of

blueprint = people.pages("desk")

FILTERS = ("state", "label", "scope", "channel", "assignee")
ASSIGNEES: Mapping[str, str] = {"": "Anyone or no one", "free": "No one", "mine": "Me", "others": "Others"}
DECISIONS: Mapping[str, str] = {"confirm": "confirmed", "dismiss": "not a problem", "correct": "corrected"}
MULTI, SINGLE = ("stages", "flags", "reasons"), ("scope", "outcome")


@blueprint.get("/desk")
@require_role(ANALYST)
def queue() -> Response:
    """The queue."""
    user, choice = person(), _choice(request.args)
    with people.database().read() as connection:
        page = reviews.page(connection, user, choice, cursor=request.args.get("cursor"))
        counts = reviews.counts(connection, user.workspace_id)
        last = annotations.last_of(connection, user)
    more = f"{url_for('desk.queue')}?{urlencode({**_filters(choice), 'cursor': page.next})}" if page.next else ""
    return people.shown("desk.html", page=page, counts=counts, choice=choice, last=last, more=more, query=_query(choice), **_words())


@blueprint.get("/desk/next")
@require_role(SUPPORT_LEAD)
def following() -> Response:
    """The most urgent record that nobody else is looking at."""
    choice = _choice(request.args)
    with people.database().read() as connection:
        record_id = reviews.following(connection, person(), choice)
    target = url_for("desk.record", record_id=record_id) if record_id else url_for("desk.queue")
    return make_response(redirect(f"{target}{_query(choice)}"))


@blueprint.get("/desk/<record_id>")
@require_role(ANALYST)
def record(record_id: str) -> Response:
    """One record, with everything that is known of it."""
    return _record_page(record_id, 200)


@blueprint.post("/desk/<record_id>")
@require_role(SUPPORT_LEAD)
def decide(record_id: str) -> Response:
    """Decide, and go on to the next."""
    user, choice = person(), _choice(request.args)
    found = _case(record_id)
    taxonomy = state().model.taxonomy()
    draft, seen = _draft(found, taxonomy), _seen()
    if crowded := _crowded(draft.labels, taxonomy):
        return _record_page(record_id, 422, fault=crowded, draft=draft)
    try:
        with people.database().write() as connection:
            annotations.decide(connection, user, record_id, seen, draft)
    except ConflictError as error:
        return _record_page(record_id, error.status, fault=error.message, draft=draft)
    return make_response(redirect(url_for("desk.following") + _query(choice), 303))


@blueprint.post("/desk/<record_id>/undo")
@require_role(SUPPORT_LEAD)
def undo(record_id: str) -> Response:
    """Take back one's own last decision on a record."""
    _case(record_id)
    with people.database().write() as connection:
        annotations.undo(connection, person(), record_id, request.form.get("annotation", ""))
    return make_response(redirect(url_for("desk.record", record_id=record_id) + _query(_choice(request.args)), 303))


@blueprint.post("/desk/<record_id>/skip")
@require_role(SUPPORT_LEAD)
def skip(record_id: str) -> Response:
    """Let somebody else have it, and go back to the queue."""
    _case(record_id)
    with people.database().write() as connection:
        claims.release(connection, person(), record_id)
    return make_response(redirect(url_for("desk.queue") + _query(_choice(request.args)), 303))


def _record_page(record_id: str, status: int, *, fault: str = "", draft: Draft | None = None) -> Response:
    user, choice = person(), _choice(request.args)
    found, claim = _case(record_id), _claim(record_id)
    with people.database().read() as connection:
        history = annotations.listed(connection, user.workspace_id, record_id)
        earlier = reviews.earlier(connection, user.workspace_id, found)
    standing = next((annotation for annotation in reversed(history) if annotation.undone_at is None), None)
    labels = draft.labels if draft else standing.labels if standing else annotations.given_labels(found.result)
    values = {
        "case": found,
        "view": shown(found.result, state().model.taxonomy()),
        "history": history,
        "standing": standing,
        "steps": annotations.steps(history),
        "earlier": earlier,
        "claim": claim,
        "labels": labels,
        "note": draft.note if draft else "",
        "submission": secrets.token_urlsafe(16),
        "fault": fault,
    }
    return people.shown("record.html", status=status, query=_query(choice), **values, **_words())


def _case(record_id: str) -> Case:
    with people.database().read() as connection:
        found = reviews.case(connection, person().workspace_id, record_id)
    return found or abort(404)


def _claim(record_id: str) -> Claim | None:
    """The claim on a record, taken where nobody has it; None for those who may not decide."""
    user = person()
    if not user.may(SUPPORT_LEAD):
        return None
    with people.database().write() as connection:
        return claims.take(connection, user, record_id)


def _choice(args: Mapping[str, str]) -> Choice:
    """The filters of a query; what is not known is left out."""
    asked = {name: args.get(name, "")[:100] for name in FILTERS}
    chosen: State = "decided" if asked["state"] == "decided" else "pending"
    assignee: Assignee = next((name for name in get_args(Assignee) if name == asked["assignee"]), "")
    return Choice(chosen, asked["label"], asked["scope"], asked["channel"], assignee)


def _filters(choice: Choice) -> dict[str, str]:
    values = {name: str(getattr(choice, name)) for name in FILTERS}
    return {name: value for name, value in values.items() if value and (name, value) != ("state", "pending")}


def _query(choice: Choice) -> str:
    filters = _filters(choice)
    return f"?{urlencode(filters)}" if filters else ""


def _words() -> dict[str, Any]:
    """How keys are said on these pages."""
    taxonomy = state().model.taxonomy()
    return {
        "taxonomy": taxonomy,
        "channels": CHANNELS,
        "levels": LEVEL_NAMES,
        "assignees": ASSIGNEES,
        "decisions": DECISIONS,
        "label_name": lambda label: label_name(taxonomy, label),
        "why": lambda labels: why(taxonomy, labels),
        "name_of": lambda name, key, polarity=None: name_of(taxonomy, name, key, polarity),
        "on_desk": person().may(SUPPORT_LEAD),
    }


def _seen() -> Seen:
    form = request.form
    try:
        return Seen(int(form.get("revision", "")), form.get("bundle", ""), int(form.get("steps", "")))
    except ValueError:
        raise PageError("Form refused", "This form is incomplete. Reload the page and send it again.", status=400) from None


def _draft(found: Case, taxonomy: Taxonomy) -> Draft:
    form = request.form
    decision: Decision | None = next((name for name in get_args(Decision) if name == form.get("decision")), None)
    submission = form.get("submission", "")
    if decision is None or not (submission.isascii() and submission.isprintable() and 16 <= len(submission) <= 40):
        raise PageError("Form refused", "This form is incomplete. Reload the page and send it again.", status=400)
    given = annotations.given_labels(found.result)
    labels = _labels(form, given, taxonomy) if decision == "correct" else given
    if decision == "dismiss" and given["needs_review"] is not None:
        labels = {**given, "needs_review": False, "reasons": []}
    return Draft(decision, labels, form.get("note", "")[: annotations.LONGEST_NOTE], submission)


def _labels(form: MultiDict[str, str], given: Json, taxonomy: Taxonomy) -> Json:
    """The labels that were chosen, those of the model first; a key that it does not have counts for nothing."""
    chosen: Json = dict(given)
    for name in (name for name in MULTI if name in taxonomy and taxonomy[name].kind == "multi"):
        wanted = set(form.getlist(name))
        chosen[name] = [key for key in dict.fromkeys((*given[name], *taxonomy[name].keys)) if key in wanted]
    for name in (name for name in SINGLE if name in taxonomy):
        chosen[name] = form[name] if form.get(name) in taxonomy[name].keys else given[name]
    if "factors" in taxonomy:
        first = (factor["key"] for factor in given["factors"])
        signs = {key: form.get(f"factors.{key}", "") for key in dict.fromkeys((*first, *taxonomy["factors"].keys))}
        chosen["factors"] = [{"key": key, "polarity": sign} for key, sign in signs.items() if sign in taxonomy["factors"].polarities]
    if form.get("sentiment") in {str(level) for level in LEVEL_NAMES}:
        chosen["sentiment"] = int(form["sentiment"])
    if given["needs_review"] is not None:
        chosen["needs_review"] = bool(form.get("needs_review"))
    return chosen


def _crowded(labels: Json, taxonomy: Taxonomy) -> str:
    """What is wrong with a set that holds more labels than it may; blank where none does."""
    for name in (name for name in MULTI if name in taxonomy):
        most = taxonomy[name].max_labels
        if most is not None and len(labels[name]) > most:
            return f"{TITLES[name]}: at most {most} can be chosen. Nothing was stored."
    return ""
