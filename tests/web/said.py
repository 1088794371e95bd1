"""The OpenAPI document, what a reference in it leads to, and a problem that was answered against what it says of the route."""

import json
import re
from typing import Any

from flask import Flask, Response, request
from werkzeug.routing import Rule

from vocservice.settings import HttpLimits, Settings
from vocservice.web.app import create_app
from vocservice.web.openapi import document
from vocservice.web.problems import MEDIA_TYPE

DOCUMENT: dict[str, Any] = json.loads(document(create_app(None, Settings(http=HttpLimits(loads_model=False)))))


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to; anything else as it is."""
    found: dict[str, Any] = DOCUMENT
    for name in value.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in value else value


def unsaid(_: Flask, response: Response) -> str:
    """The problem that this request is answered with, where the document does not name its code beside its status; else blank."""
    said = _answers(request.url_rule, request.method)
    if response.mimetype != MEDIA_TYPE or said is None or "\0" in request.path:
        return ""
    code = json.loads(response.get_data())["code"]
    words = resolved(said.get(str(response.status_code), {})).get("description", "")
    return "" if re.search(rf"\b{code}\b", words) else f"{request.method} {request.url_rule}: {response.status_code} {code}"


def _answers(rule: Rule | None, method: str) -> dict[str, Any] | None:
    """The answers of a route by status; None for one that is not of the API."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) if rule else ""
    found = DOCUMENT["paths"].get(path, {}).get(method.lower())
    return found["responses"] if found else None
