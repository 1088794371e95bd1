"""The sources of a workspace and the health of their deliveries: `GET /v1/sources`; never a token or a secret."""

from dataclasses import asdict
from datetime import datetime

from flask import Blueprint, Response

from vocservice.records import Json
from vocservice.store.received import sources as held
from vocservice.store.received import waiting
from vocservice.store.received.sources import Source
from vocservice.store.received.waiting import Fetching
from vocservice.web.answers import json_answer
from vocservice.web.requests import access
from vocservice.web.state import state

blueprint = Blueprint("sources", __name__)


@blueprint.get("/v1/sources")
@access.require("feedback:read")
def sources() -> Response:
    """Every source by name with its counts."""
    key = access.key()
    with state().stored.open().database.read() as connection:
        found = held.listed(connection, key.workspace_id)
        fetching = waiting.by_source(connection, key.workspace_id)
    return json_answer({"items": [_shown(source) | asdict(fetching.get(source.id, Fetching())) for source in found]})


def _shown(source: Source) -> Json:
    named = {"id": source.id, "name": source.name, "adapter": source.adapter, "is_enabled": source.is_enabled}
    health = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(source.health).items()}
    return {**named, "created_at": source.created_at.isoformat(), **health}
