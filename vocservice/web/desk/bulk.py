"""Selected records of the queue in, one action on all of them out, with its undo; and saved views.

The page of one record sends the same forms for that record.
"""

from typing import get_args
from urllib.parse import urlencode

from flask import Response, make_response, redirect, request, url_for

from vocservice.store.accounts.users import SUPPORT_LEAD
from vocservice.store.review import bulks, views
from vocservice.store.review.annotations import Seen
from vocservice.store.review.bulks import Action, Wish
from vocservice.web.accounts import people
from vocservice.web.accounts.people import PageError, person, require_role
from vocservice.web.desk.choosing import choice_of, filters_of
from vocservice.web.desk.deciding import incomplete, is_submission

blueprint = people.pages("bulk")


@blueprint.post("/desk/bulk")
@require_role(SUPPORT_LEAD)
def act() -> Response:
    """Apply one action to every selected record."""
    wish, seen = _wish(), {record_id: _seen(record_id) for record_id in request.form.getlist("pick")}
    with people.database().write() as connection:
        done = bulks.do(connection, person(), seen, wish)
    return _back(done=done.id)


@blueprint.post("/desk/bulk/<bulk_id>/undo")
@require_role(SUPPORT_LEAD)
def undo(bulk_id: str) -> Response:
    """Undo a bulk action."""
    with people.database().write() as connection:
        bulks.undo(connection, person(), bulk_id)
    return _back(done=bulk_id)


@blueprint.post("/desk/views")
@require_role(SUPPORT_LEAD)
def save_view() -> Response:
    """Save the queue's filters as a view."""
    with people.database().write() as connection:
        views.save(connection, person(), request.form.get("name", ""), filters_of(choice_of(request.args)), is_shared=_is_shared())
    return _back()


@blueprint.post("/desk/views/<view_id>/delete")
@require_role(SUPPORT_LEAD)
def delete_view(view_id: str) -> Response:
    """Delete a view."""
    with people.database().write() as connection:
        views.forget(connection, person(), view_id)
    return _back()


def _is_shared() -> bool:
    return request.form.get("shared") == "1"


def _wish() -> Wish:
    """The action of a form: name and value in one field, as in `snooze:3`; a tag has a field of its own."""
    name, _, value = request.form.get("action", "").partition(":")
    action: Action | None = next((known for known in get_args(Action) if known == name), None)
    submission = request.form.get("submission", "")
    if action is None:
        raise PageError("Nothing was chosen", "Choose what to do with the records, then send the form again.", status=422)
    if not is_submission(submission):
        raise incomplete()
    return Wish(action, submission, request.form.get("tag", "") if action in ("tag", "untag") else value)


def _seen(record_id: str) -> Seen:
    """The state of a record that the form showed: revision, steps and bundle."""
    revision, _, rest = request.form.get(f"seen.{record_id}", "").partition(".")
    steps, _, bundle = rest.partition(".")
    try:
        return Seen(int(revision), bundle, int(steps))
    except ValueError:
        raise incomplete() from None


def _back(**more: str) -> Response:
    """Redirect to the page that the form came from: a record, or the queue with its filters."""
    only = request.form.get("record", "")
    target = url_for("desk.record", record_id=only) if only else url_for("desk.queue")
    query = {**filters_of(choice_of(request.args)), **more}
    return make_response(redirect(target + (f"?{urlencode(query)}" if query else ""), 303))
