"""Rules of a workspace over HTTP: `/v1/rules`, one rule, and tests on past records: `/v1/rules/test`."""

from http import HTTPStatus
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import Field

from vocservice.errors import ConflictError, InputError
from vocservice.records import Json
from vocservice.rules.names import read_rule
from vocservice.store.review import rule_trials, rules
from vocservice.store.review.rules import Draft, Rule
from vocservice.web.admin.rules import fault_of
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests import access
from vocservice.web.requests.query import time_of
from vocservice.web.requests.shaped import Body, read_shaped
from vocservice.web.state import state

blueprint = Blueprint("rules_api", __name__)

_Text = Annotated[str, Field(max_length=3000)]
_Given = Annotated[str, Field(min_length=1, max_length=3000)]


class Written(Body):
    """A rule as sent by a client."""

    name: _Text
    owner: _Text
    expression: _Text
    reason: _Text
    effect: _Text = "review"
    urgency: int = 20
    tag: _Text | None = None
    assignee: _Text | None = None
    is_enabled: bool = False

    @property
    def draft(self) -> Draft:
        plain = {name: getattr(self, name) for name in ("name", "owner", "expression", "reason", "effect", "urgency")}
        return Draft(**plain, tag=self.tag or "", assignee=self.assignee or "")


class Changed(Written):
    """A new version of a rule, and the version it is based on."""

    version: int


class Tried(Body):
    """An expression, or the id of a stored rule."""

    expression: _Given = ""
    id: _Given = ""
    since: _Given = ""
    limit: Annotated[int, Field(ge=1, le=rule_trials.MOST)] = rule_trials.DEFAULT


@blueprint.get("/v1/rules")
@access.require("feedback:read")
def listed() -> Response:
    """Every rule by name."""
    key = access.key()
    with state().stored.open().database.read() as connection:
        found = rules.listed(connection, key.workspace_id)
    return json_answer({"items": [_shown(rule) for rule in found]})


@blueprint.post("/v1/rules")
@access.require("admin")
def create() -> Response:
    """Add a rule, disabled by default."""
    key = access.key()
    body = read_shaped(Written)
    with state().stored.open().database.write() as connection:
        made = rules.create(
            connection, key.workspace_id, body.draft, state().model.taxonomy(), is_enabled=body.is_enabled, actor=access.actor(key)
        )
    return json_answer(_shown(made), status=HTTPStatus.CREATED)


@blueprint.post("/v1/rules/test")
@access.require("feedback:read")
def test() -> Response:
    """Test an expression or a stored rule on past records."""
    key = access.key()
    body = read_shaped(Tried)
    if bool(body.expression) == bool(body.id):
        raise RequestError("give an expression, or the id of a rule", code="invalid_type", status=422)
    with state().stored.open().database.read() as connection:
        text = body.expression or _held(connection, key.workspace_id, body.id).expression
        node = read_rule(text, state().model.taxonomy())
        since = time_of("since", body.since) if body.since else None
        found = rule_trials.run(connection, key.workspace_id, node, since=since, limit=body.limit)
    return json_answer({"expression": str(node), **found.to_dict()})


@blueprint.get("/v1/rules/<rule_id>")
@access.require("feedback:read")
def one(rule_id: str) -> Response:
    """One rule with its versions."""
    key = access.key()
    with state().stored.open().database.read() as connection:
        held = _held(connection, key.workspace_id, rule_id)
        versions = rules.versions(connection, held)
    return json_answer({**_shown(held), "versions": [_shown(version) for version in versions]})


@blueprint.put("/v1/rules/<rule_id>")
@access.require("admin")
def change(rule_id: str) -> Response:
    """Save a new version of a rule, enabled or not; 409 if the stored version is not the given one."""
    key = access.key()
    body = read_shaped(Changed)
    with state().stored.open().database.write() as connection:
        held = _held(connection, key.workspace_id, rule_id)
        if held.version != body.version:
            raise ConflictError("another version of this rule stands by now; nothing was stored", code="rule_conflict")
        made = rules.change(connection, held, body.draft, state().model.taxonomy(), actor=access.actor(key))
        rules.set_enabled(connection, made, body.is_enabled, actor=access.actor(key))
        made = rules.get(connection, key.workspace_id, rule_id)
    return json_answer(_shown(made))


def _held(connection: Any, workspace_id: str, rule_id: str) -> Rule:
    try:
        return rules.get(connection, workspace_id, rule_id)
    except InputError as error:
        raise RequestError(error.message, code="rule_unknown", status=404) from None


def _shown(rule: Rule) -> Json:
    return {**rule.to_dict(), "fault": fault_of(rule, state().model.taxonomy()) or None}
