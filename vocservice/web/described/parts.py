"""The parts of a description: parameters, bodies, answers and operations, each frozen; schemas as values.

A schema is a JSON Schema mapping; anywhere in it may be a class of the code, a `Shape` or `Choices` of
`vocservice.web.described.shapes`, which are resolved when the document is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vocservice.web.answers import JSON
from vocservice.web.problems import MEDIA_TYPE

Schema = Any

COUNT: Mapping[str, int] = {"minimum": 0}
SHARE: Mapping[str, int] = {"minimum": 0, "maximum": 1}
TEXT: Mapping[str, str] = {"type": "string"}
TIME: Mapping[str, str] = {"type": "string", "format": "date-time"}
DAY: Mapping[str, str] = {"type": "string", "format": "date"}
NUMBER: Mapping[str, Any] = {"type": "integer", **COUNT}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query, a path or a header; `shared` is its component name if several operations use it."""

    name: str
    schema: Schema = field(default_factory=lambda: TEXT)
    about: str = ""
    place: str = "query"
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """Content of one media type, with one example or several by name."""

    schema: Schema
    example: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request, by media type.

    Attributes:
        is_read_as_json: read by `web.requests.body.read_json`, with its failures.
        may_be_packed: whether gzip is accepted too.
    """

    content: Mapping[str, Content]
    about: str = ""
    is_required: bool = True
    is_read_as_json: bool = False
    may_be_packed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `shared` is its component name if several operations use it."""

    about: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """The written part of a description; path, method, access and usual failures come from the route itself.

    Attributes:
        id: its name in generated clients: it stays the same when the code is renamed.
        summary: one line, without the scope.
        answers: by status; they replace the usual answer of the same status.
    """

    id: str
    summary: str
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class Noun:
    """The descriptions of one module: operations by endpoint, schemas by name, and path parameters."""

    operations: Mapping[str, Operation]
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    in_paths: tuple[Parameter, ...] = ()
    unknown: Mapping[str, Answer] = field(default_factory=dict)


def ref(name: str) -> Mapping[str, str]:
    """The schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def either(*names: str) -> Schema:
    """One of several named schemas."""
    return {"anyOf": [ref(name) for name in names]}


def listed(name: str) -> Schema:
    """A list of items of a named schema."""
    return {"type": "array", "items": ref(name)}


def nullable(name: str) -> Schema:
    """The schema of this name, or null."""
    return {"anyOf": [ref(name), {"type": "null"}]}


def closed(properties: Mapping[str, Schema], **more: Any) -> Schema:
    """An object with all of these properties and no other."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False, **more}


def told(about: str, schema: str | Schema, example: Any) -> Answer:
    """JSON content with a schema, by name or inline."""
    return Answer(about, {JSON: Content(ref(schema) if isinstance(schema, str) else schema, example)})


def refused(about: str, *, shared: str = "") -> Answer:
    """A problem; its codes are in the description."""
    return Answer(about, {MEDIA_TYPE: Content(ref("Problem"))}, shared=shared)


def json_body(schema: str | Schema, example: Any = None, **examples: Any) -> Body:
    """JSON that `web.requests.body.read_json` reads."""
    held = Content(ref(schema) if isinstance(schema, str) else schema, example, examples)
    return Body({JSON: held}, is_read_as_json=True, may_be_packed=True)
