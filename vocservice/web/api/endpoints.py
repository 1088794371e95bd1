"""Endpoints of a workspace over HTTP: `/v1/endpoints`, one endpoint, its secret and its delivery log.

A secret appears only in the answer that created it.
"""

from http import HTTPStatus
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import Field

from vocservice.errors import InputError
from vocservice.jobs.guard import LONGEST_URL, checked
from vocservice.records import Json
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.analysed.endpoints import EVENTS, Endpoint
from vocservice.store.analysed.outbound import Delivery
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.requests.query import Query
from vocservice.web.requests.shaped import Body, read_shaped
from vocservice.web.state import state

blueprint = Blueprint("endpoints_api", __name__)

PAGE, LARGEST_PAGE = 50, 1000
_Events = Annotated[list[str], Field(min_length=1, max_length=len(EVENTS))]


class Written(Body):
    """An endpoint as sent by a client; all events by default."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)]
    events: _Events = list(EVENTS)


class Changed(Body):
    """The changes to an endpoint."""

    events: _Events | None = None
    is_enabled: bool | None = None


@blueprint.get("/v1/endpoints")
@access.require("admin")
def listed() -> Response:
    """Every endpoint, the oldest first, without its secret."""
    key = access.key()
    with state().stored.open().database.read() as connection:
        found = endpoints.listed(connection, key.workspace_id)
    return json_answer({"items": [_shown(one) for one in found]})


@blueprint.post("/v1/endpoints")
@access.require("admin")
def create() -> Response:
    """Add an endpoint; its signing secret is shown only once."""
    key, body, store = access.key(), read_shaped(Written), state().stored.open()
    checked(body.url, state().outbound)
    with store.database.write() as connection:
        made, secret = endpoints.create(
            connection, store.vault, key.workspace_id, url=body.url, events=body.events, actor=access.actor(key)
        )
    return json_answer(_shown(made) | {"secret": secret}, status=HTTPStatus.CREATED)


@blueprint.get("/v1/endpoints/<endpoint_id>")
@access.require("admin")
def one(endpoint_id: str) -> Response:
    """One endpoint."""
    with state().stored.open().database.read() as connection:
        return json_answer(_shown(_held(connection, endpoint_id)))


@blueprint.patch("/v1/endpoints/<endpoint_id>")
@access.require("admin")
def change(endpoint_id: str) -> Response:
    """Change its events, pause or resume it."""
    actor, body = access.actor(access.key()), read_shaped(Changed)
    with state().stored.open().database.write() as connection:
        held = _held(connection, endpoint_id)
        if body.events is not None:
            held = endpoints.set_events(connection, held, body.events, actor=actor)
        if body.is_enabled is not None:
            held = endpoints.set_enabled(connection, held, body.is_enabled, actor=actor)
    return json_answer(_shown(held))


@blueprint.delete("/v1/endpoints/<endpoint_id>")
@access.require("admin")
def remove(endpoint_id: str) -> Response:
    """Remove it permanently, with its delivery log."""
    actor = access.actor(access.key())
    with state().stored.open().database.write() as connection:
        endpoints.remove(connection, _held(connection, endpoint_id), actor=actor)
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.post("/v1/endpoints/<endpoint_id>/secret")
@access.require("admin")
def rotate(endpoint_id: str) -> Response:
    """Create a new signing secret, shown only once; the old one also signs for a while."""
    actor, store = access.actor(access.key()), state().stored.open()
    with store.database.write() as connection:
        held, secret = endpoints.rotate(connection, store.vault, _held(connection, endpoint_id), actor=actor)
    return json_answer(_shown(held) | {"secret": secret})


@blueprint.delete("/v1/endpoints/<endpoint_id>/old-secrets")
@access.require("admin")
def end_old_secrets(endpoint_id: str) -> Response:
    """Sign with the newest secret only."""
    actor = access.actor(access.key())
    with state().stored.open().database.write() as connection:
        endpoints.end_old_secrets(connection, _held(connection, endpoint_id), actor=actor)
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.get("/v1/endpoints/<endpoint_id>/deliveries")
@access.require("admin")
def deliveries(endpoint_id: str) -> Response:
    """Past and pending deliveries, newest first."""
    limit = Query(request.args, known=("limit",)).number("limit", default=PAGE, most=LARGEST_PAGE)
    with state().stored.open().database.read() as connection:
        found = outbound.log_of(connection, _held(connection, endpoint_id), limit=limit)
    return json_answer({"items": [_sent(one) for one in found]})


@blueprint.post("/v1/endpoints/<endpoint_id>/replay")
@access.require("admin")
def replay(endpoint_id: str) -> Response:
    """Send failed deliveries again, under the same ids."""
    actor = access.actor(access.key())
    with state().stored.open().database.write() as connection:
        count = outbound.replay(connection, _held(connection, endpoint_id), actor=actor)
    state().ringer.ring()
    return json_answer({"queued": count})


def _held(connection: Any, endpoint_id: str) -> Endpoint:
    try:
        return endpoints.get(connection, endpoint_id, workspace_id=access.key().workspace_id)
    except InputError as error:
        raise RequestError(error.message, code="endpoint_unknown", status=404) from None


def _shown(held: Endpoint) -> Json:
    old = held.old_secret_until.isoformat() if held.old_secret_until else None
    plain = {"id": held.id, "url": held.url, "events": list(held.events), "is_enabled": held.is_enabled}
    return plain | {"created_at": held.created_at.isoformat(), "old_secret_until": old}


def _sent(one: Delivery) -> Json:
    plain = {name: getattr(one, name) for name in ("id", "event", "state", "attempts", "last_status")}
    delivered = one.delivered_at.isoformat() if one.delivered_at else None
    return plain | {"created_at": one.created_at.isoformat(), "delivered_at": delivered}
