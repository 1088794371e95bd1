"""Tests of `generic`: our own record shape, and any other shape by pointers."""

from typing import Any

import pytest

from ingest.sending import ADAPTERS, events, only, sent, upserts
from vocservice.errors import ConfigError, UnusableBodyError
from vocservice.ingest import Emptied, Skipped, Upsert
from vocservice.records import RawTurn

TURNS = [{"speaker": "customer", "text": "Hello?"}, {"speaker": "agent", "text": "Hi."}]


def test_a_blank_text_empties_its_record_and_one_that_is_not_there_tells_nothing() -> None:
    found = events("generic", {"id": "3", "text": " ", "updated_at": "2026-01-02T00:00:00Z"})
    assert found == (Emptied("3", "2026-01-02T00:00:00.000000Z"),)
    options = {"id": "/id", "text": ["/good", "/bad"]}
    assert events("generic", {"id": "3", "good": "", "bad": None}, options) == (Emptied("3", None),)
    assert events("generic", {"id": "3", "other": "x", "bad": None}, options) == (Skipped("no_text"),)


@pytest.mark.parametrize(
    "payload",
    [{"id": "1", "text": "fine"}, [{"id": 1, "text": "fine"}], {"records": [{"id": "1", "review": "fine"}]}],
    ids=["one", "list", "records"],
)
def test_our_own_shape(payload: Any) -> None:
    event = only("generic", payload)
    assert (event.record_id, event.verbatim.id, event.verbatim.text, event.version) == ("1", "1", "fine", None)


def test_every_field_of_our_own_shape() -> None:
    score = {"kind": "nps", "value": 9}
    event = only(
        "generic",
        {
            "id": "1", "turns": TURNS, "channel": "chat", "question": "Why?",
            "created_at": "2025-01-01T00:00:00Z", "updated_at": 1735700000,
            "language": "en", "subject": "c-1", "score": score, "metadata": {"plan": "gold", "tags": ["a", "b"]},
        },
    )  # fmt: skip
    said = event.verbatim
    assert said.turns == (RawTurn("customer", "Hello?"), RawTurn("agent", "Hi.")) and said.text is None
    assert (said.channel, said.question, said.language, said.subject, said.score) == ("chat", "Why?", "en", "c-1", score)
    assert said.created_at == "2025-01-01T00:00:00.000000Z" and event.version == "2025-01-01T02:53:20.000000Z"
    assert said.metadata == {"plan": "gold", "tags": ["a", "b"]} and event.warnings == ()


@pytest.mark.parametrize(
    ("number", "version", "warnings"),
    [
        (2, "00000000000000000002", ()),
        ("10", "00000000000000000010", ()),
        (10**20 - 1, "9" * 20, ()),
        (None, None, ()),
        (10**20, None, ("version_unusable",)),
        (-1, None, ("version_unusable",)),
        (1.5, None, ("version_unusable",)),
        (True, None, ("version_unusable",)),
        ("v2", None, ("version_unusable",)),
        ("٣", None, ("version_unusable",)),
    ],
)
def test_a_version_may_be_a_number_which_sorts_by_its_value(number: Any, version: str | None, warnings: tuple[str, ...]) -> None:
    event = only("generic", {"id": "1", "t": "x", "v": number}, {"id": "/id", "text": ["/t"], "version": "/v"})
    assert (event.version, event.warnings) == (version, warnings)


@pytest.mark.parametrize(
    ("given", "version", "warnings"),
    [
        ({"version": 7}, "00000000000000000007", ()),
        ({"version": "7", "updated_at": "2026-01-02T10:00:00Z"}, "00000000000000000007", ()),
        ({"version": None, "updated_at": "2026-01-02T10:00:00Z"}, "2026-01-02T10:00:00.000000Z", ()),
        ({"version": "v7"}, None, ("version_unusable",)),
        ({}, None, ()),
    ],
)
def test_a_record_of_our_own_form_may_have_a_version(given: dict[str, Any], version: str | None, warnings: tuple[str, ...]) -> None:
    event = only("generic", {"id": "1", "text": "fine"} | given)
    assert (event.version, event.warnings) == (version, warnings)


def test_a_version_is_a_time_or_a_number() -> None:
    with pytest.raises(ConfigError, match="either updated_at or version"):
        events("generic", {"id": "1"}, {"id": "/id", "text": ["/t"], "version": "/v", "updated_at": "/at"})
    assert events("generic", {"id": "1", "v": 3}, {"id": "/id", "text": ["/t"], "version": "/v"}) == (Skipped("no_text"),)


def test_times_of_our_own_shape_may_be_counts_of_seconds() -> None:
    turns = [{"speaker": "customer", "text": "Hello?", "at": 1735700000}, {"speaker": "agent", "text": "Hi.", "at": "10:00"}]
    (event,) = upserts("generic", {"id": "1", "turns": turns, "created_at": 1735700000.5})
    assert event.verbatim.created_at == "2025-01-01T02:53:20.500000Z" and event.warnings == ()
    assert [turn.at for turn in event.verbatim.turns] == ["2025-01-01T02:53:20.000000Z", "10:00"]
    assert only("generic", {"id": "1", "text": "x", "created_at": 7}).warnings == ("timestamp_unusable",)
    for value in (True, [1735700000]):
        with pytest.raises(UnusableBodyError):
            events("generic", {"id": "1", "text": "x", "created_at": value})


def test_a_bad_record_among_good_ones_is_skipped_in_its_place() -> None:
    found = events("generic", [{"id": "1", "text": "a"}, {"id": "2"}, {"text": "b"}, 7, {"id": "3", "text": " "}, {"id": "4", "text": "c"}])
    assert [event if isinstance(event, Skipped) else event.record_id for event in found] == [
        "1", Skipped("rejected_missing_text"), Skipped("rejected_missing_id"), Skipped("rejected_invalid_type"), "3", "4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "payload", [{"text": "no id"}, {"id": "1"}, {"id": "1", "turns": []}, [], {"records": []}, {"records": 1}, [{"id": "1"}]]
)
def test_a_lone_bad_record_is_unusable(payload: Any) -> None:
    with pytest.raises(UnusableBodyError):
        events("generic", payload)


def test_more_than_a_thousand_records_are_unusable() -> None:
    record = {"id": "1", "text": "x"}
    assert len(events("generic", [record] * 1000)) == 1000
    with pytest.raises(UnusableBodyError, match="1000"):
        events("generic", [record] * 1001)


def test_zero_characters_are_replaced_and_said() -> None:
    event = only("generic", {"id": "1", "text": "a\0b", "metadata": {"k\0": "v\0"}, "turns": None})
    assert event.verbatim.text == "a\ufffdb" and event.warnings == ("nul_replaced",)
    assert event.verbatim.metadata == {"k\ufffd": "v\ufffd"}


def test_nested_and_long_metadata_is_cut_and_said() -> None:
    event = only("generic", {"id": "1", "text": "a", "metadata": {"deep": {"x": 1}, "none": None, "long": "x" * 1001, "kept": 1}})
    assert event.verbatim.metadata == {"kept": 1} and event.warnings == ("metadata_cut",)


MAPPED = {
    "items": "/data/list", "id": "/ref", "text": ["/pro", "/con~1other"],
    "created_at": "/when", "updated_at": "/changed", "language": "/lang",
    "subject": "/who/0", "question": "What now?", "channel": "survey", "score": {"value": "/points", "kind": "csat", "scale": 7},
    "metadata": {"shop": "/meta/shop"}, "zone": "Europe/Berlin", "order": "day_first", "is_html": True,
}  # fmt: skip
ITEM = {
    "ref": 12345678901234567890123, "pro": "<p>Good &amp; quick.</p><p>Kind.</p>", "con/other": "Pricey.",
    "when": "1/2/2025 10:00", "changed": 1735700000,
    "lang": "en-GB", "who": ["c-9"], "points": "6", "meta": {"shop": "north"},
}  # fmt: skip


def test_every_pointer() -> None:
    event = only("generic", {"data": {"list": [ITEM]}}, MAPPED)
    said = event.verbatim
    assert event.record_id == "12345678901234567890123"
    assert said.text == "Good & quick.\n\nKind.\n\nPricey."
    assert (said.created_at, event.version) == ("2025-02-01T09:00:00.000000Z", "2025-01-01T02:53:20.000000Z")
    assert (said.language, said.subject, said.question, said.channel) == ("en", "c-9", "What now?", "survey")
    assert said.score == {"kind": "csat", "value": 6, "scale": 7} and said.metadata == {"shop": "north"}


def test_items_without_an_id_are_skipped_and_alone_unusable() -> None:
    found = events("generic", {"data": {"list": [ITEM, {"pro": "x"}]}}, MAPPED)
    assert isinstance(found[0], Upsert) and found[1] == Skipped("rejected_missing_id")
    for payload in ({"data": {"list": [{"pro": "x"}]}}, {"data": {"list": {}}}, {"data": []}):
        with pytest.raises(UnusableBodyError):
            events("generic", payload, MAPPED)


def test_a_conversation_by_pointers() -> None:
    turns = {"items": "/log", "speaker": "/by", "text": "/said", "at": "/t", "roles": {"C": "customer", "A": "agent"}}
    log = [
        {"by": "C", "said": " Hello? ", "t": 1735700000},
        {"by": "A", "said": "Hi.", "t": "09:02"},
        {"by": "X", "said": "joined", "t": "soon"},
        {"by": "Bot 7", "said": "Bye."},
        {"by": "C", "said": ""},
        "odd",
    ]
    event = only("generic", {"id": "7", "log": log}, {"id": "/id", "turns": turns, "channel_at": "/nothing", "channel": "chat"})
    hello, hi, of_x = (
        RawTurn("customer", "Hello?", "2025-01-01T02:53:20.000000Z"),
        RawTurn("agent", "Hi.", "09:02"),
        RawTurn("system", "joined"),
    )
    assert event.verbatim.turns == (hello, hi, of_x, RawTurn("bot", "Bye.")) and event.warnings == ("speaker_unknown",)
    assert event.verbatim.channel == "chat"


def test_a_conversation_without_the_customer_has_no_text() -> None:
    options = {"id": "/id", "turns": {"items": "/log", "speaker": "/by", "text": "/said"}}
    assert events("generic", {"id": "7", "log": [{"by": "agent", "said": "Anyone?"}]}, options) == (Skipped("no_text"),)


@pytest.mark.parametrize(
    "options",
    [
        {"text": ["/a"]},
        {"id": "/a", "text": ["/b"], "turns": {"items": "/c", "speaker": "/d", "text": "/e"}},
        {"id": "/a"},
        {"id": "a", "text": ["/b"]},
        {"id": "/a", "text": ["/b"], "score": {"value": "/c", "kind": "grade"}},
        {"id": "/a", "text": ["/b"], "zone": "Atlantis/Capital"},
        {"id": "/a", "text": ["/b"], "order": "year_first"},
        {"id": 1, "text": "/b"},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ADAPTERS["generic"].check_options(options)


def test_standard_webhooks_take_their_id_from_the_header() -> None:
    parsed = ADAPTERS["standard_webhooks"].parse(sent({"id": "1", "text": "x"}), {})
    assert parsed.delivery_id is None
    assert upserts("standard_webhooks", {"id": "1", "text": "x"})


POINTERS = [
    {"id": "/ref", "text": ["/comment"]},
    {"id": "/a~1b/0/id", "text": ["/a~1b/0/said", "/more"], "items": "/data/list", "version": "/v", "language": "/a~1b/1"},
    {"id": "/id", "text": ["/t"], "items": "", "updated_at": "/", "created_at": "/at", "metadata": {"p": "/who/p"}, "subject": "/who/id"},
    {"id": "/id", "text": ["/t"], "score": {"value": "/s", "kind": "stars", "scale": 5}, "question_at": "/q", "channel_at": "/c"},
    {"id": "/id", "turns": {"items": "/talk", "speaker": "/who", "text": "/said", "at": "/at"}},
    {"id": "/id", "turns": {"items": "/talk", "speaker": "/who/kind", "text": "/said", "roles": {"USER": "customer", "REP": "agent"}}},
]


@pytest.mark.parametrize("pointers", POINTERS, ids=[f"form {number}" for number in range(len(POINTERS))])
@pytest.mark.parametrize("name", ["generic", "standard_webhooks"])
def test_the_sample_of_a_mapped_source_is_what_its_pointers_lead_to(name: str, pointers: dict[str, Any]) -> None:
    sender = ADAPTERS[name]
    options = sender.check_options(pointers)
    found = [sender.parse(sent(sender.sample_for(options, (), number).body), options).events for number in (1, 2)]
    assert [event.record_id for (event,) in found if isinstance(event, Upsert)] == ["sample-1", "sample-2"]
    for (event,) in found:
        assert isinstance(event, Upsert) and not event.warnings
        assert (event.version is None) == (not {"version", "updated_at"} & set(pointers))
        assert (event.verbatim.score is None) == ("score" not in pointers)
        named = {"bot", "customer", "agent"} if "at" in pointers.get("turns", {}) else {"customer", "agent"}
        assert {turn.speaker for turn in event.verbatim.turns} == (named if "turns" in pointers else set())
