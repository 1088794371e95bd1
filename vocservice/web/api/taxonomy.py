"""The taxonomy: `GET /v1/taxonomy`, every label with its definition, owner and metrics."""

from flask import Blueprint, Response

from vocservice.taxonomy import taxonomy_json
from vocservice.web.answers import JSON
from vocservice.web.state import state

blueprint = Blueprint("taxonomy", __name__)


@blueprint.get("/v1/taxonomy")
def taxonomy() -> Response:
    """The taxonomy of the service."""
    return Response(taxonomy_json(state().model.taxonomy()), content_type=JSON)
