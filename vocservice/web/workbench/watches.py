"""Forms in, watches out: who is notified of what stands out in the workbench, for which saved segment, and when; also as JSON."""

from collections.abc import Collection, Mapping
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from vocservice.errors import InputError
from vocservice.records import Json
from vocservice.store.accounts.users import ANALYST
from vocservice.store.analysed import own, watches
from vocservice.store.analysed.reading import Selection
from vocservice.store.analysed.watches import Watch, Wish
from vocservice.store.review import views
from vocservice.store.review.timing import kept
from vocservice.store.review.views import WORKBENCH
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.requests.telling import DAYS, Form, check_mail, form_of, form_sent, offered, told_in_form
from vocservice.web.state import state
from vocservice.web.workbench.segments import address_of
from vocservice.web.workbench.selecting import asked_of, values_of

blueprint = people.pages("watches")
api = Blueprint("watches_api", __name__)

KEPT = "kept"  # the current segment of a watch
_DOES: Mapping[str, str] = {
    "enable": "is on again.",
    "disable": "is paused.",
    "delete": "has been deleted.",
    "now": "is on its way to you, if a worker runs.",
}


@blueprint.get("/workbench/watches")
@require_role(ANALYST)
def listing() -> Response:
    """The watches of this workspace, and a form to add one."""
    return _page()


@blueprint.post("/workbench/watches")
@require_role(ANALYST)
def add() -> Response:
    """Add a watch."""
    try:
        wish = _wish(None)
        with people.database().write() as connection:
            watches.create(connection, person(), wish)
    except InputError as error:
        return _page(status=422, fault=error.message, form=form_sent())
    return make_response(redirect(url_for("watches.listing"), 303))


@blueprint.get("/workbench/watches/<watch_id>")
@require_role(ANALYST)
def one(watch_id: str) -> Response:
    """One watch, with a form to change it."""
    return _one_page(_watch(watch_id))


@blueprint.post("/workbench/watches/<watch_id>")
@require_role(ANALYST)
def change(watch_id: str) -> Response:
    """Save the form, pause, resume or delete a watch, or send its message to oneself now."""
    held, do = _watch(watch_id), request.form.get("do", "")
    try:
        if do != "save":
            return _done(held, do)
        wish = _wish(held)
        with people.database().write() as connection:
            watches.change(connection, person(), held, wish)
    except InputError as error:
        return _one_page(held, status=422, fault=error.message, form=form_sent() if do == "save" else None)
    return make_response(redirect(url_for("watches.listing"), 303))


@api.get("/v1/watches")
@access.require("feedback:read")
def listing_json() -> Response:
    """Every watch by name, for API keys."""
    workspace_id = access.key().workspace_id
    with state().stored.open().database.read() as connection:
        hidden, found = own.of(connection, workspace_id).hidden, watches.listed(connection, workspace_id)
    return json_answer({"watches": [_told(held, hidden) for held in found]})


@api.get("/v1/watches/<watch_id>")
@access.require("feedback:read")
def one_json(watch_id: str) -> Response:
    """One watch.

    Raises:
        RequestError: there is no such watch in the key's workspace (`not_found`).
    """
    workspace_id = access.key().workspace_id
    with state().stored.open().database.read() as connection:
        try:
            held = watches.get(connection, workspace_id, watch_id)
        except InputError:
            raise RequestError("there is no such watch", code="not_found", status=404) from None
        hidden = own.of(connection, workspace_id).hidden
    return json_answer(_told(held, hidden))


def _told(held: Watch, hidden: Collection[str]) -> Json:
    """A watch as JSON; its readers are counted but not named."""
    timing = kept(held.timing)
    quiet = [timing["quiet_from"], timing["quiet_to"]] if held.timing.quiet else None
    days = [DAYS[day] for day in timing["days"]] if held.is_digest else []
    return {
        **{name: getattr(held, name) for name in ("id", "name", "segment", "is_digest", "tells_endpoints", "is_enabled")},
        "filters": dict(held.filters),
        "hidden_fields": list(held.fields_of(hidden)),
        "timing": {**{name: timing[name] for name in ("zone", "cool_down", "digest_at")}, "quiet": quiet, "days": days},
        "readers": len(held.readers),
        "since": held.since.isoformat(),
        "last_sent_at": held.last_sent_at.isoformat() if held.last_sent_at else None,
        "told": dict(held.told),
    }


def _done(held: Watch, do: str) -> Response:
    """Raises:
    InputError: mail is requested, but no mail server is set (`mail_missing`).
    PageError: the action is unknown.
    """
    if do not in _DOES:
        raise people.PageError("Not possible", "This action on a watch is unknown.", status=422)
    with people.database().write() as connection:
        if do == "delete":
            watches.remove(connection, person(), held)
        elif do == "now":
            check_mail()
            watches.ask_now(connection, person(), held)
        else:
            watches.set_enabled(connection, person(), held, do == "enable")
    return _page(said=f"{held.name} {_DOES[do]}")


def _watch(watch_id: str) -> Watch:
    with people.database().read() as connection:
        try:
            return watches.get(connection, person().workspace_id, watch_id)
        except InputError:
            abort(404)


def _page(*, status: int = 200, fault: str = "", said: str = "", form: Form | None = None) -> Response:
    with people.database().read() as connection:
        hidden = own.of(connection, person().workspace_id).hidden
        held = watches.listed(connection, person().workspace_id)
    found = [(one, address_of(one.filters), one.fields_of(hidden)) for one in held]
    return _shown("watches.html", status=status, fault=fault, said=said, watches=found, form=form or _blank())


def _one_page(held: Watch, *, status: int = 200, fault: str = "", form: Form | None = None) -> Response:
    return _shown("watch.html", status=status, fault=fault, watch=held, form=form or {**form_of(held), "segment": [KEPT]})


def _shown(template: str, *, status: int, **values: object) -> Response:
    with people.database().read() as connection:
        segments = [view for view in views.listed(connection, person(), page=WORKBENCH) if _is_fit(view.filters)]
    return people.shown(template, status=status, segments=segments, **offered(watches.READ_BY), **values)


def _blank() -> Form:
    return {"when": ["digest"], "day": DAYS[:1], "reader": [person().id], "cool_down": ["720"]}


def _wish(held: Watch | None) -> Wish:
    """Parse the form.

    Raises:
        InputError: a value in it is invalid.
    """
    return Wish(*told_in_form(), *_segment(request.form.get("segment", ""), held))


def _segment(chosen: str, held: Watch | None) -> tuple[str, Mapping[str, Any], Selection]:
    """Name, parameters and records of the chosen saved segment: blank for every record, or the current one of a watch.

    Raises:
        InputError: there is none (`view_unknown`), or it cannot be watched (`segment_unfit`).
    """
    if not chosen:
        return "", {}, Selection()
    if chosen == KEPT and held is not None:
        return held.segment, held.filters, held.selection
    with people.database().read() as connection:
        found = next((view for view in views.listed(connection, person(), page=WORKBENCH) if view.id == chosen), None)
    if found is None:
        raise InputError("there is no such saved segment", code="view_unknown")
    selection = asked_of(MultiDict(found.filters)).selection
    return found.name, values_of(selection), selection


def _is_fit(filters: Mapping[str, Any]) -> bool:
    """Whether a saved segment has filters only, as a watch needs."""
    try:
        watches.written(asked_of(MultiDict(filters)).selection)
    except InputError:
        return False
    return True
