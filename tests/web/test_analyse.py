"""Tests of `POST /v1/analyse`: one record, lists, and records that cannot be processed."""

import io
import json
from typing import Any

import pytest
from builders import CANARY, FakePipeline, fake_analyser, json_lines
from flask.testing import FlaskClient

from vocservice.api import Analyser
from vocservice.settings import Settings
from vocservice.tables.read_jsonl import read
from vocservice.tables.source import Request
from vocservice.web.app import create_app
from web.conftest import MakeClient
from web.sending import ANALYSE, check_problem, post

TEXT = "The app crashed twice. Support was lovely and fixed it."
TURNS = [{"speaker": "agent", "text": "How can I help?"}, {"speaker": "customer", "text": "The app crashed."}]


def test_one_record_gives_its_analysis(client: FlaskClient, fake: Analyser) -> None:
    record = {"id": "r-1", "text": TEXT, "channel": "chat"}
    answer = client.post(ANALYSE, json=record)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.data.rstrip() == json.dumps(fake.analyse(record).to_dict(), separators=(",", ":"), ensure_ascii=False).encode()


def test_a_transcript_gives_its_conversation(client: FlaskClient) -> None:
    body = client.post(ANALYSE, json={"id": "t", "turns": TURNS}).get_json()
    assert [turn["speaker"] for turn in body["turns"]] == ["agent", "customer"]
    assert body["outcome"]["key"] == "resolved"
    assert body["pace"]["response_first"] is None and not any("at" in turn for turn in body["turns"])


def test_a_transcript_with_times_tells_them_and_its_pace(client: FlaskClient) -> None:
    said = [("customer", "It broke.", "09:00:00"), ("system", "On hold", "09:01:00"), ("agent", "Hello again.", "09:03:00")]
    turns = [{"speaker": speaker, "text": text, "at": at} for speaker, text, at in said]
    body = client.post(ANALYSE, json={"id": "t", "turns": turns}).get_json()
    assert [turn["at"] for turn in body["turns"]] == [at for _, _, at in said]
    assert body["pace"] == {
        "response_first": 180,
        "response_longest": 180,
        "awaited": 1,
        "silence_longest": 120,
        "silence_turn": 2,
        "gaps": [None, 60, 120],
        "hold": 120,
        "hold_turns": [1],
        "holds": 1,
        "transfer_turns": [],
        "transfers": 0,
    }


def test_speakers_go_by_the_names_that_senders_give_them(client: FlaskClient) -> None:
    turns = [{"speaker": name, "text": "The app crashed."} for name in ("END_USER", "Agent 2", "Zed", "Automation")]
    body = client.post(ANALYSE, json={"id": "t", "turns": turns}).get_json()
    assert [turn["speaker"] for turn in body["turns"]] == ["customer", "agent", "system", "system"]
    assert [turn["text"] for turn in body["turns"]] == ["The app crashed."] * 4 and body["warnings"] == ["speaker_unknown"]


def test_a_text_that_is_a_dialogue_gives_a_conversation(client: FlaskClient) -> None:
    text = "Agent: How can I help?\r\nCustomer: The app crashed.\r\nAgent: Sorry."
    body = client.post(ANALYSE, json={"id": "t", "text": text}).get_json()
    assert [(turn["speaker"], turn["text"]) for turn in body["turns"]] == [
        ("agent", "How can I help?"),
        ("customer", "The app crashed."),
        ("agent", "Sorry."),
    ]
    assert "turns" not in client.post(ANALYSE, json={"text": "The app crashed.\nAgent: sorry\nCustomer: well"}).get_json()


@pytest.mark.parametrize("wrap", [lambda records: records, lambda records: {"records": records}], ids=["array", "object"])
def test_a_list_gives_results_in_order(client: FlaskClient, fake: Analyser, wrap: Any) -> None:
    records = [{"id": "b", "text": TEXT}, {"id": "a"}, 7, {"text": "poison"}, {"id": "c", "turns": TURNS}]
    answer = client.post(ANALYSE, json=wrap(records))
    assert answer.status_code == 200
    assert answer.get_json() == {"results": json_lines("\n".join(json.dumps(result.to_dict()) for result in fake.stream(records)))}
    assert [result["id"] for result in answer.get_json()["results"]] == ["b", "a", "item-3", "item-4", "c"]


def test_a_list_of_one_is_a_list(client: FlaskClient) -> None:
    assert list(client.post(ANALYSE, json=[{"text": TEXT}]).get_json()) == ["results"]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"id": CANARY}, "missing_text"),
        ({"text": [CANARY]}, "invalid_type"),
        ({"turns": [{"speaker": CANARY, "text": "x"}]}, "empty_text"),
        ({"turns": [{"speaker": {CANARY: 1}, "text": "x"}]}, "invalid_turns"),
        ({"text": f"poison {CANARY}"}, "analysis_failed"),
        (CANARY, "invalid_type"),
        (None, "invalid_type"),
        (3.5, "invalid_type"),
    ],
)
def test_a_single_record_that_cannot_be_processed_is_a_422(client: FlaskClient, record: Any, code: str) -> None:
    problem = check_problem(post(client, json.dumps(record).encode()), 422, code)
    in_a_list = client.post(ANALYSE, json=[record]).get_json()["results"][0]
    assert in_a_list["error"] == {"code": code, "message": problem["detail"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_text"),
        (" \n\t", "empty_text"),
        ("Der Versand hat leider viel zu lange gedauert und niemand hat sich gemeldet.", "unsupported_language"),
        ("x" * 100_001, "text_too_long"),
    ],
)
def test_the_steps_reject_as_on_the_command_line(steps_client: FlaskClient, steps: Analyser, text: str, code: str) -> None:
    problem = check_problem(steps_client.post(ANALYSE, json={"text": text}), 422, code)
    rejected = steps.analyse({"text": text})
    assert (rejected.code, rejected.message) == (code, problem["detail"])


@pytest.mark.parametrize("record", [{"id": 12345678901234567890123, "text": TEXT}, {"id": 7, "text": TEXT}, {"id": "007", "text": TEXT}])
def test_ids_are_kept_exactly_as_in_files(client: FlaskClient, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps(record).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line)))
    (from_file,) = read(Request("-", {}))
    assert client.post(ANALYSE, data=line, content_type="application/json").get_json()["id"] == from_file.id


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ([], 400, "no_records"),
        ({"records": []}, 400, "no_records"),
        ({"records": None}, 400, "invalid_type"),
        ({"records": "x"}, 400, "invalid_type"),
    ],
)
def test_a_list_must_hold_records(client: FlaskClient, value: Any, status: int, code: str) -> None:
    check_problem(client.post(ANALYSE, json=value), status, code)


def test_a_list_holds_at_most_max_items(limited: MakeClient) -> None:
    client = limited(max_items=2)
    assert client.post(ANALYSE, json=[{"text": TEXT}] * 2).status_code == 200
    check_problem(client.post(ANALYSE, json=[{"text": TEXT}] * 3), 413, "too_many_records")


def test_max_text_counts_all_turns(limited: MakeClient) -> None:
    client = limited(max_text=20)
    turns = [{"speaker": "customer", "text": "twelve chars"}] * 2
    check_problem(client.post(ANALYSE, json={"turns": turns}), 422, "text_too_long")
    assert client.post(ANALYSE, json={"turns": turns[:1]}).status_code == 200


def test_a_broken_model_is_a_503() -> None:
    class Broken(FakePipeline):
        def _result(self, record: Any) -> Any:
            from vocservice.records import Rejected

            return Rejected(record.id, "bundle_invalid", "bundle fake-1 gave scores that are not numbers")

    analyser = Analyser(Broken(), "fake-1", fake_analyser().taxonomy)
    check_problem(create_app(analyser, Settings()).test_client().post(ANALYSE, json={"text": TEXT}), 503, "bundle_invalid")


def test_an_unexpected_failure_is_a_500_that_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(FakePipeline):
        def _result(self, record: Any) -> Any:
            raise KeyError(record.text)

    client = create_app(Analyser(Failing(), "fake-1", fake_analyser().taxonomy), Settings()).test_client()
    check_problem(client.post(ANALYSE, json={"text": CANARY}), 500, "internal_error")
    assert "KeyError" in caplog.text
    assert CANARY not in caplog.text


def test_the_real_model_answers_as_the_command_line(real: Analyser) -> None:
    record = {"id": "r-1", "text": TEXT}
    answer = create_app(real, Settings()).test_client().post(ANALYSE, json=record)
    assert answer.get_json() == json.loads(json.dumps(real.analyse(record).to_dict()))
    assert answer.get_json()["status"] == "ok"
