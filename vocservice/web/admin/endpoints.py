"""Forms in, endpoints for events out: their events, secrets and deliveries, for admins.

A secret is shown once, on the page that created it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Response, abort, make_response, redirect, request, url_for

from vocservice.errors import EndpointError, InputError
from vocservice.jobs.guard import checked
from vocservice.store.accounts.users import ADMIN, User
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.analysed.endpoints import EVENTS, Endpoint
from vocservice.web.accounts import people
from vocservice.web.accounts.people import person, require_role
from vocservice.web.requests.telling import form_sent
from vocservice.web.state import state

blueprint = people.pages("endpoints")

LOGGED = 50
SAYS: Mapping[str, str] = {
    endpoints.ANALYSED: "a record was labelled",
    endpoints.FLAGGED: "a transcript needs review",
    endpoints.REJECTED: "a record could not be labelled",
    endpoints.RAISED: "an alert was raised for a record",
    endpoints.FOUND: "a watch of the workbench found something",
}


@blueprint.get("/admin/endpoints")
@require_role(ADMIN)
def listing() -> Response:
    """The endpoints of this workspace, and a form to add one."""
    return _page()


@blueprint.post("/admin/endpoints")
@require_role(ADMIN)
def add() -> Response:
    """Add an endpoint; its secret is shown on this answer only."""
    url, user = request.form.get("url", "").strip(), person()
    try:
        checked(url, state().outbound)
        with people.database().write() as connection:
            wanted = request.form.getlist("event")
            made, secret = endpoints.create(connection, people.vault(), user.workspace_id, url=url, events=wanted, actor=user.actor)
    except (EndpointError, InputError) as error:
        return _page(status=422, fault=error.message)
    return _page_of(made.id, secret=secret)


@blueprint.get("/admin/endpoints/<endpoint_id>")
@require_role(ADMIN)
def one(endpoint_id: str) -> Response:
    """One endpoint: events, secret and delivery log."""
    return _page_of(endpoint_id)


@blueprint.post("/admin/endpoints/<endpoint_id>")
@require_role(ADMIN)
def change(endpoint_id: str) -> Response:
    """Change the events, pause or resume, or retry failed deliveries."""
    do, user = DOES.get(request.form.get("do", "")), person()
    if do is None:
        raise people.PageError("Not possible", "This action on an endpoint is unknown.", status=422)
    try:
        with people.database().write() as connection:
            said = do(connection, _held(connection, endpoint_id), user)
    except InputError as error:
        return _page_of(endpoint_id, status=422, fault=error.message)
    state().ringer.ring()
    return _page_of(endpoint_id, said=said)


@blueprint.post("/admin/endpoints/<endpoint_id>/secret")
@require_role(ADMIN)
def rotate(endpoint_id: str) -> Response:
    """Create a new secret, shown on this answer only; the old one also signs for a while."""
    user, vault = person(), people.vault()
    try:
        with people.database().write() as connection:
            _, secret = endpoints.rotate(connection, vault, _held(connection, endpoint_id), actor=user.actor)
    except InputError as error:
        return _page_of(endpoint_id, status=422, fault=error.message)
    return _page_of(endpoint_id, secret=secret)


@blueprint.post("/admin/endpoints/<endpoint_id>/remove")
@require_role(ADMIN)
def remove(endpoint_id: str) -> Response:
    """Remove the endpoint permanently."""
    user = person()
    with people.database().write() as connection:
        endpoints.remove(connection, _held(connection, endpoint_id), actor=user.actor)
    return make_response(redirect(url_for("endpoints.listing"), 303))


def _switch(connection: Any, held: Endpoint, user: User, *, to: bool) -> str:
    endpoints.set_enabled(connection, held, to, actor=user.actor)
    return "Events are sent to it again." if to else "It is paused."


def _set_events(connection: Any, held: Endpoint, user: User) -> str:
    endpoints.set_events(connection, held, request.form.getlist("event"), actor=user.actor)
    return "The events are saved."


def _replay(connection: Any, held: Endpoint, user: User) -> str:
    return f"{outbound.replay(connection, held, actor=user.actor)} queued again."


def _end_old(connection: Any, held: Endpoint, user: User) -> str:
    endpoints.end_old_secrets(connection, held, actor=user.actor)
    return "Deliveries are now signed with the newest secret only."


DOES: Mapping[str, Callable[[Any, Endpoint, User], str]] = {
    "enable": partial(_switch, to=True),
    "disable": partial(_switch, to=False),
    "events": _set_events,
    "replay": _replay,
    "end": _end_old,
}


def _held(connection: Any, endpoint_id: str) -> Endpoint:
    try:
        return endpoints.get(connection, endpoint_id, workspace_id=person().workspace_id)
    except InputError:
        abort(404)


def _page(*, status: int = 200, fault: str = "") -> Response:
    with people.database().read() as connection:
        found = endpoints.listed(connection, person().workspace_id)
    form = form_sent() if fault else {"event": EVENTS}
    return people.shown("admin_endpoints.html", status=status, fault=fault, endpoints=found, says=SAYS, form=form)


def _page_of(endpoint_id: str, *, status: int = 200, fault: str = "", said: str = "", secret: str = "") -> Response:
    with people.database().read() as connection:
        held = _held(connection, endpoint_id)
        log = outbound.log_of(connection, held, limit=LOGGED)
    values = {"endpoint": held, "log": log, "logged": LOGGED, "says": SAYS, "secret": secret}
    return people.shown("admin_endpoint.html", status=status, fault=fault, said=said, **values)
