"""Tests of `/v1/rules`: written, read, changed, tried; scopes, other workspaces, and hits beside the analysis of a record."""

from pathlib import Path
from typing import Any

import pytest
from builders import fake_analyser
from werkzeug.test import TestResponse

from vocservice.jobs.worker import Worker
from vocservice.settings import Settings
from vocservice.store.opened import Store
from vocservice.text.rules import shipped_rules
from web.storing import ELSEWHERE, Door

RULE = {"name": "Broken", "owner": "Digital", "expression": "factor technology is negative", "reason": "Something of ours is broken"}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def sent(door: Door, method: str, path: str, value: Any = None, *scopes: str, **keyed: str) -> TestResponse:
    return door.client.open(path, method=method, json=value, headers=door.key(*scopes, **keyed))


def made(door: Door, **changes: Any) -> dict[str, Any]:
    answer = sent(door, "POST", "/v1/rules", {**RULE, **changes}, "admin")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_rule_is_kept_in_full_and_off(door: Door) -> None:
    rule = made(door)
    assert (rule["expression"], rule["is_enabled"], rule["version"], rule["fault"]) == ("factor.technology is negative", False, 1, None)
    assert sent(door, "GET", "/v1/rules", None, "feedback:read").get_json() == {"items": [rule]}


def test_a_change_is_a_version_and_another_than_the_one_that_stands_is_409(door: Door) -> None:
    path = f"/v1/rules/{made(door)['id']}"
    wanted = {**RULE, "expression": "churn_risk", "is_enabled": True, "version": 1}
    changed = sent(door, "PUT", path, wanted, "admin").get_json()
    assert (changed["version"], changed["expression"], changed["is_enabled"]) == (2, "flag includes churn_risk", True)
    late = sent(door, "PUT", path, wanted, "admin")
    assert (late.status_code, late.get_json()["code"]) == (409, "rule_conflict")
    whole = sent(door, "GET", path, None, "feedback:read").get_json()
    assert [version["version"] for version in whole["versions"]] == [2, 1]


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ({**RULE, "expression": "churn_risc"}, 422, "rule_invalid"),
        ({**RULE, "urgency": 101}, 400, "rule_unusable"),
        ({**RULE, "urgency": "9"}, 422, "invalid_type"),
        ({**RULE, "other": 1}, 422, "invalid_type"),
        ([], 422, "invalid_type"),
    ],
)
def test_what_cannot_be_is_refused(door: Door, value: Any, status: int, code: str) -> None:
    answer = sent(door, "POST", "/v1/rules", value, "admin")
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/rules", "admin"),
        ("POST", "/v1/rules", "feedback:read"),
        ("POST", "/v1/rules/test", "admin"),
        ("PUT", "/v1/rules/x", "batches"),
    ],
)
def test_each_route_needs_its_scope(door: Door, method: str, path: str, scope: str) -> None:
    assert sent(door, method, path, RULE, scope).get_json()["code"] == "scope_missing"
    assert door.client.open(path, method=method, json=RULE).status_code == 401


def test_rules_of_another_workspace_are_404(door: Door) -> None:
    path = f"/v1/rules/{made(door)['id']}"
    for method, value in (("GET", None), ("PUT", {**RULE, "version": 1})):
        assert sent(door, method, path, value, workspace=ELSEWHERE).status_code == 404
    assert sent(door, "POST", "/v1/rules/test", {"id": path.rpartition("/")[2]}, workspace=ELSEWHERE).status_code == 404


def test_it_is_tried_and_then_stands_beside_the_analysis(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rule = made(door, is_enabled=True, tag="tech")
    record = sent(door, "POST", "/v1/feedback", {"id": "r", "text": "The app crashed."}, "feedback:write").get_json()["record"]
    Worker(Store(door.database, door.vault), Settings(), lambda _: fake_analyser(), shipped_rules()).run(once=True)
    for asked in ({"id": rule["id"]}, {"expression": RULE["expression"], "limit": 10, "since": "2020-01-01"}):
        tried = sent(door, "POST", "/v1/rules/test", asked, "feedback:read").get_json()
        assert (tried["records"], tried["hits"], [one["record"] for one in tried["examples"]]) == (1, 1, [record])
    for answer in (sent(door, "GET", f"/v1/feedback/{record}"), sent(door, "GET", "/v1/feedback")):
        found = answer.get_json().get("items", [answer.get_json()])[0]
        assert (found["needs_review"], "rules" in found["analysis"]) == (True, False)
        (hit,) = found["rules"]
        assert (hit["id"], hit["version"], hit["queue"], hit["because"]) == (rule["id"], 1, "tech", "factor.technology is negative")
        assert [piece["text"] for piece in hit["evidence"]] == ["crashed"]
