"""Tests of `stored`: whatever a pipeline gives comes back from its line as it was, but for the caller's row."""

from dataclasses import replace
from typing import Any

import pytest
from builders import analysis, conversation

from vocservice.batch.stored import decode, decode_record, encode, encode_record
from vocservice.records import Factor, Label, RawTurn, RawVerbatim, Redaction, Rejected, Result

RESULTS = [
    ("an analysis", analysis()),
    ("without labels", analysis(stages=(), factors=(), flags=(), sentiment=None, scope=None, abstained=())),
    ("a transcript", analysis(conversation=conversation(("customer", "It broke."), ("agent", "Sorry.")))),
    ("redactions and warnings", analysis(redactions=(Redaction("email", 0, 7),), warnings=("invalid_characters",))),
    ("labels of another taxonomy", analysis(labels={"a": (Factor("app", "-", 0.5), Label("x", 1.0)), "b": ()})),
    ("every float", analysis(stages=(Label("use", 0.1 + 0.2), Label("support", 1.0), Label("buy", 5e-324)))),
    ("odd characters", analysis('\U0001f621 \u2028 \0 \\ " \r\n \u202e', factors=(), stages=(), scope=None)),
    ("half a surrogate pair", analysis("broken \udc80 text", factors=(), stages=(), scope=None)),
    ("a rejection", Rejected("a", "empty_text", "there is no customer text to read")),
    ("a rejection without id", Rejected(None, "invalid_json", "line 3")),
]


@pytest.mark.parametrize("result", [case[1] for case in RESULTS], ids=[case[0] for case in RESULTS])
def test_a_result_comes_back_as_it_was(result: Result) -> None:
    line = encode(replace(result, row={"text": "kept elsewhere"}))
    assert decode(line) == result and repr(decode(line)) == repr(result)
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and b"kept elsewhere" not in line


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"id": 1}', encode(analysis())[:-20]])
def test_what_is_no_result_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match="(?i)line|column|validation"):
        decode(line)


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"in": found}
    return found


@pytest.mark.parametrize("levels", [0, 200, 300, 500, 700])
def test_a_record_comes_back_as_it_was_however_deep_its_metadata(levels: int) -> None:
    record = RawVerbatim("a", turns=(RawTurn("customer", "It broke.", "2025-01-06"),), metadata=nested(levels))
    line = encode_record(replace(record, row={"text": "kept elsewhere"}))
    assert decode_record(line) == record and line.count(b"\n") == 1 and b"kept elsewhere" not in line


def test_a_record_too_deep_to_be_sent_is_rejected_alone() -> None:
    found = decode_record(encode_record(RawVerbatim("a", "It broke.", metadata=nested(1020))))
    assert isinstance(found, Rejected) and (found.id, found.code) == ("a", "analysis_failed")
