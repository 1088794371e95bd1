"""Nothing in, whether the process lives and whether it can analyse out: `GET /livez`, `GET /readyz`."""

from flask import Blueprint, Response

from vocservice.web.answers import json_answer
from vocservice.web.state import state

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """The process answers."""
    return json_answer({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """The model is loaded; otherwise 503 with the reason."""
    analyser = state().model.analyser()
    return json_answer({"status": "ready", "model": analyser.model, "taxonomy": analyser.taxonomy.id})
