"""An application in, the OpenAPI document of its API out; fails if a route is not described.

Paths, methods and path parameters come from the routes, access rules from the views (`vocservice.web.requests.access`); the
other modules of this package describe the rest.
"""

import re
from collections.abc import Iterator, Mapping

from flask import Flask
from werkzeug.routing import Rule

import vocservice
from vocservice.records import Json
from vocservice.web.described import (
    analyses,
    batches,
    endpoints,
    feedback,
    figures,
    hooks,
    issues,
    rules,
    service,
    sources,
    subjects,
    taxonomy,
    usual,
    watches,
)
from vocservice.web.described.parts import TEXT, Answer, Body, Content, Noun, Operation, Parameter
from vocservice.web.described.shapes import Names, made, names_of
from vocservice.web.requests.access import gate_of

NOUNS: tuple[Noun, ...] = (
    analyses.NOUN,
    taxonomy.NOUN,
    service.NOUN,
    hooks.NOUN,
    feedback.NOUN,
    sources.NOUN,
    subjects.NOUN,
    batches.NOUN,
    figures.NOUN,
    issues.NOUN,
    watches.NOUN,
    rules.NOUN,
    endpoints.NOUN,
)
NOT_OF_THE_API = frozenset({"static", "bootstrap.static", "metrics.metrics", "openapi.docs"})
AUTOMATIC = frozenset({"HEAD", "OPTIONS"})

_VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
_CONVERTED: Mapping[str, Json] = {"int": {"type": "integer"}, "float": {"type": "number"}}
_SUMMARY = "Voice of the customer: journey stage, experience factor, sentiment, service against experience, with evidence"
_KEY = {"type": "http", "scheme": "bearer", "description": "an API key, voc_..., made by `voc key add`"}


def check(app: Flask) -> None:
    """Check that routes and descriptions match.

    Raises:
        LookupError: an API route is not described, or a description has no route.
    """
    described = {endpoint for noun in NOUNS for endpoint in noun.operations}
    for rule in app.url_map.iter_rules():
        is_page = hasattr(app.view_functions[rule.endpoint], "role")
        if not is_page and rule.endpoint not in described | NOT_OF_THE_API:
            raise LookupError(f"the route {rule.rule} is not described: add {rule.endpoint!r} to a module of vocservice/web/described")
    for endpoint in sorted(described - app.view_functions.keys()):
        raise LookupError(f"vocservice/web/described describes {endpoint!r}, which is no route")


def document(app: Flask) -> Json:
    """Build the document of a checked application."""
    return _Writer(app).document()


class _Writer:
    """The routes of an application, collecting shared components on the way."""

    def __init__(self, app: Flask):
        self._app = app
        self._rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
        self._schemas = {name: schema for noun in NOUNS for name, schema in noun.schemas.items()}
        self._names: Names = names_of(self._schemas)
        self._responses: dict[str, Json] = {}
        self._parameters: dict[str, Json] = {}

    def document(self) -> Json:
        paths = self._paths()
        schemas = {name: made(schema, self._names) for name, schema in self._schemas.items()}
        shared = {"schemas": schemas, "responses": self._responses, "parameters": self._parameters, "securitySchemes": {"key": _KEY}}
        licence = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        info = {"title": "vocservice", "version": vocservice.__version__, "summary": _SUMMARY, "license": licence}
        return {"openapi": "3.1.0", "info": info, "paths": paths, "components": shared}

    def _paths(self) -> Json:
        paths: Json = {}
        for noun in NOUNS:
            for endpoint, operation in noun.operations.items():
                rule = self._rules[endpoint]
                for method in sorted((rule.methods or set()) - AUTOMATIC):
                    paths.setdefault(_path(rule), {})[method.lower()] = self._operation(operation, rule, noun)
        return paths

    def _operation(self, operation: Operation, rule: Rule, noun: Noun) -> Json:
        gate = gate_of(self._app.view_functions[rule.endpoint])
        parameters = [*_in_path(rule, operation, noun), *(one for one in usual.parameters(operation) if one.place != "path")]
        unknown = next((noun.unknown[name] for name in sorted(rule.arguments) if name in noun.unknown), None)
        answers = usual.answers(operation, gate, unknown)
        found = {
            "operationId": operation.id,
            "summary": operation.summary + (f"; scope {gate.scope}" if gate and not gate.is_optional else ""),
            "security": usual.security(gate),
            "parameters": [self._parameter(one) for one in parameters],
            "requestBody": self._body(operation.body) if operation.body else None,
            "responses": {status: self._answer(answer) for status, answer in answers},
        }
        return {name: value for name, value in found.items() if value}

    def _parameter(self, one: Parameter) -> Json:
        about = {"description": one.about} if one.about else {}
        place = {"allowEmptyValue": True} if one.place == "query" else {}
        schema = made(one.schema, self._names)
        found = {"name": one.name, "in": one.place, "required": one.place == "path", **place, "schema": schema, **about}
        return _shared(found, one.shared, self._parameters, "parameters")

    def _body(self, body: Body) -> Json:
        about = {"description": body.about} if body.about else {}
        return {"required": body.is_required, **about, "content": self._content(body.content)}

    def _answer(self, answer: Answer) -> Json:
        content = {"content": self._content(answer.content)} if answer.content else {}
        headers = {name: {"schema": made(schema, self._names)} for name, schema in answer.headers.items()}
        found = {"description": answer.about, **content, **({"headers": headers} if headers else {})}
        return _shared(found, answer.shared, self._responses, "responses")

    def _content(self, content: Mapping[str, Content]) -> Json:
        return {media_type: {"schema": made(held.schema, self._names), **_examples(held)} for media_type, held in content.items()}


def _path(rule: Rule) -> str:
    """A path in OpenAPI syntax."""
    return _VARIABLE.sub(r"{\2}", rule.rule)


def _in_path(rule: Rule, operation: Operation, noun: Noun) -> Iterator[Parameter]:
    """As described for the operation or its resource, else by the converter alone."""
    said = {one.name: one for one in (*noun.in_paths, *operation.parameters) if one.place == "path"}
    for converter, name in _VARIABLE.findall(rule.rule):
        yield said.get(name) or Parameter(name, _CONVERTED.get(converter, TEXT), place="path")


def _examples(held: Content) -> Json:
    if held.examples:
        return {"examples": {name: {"value": value} for name, value in held.examples.items()}}
    return {} if held.example is None else {"example": held.example}


def _shared(found: Json, name: str, kept: dict[str, Json], kind: str) -> Json:
    """A reference to a shared component, which is collected; unshared ones are inlined."""
    if not name:
        return found
    kept[name] = found
    return {"$ref": f"#/components/{kind}/{name}"}
