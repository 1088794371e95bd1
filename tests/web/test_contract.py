"""Tests of the contract: requests made from the OpenAPI document, such as fit it and such as do not, are answered as it says."""

import copy
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from builders import fake_analyser
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, CheckContext, GenerationMode, Response, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as said

from vocservice.jobs.worker import Worker
from vocservice.settings import Settings
from vocservice.store.analysed import endpoints
from vocservice.store.opened import Store
from vocservice.text.rules import shipped_rules
from vocservice.web.requests.uploads import MEDIA_TYPES
from web.said import DOCUMENT, resolved
from web.storing import WORKSPACE, Door

OPERATIONS = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]
MOST_CASES, RANDOM = 60, 5
GENERATE = (Phase.generate,)
# Why a request that fits the document is refused all the same: what no schema can say of a body, a file or two parameters together.
UNSAYABLE = {
    "references_off": "files by reference, which a setting turns on",
    **dict.fromkeys(("missing_text", "empty_text", "text_too_long"), "a text of white space only, or text and turns both"),
    "invalid_type": "as many fields as the schema allows, but blank or both of two",
    "idempotency_mismatch": "the same name for another body",
    **dict.fromkeys(("rule_invalid", "rule_unusable", "tag_unusable", "name_taken"), "the text of a rule, who gets it, a free name"),
    **dict.fromkeys(("endpoint_refused", "endpoint_unknown_host"), "a URL leads to a public address"),
    "endpoint_disabled": "what is paused takes no replay",
    "secrets_full": "only so many secrets sign at a time",
    "cursor_invalid": "a cursor is what an earlier page gave",
    "parameter_invalid": "of two periods to compare all four days are given, in order",
    **dict.fromkeys(("format_unknown", "format_mismatch", "file_empty", "file_missing", "input_unusable"), "a file is of its format"),
    **dict.fromkeys(("mapping_invalid", "option_invalid", "invalid_json"), "JSON within a parameter"),
}


@schemathesis.serializer(*(kind for kind in MEDIA_TYPES.values() if kind != "application/json"))
def _file(_: SerializationContext, value: Any) -> bytes:
    """The bytes of a file that is the body."""
    return value.encode() if isinstance(value, str) else bytes(getattr(value, "data", value))


def adapted_document() -> dict[str, Any]:
    """The document, but for what a generator of requests would take too literally."""
    found = copy.deepcopy(DOCUMENT)
    for methods in found["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("default")  # else every status would be described
            operation.pop("security", None)  # tests/web/test_access.py tries wrong keys; here each request has the right one
    found["components"]["parameters"]["ContentEncoding"]["schema"]["enum"] = ["identity"]  # the generated bodies are not packed
    for shape in found["components"]["schemas"]["Records"]["anyOf"]:
        shape.get("properties", {}).get("records", shape)["items"] = {}  # a bad record in a list is no bad request
    return found


class Place:
    """An application over a store with a record, a source and a batch that is done, whose ids stand as examples in the document."""

    def __init__(self, folder: Path):
        self.door = Door(folder, rate_per_minute=0)
        self.key = self.door.key()
        found = adapted_document()
        made = {"RecordId": self._record(), "Token": self._token(), "BatchId": self._batch(), "RuleId": self._rule()}
        for name, value in {**made, "EndpointId": self._endpoint()}.items():
            found["components"]["parameters"][name]["example"] = value
        schema = schemathesis.openapi.from_dict(found)
        schema.app = self.door.app
        self._operations = {made.ok().label: made.ok() for made in schema.get_all_operations()}

    def operation(self, label: str) -> APIOperation:
        return self._operations[label]

    def call(self, case: Case) -> Response:
        return case.call(headers=self.key)

    def _record(self) -> str:
        talk = {"id": "r-1", "turns": [{"speaker": "customer", "text": "The app crashed."}], "score": {"value": 3, "kind": "nps"}}
        record: str = self.door.client.post("/v1/feedback", json=talk, headers=self.key).json["record"]  # type: ignore[index]
        self._work()
        return record

    def _token(self) -> str:
        """Of a source that knows its sender by the URL alone."""
        return self.door.source("qualtrics")[1].rpartition("/")[2]

    def _batch(self) -> str:
        file = (io.BytesIO(b"id,text\n1,The app crashed.\n2,\n"), "Q1.csv")
        made = self.door.client.post("/v1/batches", data={"file": file}, headers=self.key).json
        self._work()
        return str(made["id"])  # type: ignore[index]

    def _rule(self) -> str:
        written = {"name": "Broken", "owner": "Digital", "expression": "factor technology is negative", "reason": "It is broken"}
        made = self.door.client.post("/v1/rules", json={**written, "is_enabled": True}, headers=self.key).json
        return str(made["id"])  # type: ignore[index]

    def _endpoint(self) -> str:
        with self.door.database.write() as connection:
            made, _ = endpoints.create(connection, self.door.vault, WORKSPACE, url="https://hooks.example.org/", actor="test")
        return made.id

    def _work(self) -> None:
        Worker(Store(self.door.database, self.door.vault), Settings(), lambda _: fake_analyser(), shipped_rules()).run(once=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    made = Place(tmp_path)
    yield made
    made.door.close()


def taken_or_explained(_: CheckContext, response: Response, case: Case) -> None:
    """A request that fits the document is taken, or refused for one of the reasons above."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code in (400, 413, 415, 422):
        assert response.json()["code"] in UNSAYABLE, response.json()


def code_is_named(_: CheckContext, response: Response, case: Case) -> None:
    """A client finds the code of a problem beside its status."""
    described = DOCUMENT["paths"][case.operation.path].get(case.method.lower(), {}).get("responses", {})
    if str(response.status_code) in described and response.status_code >= 400 and "problem" in response.headers["content-type"][0]:
        assert response.json()["code"] in resolved(described[str(response.status_code)])["description"], response.json()


CHECKS = [
    not_a_server_error,
    said.status_code_conformance,
    said.content_type_conformance,
    said.response_headers_conformance,
    said.response_schema_conformance,
    said.negative_data_rejection,
    said.unsupported_method,
    said.allow_header_conformance,
    taken_or_explained,
    code_is_named,
]


def boundary_cases(operation: APIOperation) -> list[Case]:
    """Every field, bound and method by itself, good and bad; of very many, some from everywhere."""
    modes, generation = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], operation.schema.config.generation_for(operation=operation)
    cases = list(operation.schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=generation))
    return cases[:: max(1, len(cases) // MOST_CASES)]


def random_cases(operation: APIOperation) -> list[Case]:
    """A few that fit the document, the same ones each time."""
    cases: list[Case] = []

    @settings(max_examples=RANDOM, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=GENERATE)
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def keep(case: Case) -> None:
        cases.append(case)

    keep()
    return cases


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_operation_answers_as_the_document_says(place: Place, label: str) -> None:
    operation = place.operation(label)
    # The path of one rule fits that of the trial too, so that OPTIONS names the methods of both.
    checks = [check for check in CHECKS if label != "POST /v1/rules/test" or check is not said.allow_header_conformance]
    for case in (*boundary_cases(operation), *random_cases(operation)):
        case.validate_response(place.call(case), checks=checks, headers=place.key)
