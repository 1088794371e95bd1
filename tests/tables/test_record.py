"""Tests of `record`: the validation of one object, shared with the API."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.tables import parse_record
from vocservice.turns import Unattributed

from .builders import CANARY

TURN = {"speaker": "customer", "text": "hello"}


def test_a_full_record_is_carried() -> None:
    obj = {
        "id": "a", "text": "hi", "channel": "email", "question": "Why?", "created_at": "2024-01-01", "language": "en",
        "subject": "c-1", "score": {"kind": "nps", "value": 3, "scale": 10}, "metadata": {"x": [1]}, "unknown": 1,
    }  # fmt: skip
    known = {key: value for key, value in obj.items() if key != "unknown"}
    assert parse_record(obj, default_id="d") == RawVerbatim(**known)  # type: ignore[arg-type]


def test_turns_are_carried() -> None:
    found = parse_record({"id": "a", "turns": [TURN | {"at": "10:00", "author": "p"}, {"speaker": "agent", "text": ""}]}, default_id="d")
    assert found == RawVerbatim("a", turns=(RawTurn("customer", "hello", "10:00", "p"), RawTurn("agent", "")))


@pytest.mark.parametrize(
    ("name", "turn"),
    [
        ("supervisor", RawTurn("supervisor", "x")),
        ("Agent 2", RawTurn("agent", "x")),
        ("END_USER", RawTurn("customer", "x")),
        ("Assistant", RawTurn("bot", "x")),
        ("Anna (Support)", RawTurn("agent", "x", author="Anna")),
        ("Anna", Unattributed("system", "x", author="Anna")),
        ("speaker_1", Unattributed("system", "x")),
        ("", Unattributed("system", "x")),
        ("agent" * 100, Unattributed("system", "x")),
    ],
)
def test_a_speaker_is_read_as_the_role_that_the_name_tells(name: str, turn: RawTurn) -> None:
    found = parse_record({"id": "a", "turns": [TURN, {"speaker": name, "text": "x"}]}, default_id="d")
    warnings = ("speaker_unknown",) if isinstance(turn, Unattributed) else ()
    assert found == RawVerbatim("a", turns=(RawTurn("customer", "hello"), turn), warnings=warnings)


def test_customers_may_be_named() -> None:
    found = parse_record({"id": "a", "turns": [{"speaker": "Anna  R", "text": "x", "author": "Roe"}]}, default_id="d", customers={"anna r"})
    assert found == RawVerbatim("a", turns=(RawTurn("customer", "x", author="Roe"),))


def test_beside_turns_only_text_itself_is_a_text() -> None:
    found = parse_record({"id": "a", "turns": [TURN], "review": 5, "answer": "x"}, default_id="d")
    assert found == RawVerbatim("a", turns=(RawTurn("customer", "hello"),))


@pytest.mark.parametrize(
    ("obj", "record_id"),
    [
        ({"text": "x"}, "d"),
        ({"id": None, "text": "x"}, "d"),
        ({"id": " ", "text": "x"}, "d"),
        ({"id": 7, "text": "x"}, "7"),
        ({"id": 10**25, "text": "x"}, str(10**25)),
        ({"review_id": "r", "text": "x"}, "r"),
    ],
)
def test_the_id_is_given_or_made(obj: dict[str, Any], record_id: str) -> None:
    assert parse_record(obj, default_id="d").id == record_id


@pytest.mark.parametrize("name", ["text", "comment", "Verbatim", "review", "feedback", "body", "answer", "review_text"])
def test_the_text_has_other_names_too(name: str) -> None:
    found = parse_record({"id": "a", name: "x"}, default_id="d")
    assert isinstance(found, RawVerbatim)
    assert found.text == "x"


def test_an_empty_text_is_left_to_the_pipeline() -> None:
    assert parse_record({"id": "a", "text": ""}, default_id="d") == RawVerbatim("a", "")


@pytest.mark.parametrize(
    ("obj", "code", "said"),
    [
        ([CANARY], "invalid_type", "JSON object"),
        (CANARY, "invalid_type", "JSON object"),
        (None, "invalid_type", "JSON object"),
        ({"id": "a"}, "missing_text", "neither"),
        ({"id": "a", "text": None}, "missing_text", "neither"),
        ({"id": "a", "text": "x", "turns": [TURN]}, "invalid_type", "both"),
        ({"id": "a", "text": 5}, "invalid_type", "text"),
        ({"id": "a", "comment": [CANARY]}, "invalid_type", "comment"),
        ({"id": {"x": 1}, "text": "x"}, "invalid_type", "id"),
        ({"id": True, "text": "x"}, "invalid_type", "id"),
        ({"id": 1.5, "text": "x"}, "invalid_type", "id"),
        ({"id": "a", "text": "x", "channel": 1}, "invalid_type", "channel"),
        ({"id": "a", "text": "x", "subject": [CANARY]}, "invalid_type", "subject"),
        ({"id": "a", "text": "x", "metadata": "m"}, "invalid_type", "metadata"),
        ({"id": "a", "text": "x", "score": "9"}, "invalid_type", "score"),
        ({"id": "a", "text": "x", "score": {"kind": "luck", "value": 1}}, "invalid_type", "kind"),
        ({"id": "a", "text": "x", "score": {"kind": ["nps"], "value": 1}}, "invalid_type", "kind"),
        ({"id": "a", "text": "x", "score": {"kind": "nps"}}, "invalid_type", "score"),
        ({"id": "a", "speaker": "agent", "text": "x"}, "invalid_turns", "under turns"),
        ({"conversation_id": "a", "speaker": "Customer", "message": "x", "text": "y"}, "invalid_turns", "under turns"),
        ({"id": "a", "turns": []}, "invalid_turns", "empty"),
        ({"id": "a", "turns": {}}, "invalid_turns", "list"),
        ({"id": "a", "turns": CANARY}, "invalid_turns", "list"),
        ({"id": "a", "turns": [TURN, CANARY]}, "invalid_turns", "turn 1"),
        ({"id": "a", "turns": [{"speaker": CANARY, "text": "x"}]}, "empty_text", "speaker customer"),
        ({"id": "a", "turns": [{"speaker": "", "text": "x"}, {"speaker": "Agent 2", "text": "x"}]}, "empty_text", "speaker customer"),
        ({"id": "a", "turns": [{"text": "x"}]}, "invalid_turns", "speaker of turn 0"),
        ({"id": "a", "turns": [TURN, {"speaker": None, "text": "x"}]}, "invalid_turns", "speaker of turn 1"),
        ({"id": "a", "turns": [TURN, {"speaker": 1, "text": "x"}]}, "invalid_turns", "speaker of turn 1"),
        ({"id": "a", "turns": [TURN, {"speaker": "\ud800", "text": "x"}]}, "invalid_encoding", "speaker of turn 1"),
        ({"id": "a", "turns": [{"speaker": ["agent"], "text": "x"}]}, "invalid_turns", "speaker of turn 0"),
        ({"id": "a", "turns": [{"speaker": "agent"}]}, "invalid_turns", "text of turn 0"),
        ({"id": "a", "turns": [TURN | {"at": 5}]}, "invalid_turns", "at of turn 0"),
        ({"id": "a", "text": "\ud800"}, "invalid_encoding", "text"),
        ({"id": "\udfff", "text": "x"}, "invalid_encoding", "id"),
        ({"id": "a", "turns": [{"speaker": "agent", "text": "\ud83d"}]}, "invalid_encoding", "turn 0"),
    ],
)
def test_a_wrong_object_is_rejected_by_field_and_never_quoted(obj: object, code: str, said: str) -> None:
    found = parse_record(obj, default_id="d")
    assert isinstance(found, Rejected)
    assert found.code == code
    assert said in found.message
    assert CANARY not in repr(found)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "text", "turns", "score", "speaker"]), inner),
    max_leaves=8,
)


@given(json_values)
def test_no_object_raises(obj: object) -> None:
    found = parse_record(obj, default_id="d")
    assert isinstance(found, Rejected) or (found.text is None) != (not found.turns)
