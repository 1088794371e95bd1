"""Tests of how the API is described: from its routes, from what guards them, from the types of the code; and of what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from vocservice.settings import HttpLimits, Settings
from vocservice.store.accounts.keys import SCOPES
from vocservice.web import app as whole
from vocservice.web.app import create_app
from vocservice.web.described import document
from vocservice.web.described.parts import Answer, Noun, Operation
from vocservice.web.described.shapes import Choices, Shape, made, names_of
from vocservice.web.requests.access import gate_of
from web.said import DOCUMENT
from web.storing import Door

LIGHT = Settings(http=HttpLimits(loads_model=False))
OPERATIONS = [(path, method, said) for path, methods in DOCUMENT["paths"].items() for method, said in methods.items()]


def odd() -> Blueprint:
    """A resource of the API that nobody described."""
    made = Blueprint("odd", __name__)
    made.add_url_rule("/v1/odd/<int:number>/<name>", "read", lambda number, name: Response())
    return made


def test_an_undescribed_route_stops_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "BLUEPRINTS", (*whole.BLUEPRINTS, odd()))
    with pytest.raises(LookupError, match=r"the route /v1/odd/.* is not described: add 'odd.read' to a module of vocservice/web/described"):
        create_app(None, LIGHT)


def test_a_description_of_no_route_stops_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "NOUNS", (*document.NOUNS, Noun({"odd.read": Operation("odd", "Odd", {})})))
    with pytest.raises(LookupError, match=r"describes 'odd.read', which is no route"):
        create_app(None, LIGHT)


def test_path_and_parameters_in_it_come_from_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "BLUEPRINTS", (*whole.BLUEPRINTS, odd()))
    monkeypatch.setattr(document, "NOUNS", (*document.NOUNS, Noun({"odd.read": Operation("odd", "Odd", {200: Answer("It")})})))
    found = document.document(create_app(None, LIGHT))["paths"]["/v1/odd/{number}/{name}"]["get"]
    assert [(one["name"], one["in"], one["required"], one["schema"]) for one in found["parameters"]] == [
        ("number", "path", True, {"type": "integer"}),
        ("name", "path", True, {"type": "string"}),
    ]
    assert list(found["responses"]) == ["200", "default"] and "security" not in found


def test_an_operation_cannot_say_who_may() -> None:
    """So that none can say another scope than the one that its route is guarded by."""
    assert {field.name for field in fields(Operation)} == {"id", "summary", "answers", "parameters", "body"}


@pytest.mark.parametrize("kind", ["operations", "schemas"])
def test_no_name_is_given_twice(kind: str) -> None:
    names = [name for noun in document.NOUNS for name in getattr(noun, kind)]
    assert len(set(names)) == len(names)
    assert len({said["operationId"] for _, _, said in OPERATIONS}) == len(OPERATIONS)


def test_every_operation_asks_for_the_key_that_it_is_said_to(tmp_path: Path) -> None:
    door = Door(tmp_path, rate_per_minute=0)
    gates = {endpoint: gate_of(view) for endpoint, view in door.app.view_functions.items()}
    others = {scope: door.key(*(set(SCOPES) - {scope})) for scope in SCOPES}
    seen = set()
    for noun in document.NOUNS:
        for endpoint, operation in noun.operations.items():
            (path, method, said) = next(one for one in OPERATIONS if one[2]["operationId"] == operation.id)
            gate = gates[endpoint]
            needs_key = said.get("security") == [{"key": []}]
            url = path.replace("{", "").replace("}", "")
            assert needs_key == (door.client.open(url, method=method).status_code == 401 and "/hooks/" not in path), endpoint
            assert said["summary"].endswith(f"; scope {gate.scope}" if gate and needs_key else ""), endpoint
            if gate and needs_key:
                answer = door.client.open(url, method=method, headers=others[gate.scope])
                assert (answer.status_code, answer.json["code"]) == (403, "scope_missing"), endpoint  # type: ignore[index]
                seen.add(gate.scope)
    assert seen == set(SCOPES) - {"analyse"}
    door.close()


@dataclass(frozen=True)
class Leaf:
    """A leaf.

    Attributes:
        size: in millimetres,
            as measured.
        hue, tint: of it.
    """

    size: int
    hue: str
    tint: str | None


@dataclass(frozen=True)
class Tree:
    """A tree
    with leaves.

    It may have none.
    """

    leaves: tuple[Leaf, ...]
    top: Leaf | None
    kind: Literal["oak", "elm"]
    planted: date | None
    felled: datetime
    span: tuple[float, float]
    notes: Mapping[str, Any]
    rings: Mapping[str, int]
    either: Leaf | str


class Ask(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=9)]
    most: Annotated[int, Field(ge=1, le=5)] = 3
    note: str = ""


LEAF = {"$ref": "#/components/schemas/Leaf"}
TREE = {
    "leaves": {"type": "array", "items": LEAF},
    "top": {"anyOf": [LEAF, {"type": "null"}]},
    "kind": {"enum": ["oak", "elm"]},
    "planted": {"type": ["string", "null"], "format": "date"},
    "felled": {"type": "string", "format": "date-time"},
    "span": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    "notes": {"type": "object"},
    "rings": {"type": "object", "additionalProperties": {"type": "integer"}},
    "either": {"anyOf": [LEAF, {"type": "string"}]},
}
SCHEMAS = {"Leaf": Shape((Leaf,)), "Tree": Shape((Tree,))}


def shaped(shape: Shape) -> Any:
    return made(shape, names_of(SCHEMAS))


def test_an_annotation_becomes_a_schema() -> None:
    found = shaped(SCHEMAS["Tree"])
    assert found["properties"] == TREE and found["required"] == list(TREE)
    assert (found["description"], found["additionalProperties"]) == ("A tree with leaves.", False)


def test_bounds_and_defaults_of_a_model_do_too() -> None:
    assert shaped(Shape((Ask,))) == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 9},
            "most": {"type": "integer", "minimum": 1, "maximum": 5, "default": 3},
            "note": {"type": "string"},
        },
        "required": ["text"],
        "additionalProperties": False,
        "description": "A question.",
    }


HUE = {"type": "string", "description": "of it"}
ONE, KEPT = {"enum": [1], "description": "one"}, {"type": "boolean"}
LENGTH, LEAVES = {"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "object"}}
TWO = Choices(lambda: (1, 2), "of two")


@pytest.mark.parametrize(
    ("shape", "properties", "required"),
    [
        (Shape((Leaf,), only=("hue",)), {"hue": HUE}, ["hue"]),
        (Shape((Leaf,), only=("size",), names={"size": "length"}, more={"length": {"minimum": 0}}), {"length": LENGTH}, ["length"]),
        (Shape((Leaf,), only=("size",), more={"size": ONE, "kept": KEPT}, optional=("kept",)), {"size": ONE, "kept": KEPT}, ["size"]),
        (Shape((Tree,), only=("leaves",), is_shallow=True), {"leaves": LEAVES}, ["leaves"]),
        (Shape((Leaf,), only=("size",), more={"size": TWO}), {"size": {"enum": [1, 2], "description": "of two"}}, ["size"]),
    ],
    ids=["only", "renamed", "replaced", "shallow", "choices"],
)
def test_what_a_shape_says_beside_its_type_counts(shape: Shape, properties: dict[str, Any], required: list[str]) -> None:
    found = shaped(shape)
    assert (found["properties"], found["required"]) == (properties, required)


def test_what_a_docstring_says_of_a_field_is_its_description() -> None:
    found = shaped(Shape((Leaf,)))["properties"]
    assert [found[name]["description"] for name in ("size", "hue", "tint")] == ["in millimetres, as measured", "of it", "of it"]
