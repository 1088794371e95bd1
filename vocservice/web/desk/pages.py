"""The review desk: a queue of records that need a person, and a page for each on which people decide.

A decision is stored beside the model's labels, which stay. If the record or its decisions changed since the page was loaded, the answer
is 409 with the current state.
"""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response, abort, jsonify, make_response, redirect, request, url_for

from vocservice.errors import ConflictError
from vocservice.pace import pace_of
from vocservice.records import Json
from vocservice.render import LEVEL_NAMES
from vocservice.reporting.recovery import are_mended, causes_of
from vocservice.store.accounts.users import ANALYST, SUPPORT_LEAD, User
from vocservice.store.analysed import issues
from vocservice.store.database import now
from vocservice.store.review import annotations, bulks, cases, claims, drafts, handling, reviews, rule_hits, second, views
from vocservice.store.review.annotations import Annotation, Draft, Seen
from vocservice.store.review.bulks import Action, Bulk
from vocservice.store.review.cases import Case
from vocservice.store.review.drafts import Kept
from vocservice.store.review.holders import Claim
from vocservice.store.review.reviews import Counts, Sort, State
from vocservice.store.review.urgency import NEEDS_REVIEW, SHOWN_SETS, counts, rules
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.desk import deciding
from vocservice.web.desk.choosing import choice_of, filters_of, query_of
from vocservice.web.desk.fired import fired
from vocservice.web.page import CHANNELS
from vocservice.web.requests.query import told
from vocservice.web.shown.case import clock, shown, why
from vocservice.web.shown.course import course_of
from vocservice.web.shown.view import TITLES, label_name, name_of
from vocservice.web.state import state

blueprint = people.pages("desk")

ASSIGNEES: Mapping[str, str] = {"": "Any", "free": "No one", "mine": "Me", "others": "Others"}
ACTS: Mapping[Action, str] = {
    "confirm": "Confirmed",
    "dismiss": "Not a problem",
    "assign": "Assigned",
    "snooze": "Postponed",
    "tag": "Tagged",
    "untag": "Tag removed",
}
DECISIONS: Mapping[str, str] = {"confirm": "confirmed", "dismiss": "not a problem", "correct": "corrected"}
STATES: Mapping[State, str] = {"pending": "Waiting", "draft": "My drafts", "later": "Postponed", "decided": "Decided"}
SORTS: Mapping[Sort, str] = {"urgency": "Most urgent", "oldest": "Longest waiting"}


@blueprint.get("/desk")
@require_role(ANALYST)
def queue() -> Response:
    """The queue."""
    user, choice = person(), choice_of(request.args)
    counted = state().tally.of(people.database(), user.workspace_id)
    with people.database().read() as connection:
        page = reviews.page(connection, user, choice, cursor=request.args.get("cursor"))
        last = _last(connection, user)
        seen = annotations.seen(connection, user.workspace_id, [item.record_id for item in page.items])
        done = _done(connection, user)
        tags, deciders = handling.known_tags(connection, user.workspace_id), handling.people(connection, user.workspace_id)
        saved = [(view, f"{url_for('desk.queue')}{query_of(choice_of(view.filters))}") for view in views.listed(connection, user)]
    more = f"{url_for('desk.queue')}?{urlencode({**filters_of(choice), 'cursor': page.next})}" if page.next else ""
    values: dict[str, Any] = {"page": page, "counted": counted, "last": last, "more": more, "seen": seen, "done": done, "saved": saved}
    values |= {"tags": tags, "deciders": deciders, "given": _given(counted.counts)}
    return people.shown("desk.html", choice=choice, query=query_of(choice), submission=secrets.token_urlsafe(16), **values, **words())


@blueprint.get("/desk/next")
@require_role(SUPPORT_LEAD)
def following() -> Response:
    """Claim the next record that nobody has claimed: the first of the queue, or the one after `after`."""
    choice = choice_of(request.args)
    with people.database().write() as connection:
        record_id = claims.take_following(connection, person(), choice, after=told(request.args, "after"))
    target = url_for("desk.record", record_id=record_id) if record_id else url_for("desk.queue")
    return make_response(redirect(f"{target}{query_of(choice)}"))


@blueprint.get("/desk/<record_id>")
@require_role(ANALYST)
def record(record_id: str) -> Response:
    """One record."""
    return _record_page(record_id, 200)


@blueprint.post("/desk/<record_id>")
@require_role(SUPPORT_LEAD)
def decide(record_id: str) -> Response:
    """Store a decision and go to the next record."""
    user, found = person(), case_of(record_id)
    taxonomy = state().model.taxonomy()
    draft, seen = deciding.draft_of(found, taxonomy), deciding.seen_of_form()
    is_second = bool(request.form.get("second"))
    if crowded := deciding.crowded(draft.labels, taxonomy):
        return _refused(found, 422, crowded, draft)
    try:
        with people.database().write() as connection:
            (second.read if is_second else annotations.decide)(connection, user, record_id, seen, draft)
            claims.release(connection, user, record_id)
    except ConflictError as error:
        return _refused(found, error.status, error.message, draft)
    if is_second:
        return make_response(redirect(url_for("second.waiting"), 303))
    return make_response(redirect(_onward(record_id), 303))


@blueprint.post("/desk/<record_id>/draft")
@require_role(SUPPORT_LEAD)
def draft(record_id: str) -> Response:
    """Save or discard a draft; saving renews the claim. A script that asks for JSON gets the version."""
    found = case_of(record_id)
    version = _drop_draft(found) if request.form.get("drop") else _save_draft(found, seen=deciding.seen_of_form())
    with people.database().write() as connection:  # by itself: a decision takes the locks of claim and draft the other way round
        claims.take(connection, person(), record_id)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(version=version)
    return _back(record_id)


@blueprint.post("/desk/<record_id>/take")
@require_role(SUPPORT_LEAD)
def take_over(record_id: str) -> Response:
    """Claim a record that another person has open."""
    case_of(record_id)
    with people.database().write() as connection:
        claims.take_over(connection, person(), record_id)
    return _back(record_id)


@blueprint.post("/desk/<record_id>/claim")
@require_role(SUPPORT_LEAD, is_use=False)
def renew(record_id: str) -> Response:
    """Renew the claim of an open page; its script gets the name of another holder, blank if there is none."""
    case_of(record_id)
    holder = _holder(record_id)
    return jsonify(holder=holder.name if holder else "")


@blueprint.post("/desk/<record_id>/undo")
@require_role(SUPPORT_LEAD)
def undo(record_id: str) -> Response:
    """Undo one's own last decision on a record."""
    case_of(record_id)
    with people.database().write() as connection:
        annotations.undo(connection, person(), record_id, request.form.get("annotation", ""))
    return _back(record_id)


@blueprint.post("/desk/<record_id>/skip")
@require_role(SUPPORT_LEAD)
def skip(record_id: str) -> Response:
    """Release the record and go to the next."""
    case_of(record_id)
    with people.database().write() as connection:
        claims.release(connection, person(), record_id)
    return make_response(redirect(_onward(record_id), 303))


def case_of(record_id: str) -> Case:
    """A record of the reader's workspace; 404 for any other id."""
    with people.database().read() as connection:
        found = cases.of(connection, person().workspace_id, record_id)
    return found or abort(404)


def _onward(record_id: str) -> str:
    """The address that leads from a record to the next, with the same filters."""
    return f"{url_for('desk.following')}?{urlencode({**filters_of(choice_of(request.args)), 'after': record_id})}"


def _back(record_id: str) -> Response:
    """Redirect to the record, with the same filters."""
    return make_response(redirect(url_for("desk.record", record_id=record_id) + query_of(choice_of(request.args)), 303))


def _refused(found: Case, status: int, fault: str, draft: Draft) -> Response:
    """The record with the choices kept: in the form, or as a draft if another person holds the record, when there is no form."""
    if _holder(found.record_id):
        try:
            _save_draft(found)
            fault = f"{fault}; your choices are saved as a draft"
        except ConflictError as error:
            fault = f"{fault}; {error.message}"
    return _record_page(found.record_id, status, fault=fault, draft=draft)


def _save_draft(found: Case, *, seen: Seen | None = None) -> int:
    """Save the form as a draft and return its version.

    Raises:
        ConflictError: there is a newer draft, from another window, or its author decided since the form was made (`seen`).
    """
    labels = deciding.labels_of_form(annotations.given_labels(found.result), state().model.taxonomy())
    values: dict[str, Any] = {"version": deciding.kept_of_form(), "revision": found.revision, "labels": labels}
    with people.database().write() as connection:
        if seen:
            annotations.refuse_decided(connection, person(), found.record_id, seen)
        return drafts.save(connection, person(), found.record_id, note=request.form.get("note", ""), **values)


def _drop_draft(found: Case) -> int:
    with people.database().write() as connection:
        drafts.drop(connection, person(), found.record_id)
    return drafts.NONE


def _record_page(record_id: str, status: int, *, fault: str = "", draft: Draft | None = None) -> Response:
    user, choice = person(), choice_of(request.args)
    found, holder = case_of(record_id), _holder(record_id)
    with people.database().read() as connection:
        history = annotations.listed(connection, user.workspace_id, record_id)
        kept = drafts.of(connection, user, record_id)
    around = _around(user, found)
    steps, is_blind = annotations.steps(history), around["is_blind"]
    history = [] if is_blind else history
    standing = next((annotation for annotation in reversed(history) if annotation.undone_at is None), None)
    given = annotations.given_labels(found.result)
    labels = {name: value for name, value in _labels(draft, kept, standing, found).items() if value is not None}
    values = {
        "case": found,
        **_course(found, standing),
        "view": shown(found.result, state().model.taxonomy()),
        "history": history,
        "standing": standing,
        "steps": steps,
        "holder": holder,
        "renewed_every": claims.RENEWED_EVERY.total_seconds(),
        "kept": kept,
        "given": given,
        "labels": given | labels,
        "note": draft.note if draft else kept.note if kept else "",
        "submission": secrets.token_urlsafe(16),
        "fault": fault,
        "onward": _onward(record_id),
    }
    return people.shown("record.html", status=status, query=query_of(choice), **around, **values, **words())


def _given(counts: Counts | None) -> Mapping[str, Mapping[str, int | None]]:
    """The values to filter the queue by, with the number of waiting records, None if not known."""
    if counts:
        return {"labels": counts.labels, "scopes": counts.scopes, "channels": counts.channels}
    taxonomy = state().model.taxonomy()
    keys = [f"{name}.{key}" for name in (*SHOWN_SETS, "outcome") if name in taxonomy for key in taxonomy[name].keys]
    scopes = taxonomy["scope"].keys if "scope" in taxonomy else ()
    return {"labels": dict.fromkeys([*keys, NEEDS_REVIEW]), "scopes": dict.fromkeys(scopes), "channels": dict.fromkeys(CHANNELS)}


def _course(found: Case, standing: Annotation | None) -> dict[str, Any]:
    """How a transcript went, by the decision on this text if there is one, and the issues of its causes; empty for a text."""
    turns = found.result.get("turns")
    if turns is None:
        return {"course": None, "issues": []}
    is_held, taxonomy = standing is not None and standing.revision == found.revision, state().model.taxonomy()
    labels = standing.labels if standing and is_held else annotations.given_labels(found.result)
    causes = causes_of(found.result, labels, taxonomy)
    with people.database().read() as connection:
        is_mended = are_mended(causes, found.day, issues.mended(connection, person().workspace_id))
        about = issues.about(connection, person().workspace_id, causes)
    said = found.said if len(found.said) == len(turns) else ()
    return {"course": course_of(pace_of(said), found.result, labels, taxonomy, is_mended=is_mended), "issues": about}


def _labels(draft: Draft | None, kept: Kept | None, standing: Annotation | None, found: Case) -> Json:
    """The labels that the form starts with: those sent, else a draft on the same text, else the decision, else the model's."""
    if draft:
        return draft.labels
    if kept and kept.revision == found.revision:
        return kept.labels
    return standing.labels if standing else annotations.given_labels(found.result)


def _around(user: User, found: Case) -> dict[str, Any]:
    """Everything else that the page shows of a record."""
    with people.database().read() as connection:
        at = now(connection)
        hits = rule_hits.of(connection, found.record_id, revision=found.revision, bundle=found.bundle, result=found.result)
        return {
            "fired": fired(found.result, hits, _owners(found)),
            "earlier": cases.earlier(connection, user.workspace_id, found),
            "handled": handling.of(connection, [found.record_id], at=at)[found.record_id],
            "done": _done(connection, user),
            "last": _last(connection, user),
            "deciders": handling.people(connection, user.workspace_id),
            "is_blind": user.may(SUPPORT_LEAD) and second.asked(connection, user, found.record_id),
            "dispute": second.dispute(connection, user.workspace_id, found.record_id),
            "at": at,
        }


def _owners(found: Case) -> Mapping[str, str]:
    """The owner of each rule of the installation; empty if none of them matched."""
    if not found.result.get("rules"):
        return {}
    rules = state().model.installed_rules()
    if rules is None:
        return {rule["id"]: "" for rule in found.result["rules"]}
    return {rule.id: rule.owner for rule in rules}


def _done(connection: Any, user: User) -> Bulk | None:
    """The reader's bulk action that led here, to offer its undo; None without one."""
    return bulks.find(connection, user, told(request.args, "done")) if "done" in request.args else None


def _last(connection: Any, user: User) -> Annotation | None:
    """The reader's last decision, to offer its undo; None without one."""
    return annotations.last_of(connection, user) if user.may(SUPPORT_LEAD) else None


def _holder(record_id: str) -> Claim | None:
    """Claim a record unless another person has; return their claim. None if the reader holds it or may not decide."""
    user = person()
    if not user.may(SUPPORT_LEAD):
        return None
    with people.database().write() as connection:
        held = claims.take(connection, user, record_id)
    return None if held.user_id == user.id else held


def words() -> dict[str, Any]:
    """Names and helpers that these templates use."""
    taxonomy = state().model.taxonomy()
    return {
        "taxonomy": taxonomy,
        "channels": CHANNELS,
        "levels": LEVEL_NAMES,
        "assignees": ASSIGNEES,
        "states": STATES,
        "sorts": SORTS,
        "acts": ACTS,
        "clock": clock,
        "decisions": DECISIONS,
        "titles": TITLES,
        "label_name": lambda label: label_name(taxonomy, label),
        "why": lambda labels: why(taxonomy, (one for one in labels if not one.startswith("outcome.") or counts(one, rules()))),
        "name_of": lambda name, key, polarity=None: name_of(taxonomy, name, key, polarity),
        "on_desk": person().may(SUPPORT_LEAD),
    }
