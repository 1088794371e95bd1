"""Values in, JSON answers out, formatted as in the files of the command line."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from vocservice.tables.write_jsonl import json_line

JSON = "application/json"


def json_answer(value: Mapping[str, Any], *, status: int = 200, media_type: str = JSON) -> Response:
    """A JSON document that caches must not store."""
    return Response(json_line(dict(value)), status=status, content_type=media_type)
