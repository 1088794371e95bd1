"""Nothing in, the OpenAPI document out: `GET /openapi.json`, kept by hand beside this module and held to the routes by a test."""

from importlib.resources import files

from flask import Blueprint, Response

from vocservice.web.answers import JSON

blueprint = Blueprint("openapi", __name__)

DOCUMENT = "openapi.json"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of this API."""
    return Response(document(), content_type=JSON)


def document() -> bytes:
    """The document as it is shipped."""
    return files("vocservice.web").joinpath(DOCUMENT).read_bytes()
