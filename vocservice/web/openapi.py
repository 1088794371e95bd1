"""The OpenAPI document and a page made from it: `GET /openapi.json`, `GET /docs`.

The document is generated from the code (`vocservice.web.described`) on first request: this imports numpy, which a process
that only receives feedback never loads.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import Blueprint, Flask, Response, current_app, make_response, render_template

from vocservice.web.answers import JSON
from vocservice.web.described import document as described

blueprint = Blueprint("openapi", __name__)

_NAME = "vocservice.openapi"
Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a property of a schema."""

    name: str
    type: str
    place: str
    is_required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Example:
    """An example as it would be written; the only one has no name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """Content of one media type."""

    media_type: str
    type: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One status of an operation."""

    status: str
    about: str
    bodies: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; `needs_key` if it is refused without one."""

    name: str
    method: str
    path: str
    summary: str
    needs_key: bool
    parameters: tuple[Field, ...]
    request: tuple[Body, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """A named schema: its description, or its properties."""

    name: str
    type: str
    about: str
    fields: tuple[Field, ...]


class Written:
    """The document of an application and its page, the same for everybody, each generated once."""

    def __init__(self, app: Flask):
        self._app = app

    @cached_property
    def raw(self) -> bytes:
        return json.dumps(described.document(self._app), ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def parsed(self) -> Node:
        found: Node = json.loads(self.raw)
        return found

    @cached_property
    def page(self) -> str:
        whole = self.parsed
        return render_template("docs.html", info=whole["info"], operations=tuple(_operations(whole)), schemas=tuple(_schemas(whole)))


def attach(app: Flask) -> None:
    """Attach the description to an application that has all its routes.

    Raises:
        LookupError: a route is not described, or a description has no route.
    """
    described.check(app)
    app.extensions[_NAME] = Written(app)


def document(app: Flask) -> bytes:
    """The document of an application as it is served."""
    return _held(app).raw


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description of this API."""
    return Response(document(current_app), content_type=JSON)


@blueprint.get("/docs")
def docs() -> Response:
    """The same as a page: every operation with its parameters, bodies, answers and examples."""
    return make_response(_held(current_app).page)


def _held(app: Flask) -> Written:
    found: Written = app.extensions[_NAME]
    return found


def _operations(whole: Node) -> Iterator[Operation]:
    for path, methods in whole["paths"].items():
        for method, said in methods.items():
            yield Operation(
                name=said["operationId"],
                method=method.upper(),
                path=path,
                summary=said["summary"],
                needs_key=said.get("security") == [{"key": []}],
                parameters=tuple(_field(_resolved(one, whole)) for one in said.get("parameters", ())),
                request=tuple(_bodies(said.get("requestBody", {}))),
                answers=tuple(_answer(status, _resolved(one, whole)) for status, one in said["responses"].items()),
            )


def _schemas(whole: Node) -> Iterator[Schema]:
    for name, said in whole["components"]["schemas"].items():
        needed = said.get("required", ())
        fields = (Field(key, _type(one), "", key in needed, one.get("description", "")) for key, one in said.get("properties", {}).items())
        yield Schema(name, _type(said), said.get("description", ""), tuple(fields))


def _resolved(said: Node, whole: Node) -> Node:
    """Resolve a reference; other values are returned unchanged."""
    found = whole
    for name in said.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in said else said


def _field(said: Node) -> Field:
    return Field(said["name"], _type(said["schema"]), said["in"], said.get("required", False), said.get("description", ""))


def _answer(status: str, said: Node) -> Answer:
    return Answer(status, said["description"], tuple(_bodies(said)))


def _bodies(said: Node) -> Iterator[Body]:
    for media_type, held in said.get("content", {}).items():
        given = {name.replace("_", " "): example["value"] for name, example in held.get("examples", {}).items()}
        given |= {"": held["example"]} if "example" in held else {}
        examples = tuple(Example(name, _written(value)) for name, value in given.items())
        yield Body(media_type, _type(held["schema"]), examples)


def _written(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _type(schema: Node) -> str:
    """A schema in a few words: the name of another, a list of something, its choices, or its type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema or "enum" in schema:
        return ", ".join(json.dumps(value) for value in schema.get("enum", (schema.get("const"),)))
    for name in ("oneOf", "anyOf"):
        if name in schema and "properties" not in schema:
            return " or ".join(map(_type, schema[name]))
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    found = schema.get("type", "anything")
    return " or ".join(found) if isinstance(found, list) else str(found)
