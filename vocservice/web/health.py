"""Liveness and readiness of the process: `GET /livez`, `GET /readyz`."""

from flask import Blueprint, Response

from vocservice.web.answers import json_answer
from vocservice.web.serving import draining
from vocservice.web.state import state

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """The model is loaded and the store answers; otherwise 503 with the reason.

    A missing store is no fault of a service that only analyses; a service without a model must have a store.
    """
    draining.check()
    shared = state()
    if not shared.limits.loads_model:
        shared.stored.open()
        return json_answer({"status": "ready", "model": None, "taxonomy": None, "store": shared.stored.check()})
    analyser = shared.model.analyser()
    return json_answer({"status": "ready", "model": analyser.model, "taxonomy": analyser.taxonomy.id, "store": shared.stored.check()})
