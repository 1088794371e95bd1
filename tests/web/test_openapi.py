"""Tests of the OpenAPI document: what the service answers is what it says. tests/web/test_described.py tests how it is made."""

import json
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from builders import CANARY, steps_analyser
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

import vocservice
from vocservice.settings import Settings
from vocservice.web.app import create_app
from vocservice.web.openapi import document
from web.said import DOCUMENT, resolved
from web.sending import ANALYSE, packed, post

TURNS = [{"speaker": "bot", "text": "How can I help?"}, {"speaker": "customer", "text": "The app crashed, mail jo@example.com."}]


def check(schema: dict[str, Any], value: Any) -> None:
    """The value is valid under a schema of the document."""
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def answer_of(path: str, method: str, status: int) -> dict[str, Any]:
    answers = DOCUMENT["paths"][path][method]["responses"]
    return resolved(answers.get(str(status), answers["default"]))


def schema_of(path: str, method: str, status: int, media_type: str) -> dict[str, Any]:
    found: dict[str, Any] = answer_of(path, method, status)["content"][media_type]["schema"]
    return found


def test_it_is_served_as_it_is_made_and_names_this_version(client: FlaskClient) -> None:
    answer = client.get("/openapi.json")
    assert (answer.content_type, answer.data) == ("application/json", document(client.application))
    assert answer.json == DOCUMENT
    assert DOCUMENT["info"]["version"] == vocservice.__version__
    assert DOCUMENT["openapi"].startswith("3.1")


def test_the_page_is_made_once_and_is_the_same_for_everybody(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/docs").data
    monkeypatch.setattr("vocservice.web.openapi.render_template", None)
    client.set_cookie("voc_theme", "dark")
    assert client.get("/docs").data == first


def test_the_page_shows_every_operation_with_its_parameters_and_examples_without_a_script(client: FlaskClient) -> None:
    answer = client.get("/docs")
    assert "`" not in answer.text and "<code>api</code>" in answer.text
    assert answer.status_code == 200 and answer.content_type.startswith("text/html")
    page = unescape(answer.text)
    for path, methods in DOCUMENT["paths"].items():
        for method, said in methods.items():
            shown = page.partition(f'<section id="{said["operationId"]}"')[2].partition("</section>")[0]
            assert f"{method.upper()} {path}" in shown and said["summary"] in shown
            assert all(f"<code>{resolved(one)['name']}</code>" in shown for one in said.get("parameters", ()))
            assert all(f"<strong>{status}</strong>" in shown for status in said["responses"])
    assert all(f'id="schema-{name}"' in page for name in DOCUMENT["components"]["schemas"])
    assert page.count("<summary>Example") == len(list(examples())) and not {"<script", "style="} & set(page.split())
    assert "/docs" in client.get("/").text


def test_every_schema_is_one_and_every_reference_resolves() -> None:
    components = DOCUMENT["components"]
    for schema in components["schemas"].values():
        Draft202012Validator.check_schema(schema)
    referred = {word for word in json.dumps(DOCUMENT).split('"') if word.startswith("#/")}
    shared = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses", "parameters") for name in components[kind]}
    assert referred == shared


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/taxonomy", "/openapi.json"])
def test_what_is_asked_for_is_as_described(client: FlaskClient, path: str) -> None:
    check(schema_of(path, "get", 200, "application/json"), client.get(path).get_json())


@pytest.mark.parametrize(
    "value",
    [
        {"id": "a", "text": "The app crashed."},
        {"turns": TURNS, "score": {"kind": "nps", "value": 3, "scale": 10}, "metadata": {"shop": 7}},
        [{"text": "The app crashed."}, {"id": 7, "turns": TURNS}, {"text": ""}, {"text": None}],
        {"records": [{"text": "Call me on +44 20 7946 0958, order 12345678."}]},
    ],
    ids=["text", "transcript", "list", "records"],
)
def test_analyses_are_as_described(client: FlaskClient, steps_client: FlaskClient, value: Any) -> None:
    for asked in (client, steps_client):
        answer = asked.post(ANALYSE, json=value)
        assert answer.status_code == 200
        check(schema_of(ANALYSE, "post", 200, "application/json"), answer.get_json())


def examples() -> Iterator[tuple[dict[str, Any], Any]]:
    """Every example of a body or an answer, with its schema."""
    operations = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    said = [part for operation in operations for part in (operation.get("requestBody", {}), *operation["responses"].values())]
    for content in (content for part in map(resolved, said) for content in part.get("content", {}).values()):
        given = [example["value"] for example in content.get("examples", {}).values()]
        yield from ((content["schema"], value) for value in (*given, *([content["example"]] if "example" in content else ())))


def test_every_example_is_valid_under_its_schema() -> None:
    found = list(examples())
    assert len(found) >= 7
    for schema, value in found:
        check(schema, value)


BINARY = {"text/html", "application/vnd.apache.parquet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def test_every_body_and_every_good_answer_has_an_example() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, said in methods.items():
            good = [resolved(answer) for status, answer in said["responses"].items() if status.startswith("2")]
            for part in (said.get("requestBody", {}), *good):
                bare = [media for media, held in part.get("content", {}).items() if not {"example", "examples"} & held.keys()]
                assert set(bare) <= BINARY, f"{method} {path}"


def test_the_examples_are_analysed(steps_client: FlaskClient) -> None:
    content = DOCUMENT["paths"][ANALYSE]["post"]["requestBody"]["content"]["application/json"]
    assert len(content["examples"]) == 2
    for example in content["examples"].values():
        check(content["schema"], example["value"])
        assert steps_client.post(ANALYSE, json=example["value"]).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b'{"text": ""}', b'{"turns": []}', b'{"text": "\\ud800"}', packed(b"{}"), b'{"records": 1}']
)
def test_problems_are_as_described_and_their_codes_are_listed(steps_client: FlaskClient, body: bytes) -> None:
    answer = post(steps_client, body)
    problem = answer.get_json(force=True)
    check(schema_of(ANALYSE, "post", answer.status_code, "application/problem+json"), problem)
    assert problem["code"] in answer_of(ANALYSE, "post", answer.status_code)["description"]


def test_a_field_more_or_less_would_be_noticed() -> None:
    analysed = create_app(steps_analyser(), Settings()).test_client().post(ANALYSE, json={"text": "The app crashed."}).get_json()
    validator = Draft202012Validator({**DOCUMENT["components"]["schemas"]["Analysis"], "components": DOCUMENT["components"]})
    assert validator.is_valid(analysed)
    assert not validator.is_valid({**analysed, CANARY: 1})
    bare = {name: value for name, value in analysed.items() if name not in ("stages", "flags")}
    assert validator.is_valid({**bare, "taxonomy": "bakery/1.0.0"})
    assert not any(validator.is_valid({k: v for k, v in analysed.items() if k != name}) for name in analysed)
