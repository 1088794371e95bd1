"""Tests of the transcript files: Contact Lens, Genesys Cloud, Conversational Insights."""

from typing import Any

import pytest

from ingest.sending import events, only, payload_of
from vocservice.errors import UnusableBodyError
from vocservice.ingest import Skipped
from vocservice.records import RawTurn


def test_contact_lens_chats_keep_what_happened_and_names_to_be_masked() -> None:
    payload = payload_of("contact_lens")
    for item in payload["Transcript"]:
        item["DisplayName"] = "Somebody"
    event = only("contact_lens", payload)
    assert [turn.speaker for turn in event.verbatim.turns] == ["bot", "system", "customer", "agent", "customer", "agent"]
    assert event.verbatim.turns[1].text == "Agent joined." and event.warnings == ()
    assert event.record_id == "contact-000001" and event.verbatim.channel == "chat"
    assert {turn.author for turn in event.verbatim.turns if turn.speaker != "system"} == {"Somebody"} and str(event).count("Somebody") == 5


@pytest.mark.parametrize(
    "participants", [[{"ParticipantId": "x", "ParticipantRole": "CUSTOMER"}, {"ParticipantId": "y", "ParticipantRole": "AGENT"}], []]
)
def test_contact_lens_calls_name_participants_only(participants: list[Any]) -> None:
    customer, agent = ("x", "y") if participants else ("CUSTOMER", "AGENT")
    items = [
        {"ParticipantId": agent, "Content": "Hello.", "BeginOffsetMillis": 0},
        {"ParticipantId": customer, "Content": "My card is [PII].", "BeginOffsetMillis": 900},
        {"ParticipantId": "z", "Content": "?"},
    ]
    payload = {"Channel": "VOICE", "CustomerMetadata": {"ContactId": "k"}, "Participants": participants, "Transcript": items}
    said = only("contact_lens", payload).verbatim
    assert [(turn.speaker, turn.text, turn.at) for turn in said.turns] == [
        ("agent", "Hello.", "00:00:00.000"),
        ("customer", "My card is [PII].", "00:00:00.900"),
        ("system", "?", None),
    ]
    assert (said.channel, said.created_at) == ("call", None)


def test_pieces_of_one_speaker_in_a_call_are_one_turn() -> None:
    said = [("AGENT", "Hello.", 0), ("CUSTOMER", "My bill ", 61_500), ("CUSTOMER", "is wrong.", 63_000), ("z", "Hm.", 70_000)]
    items = [{"ParticipantId": who, "Content": text, "BeginOffsetMillis": at} for who, text, at in said]
    events_between = [
        {"Type": "EVENT", "ContentType": f"x.event.{name}", "ParticipantId": "AGENT"} for name in ("transfer.succeeded", "typing", "hold")
    ]
    payload = {"Channel": "VOICE", "CustomerMetadata": {"ContactId": "k"}, "Transcript": [*items[:3], *events_between, *items[3:]]}
    assert [(turn.speaker, turn.text, turn.at) for turn in only("contact_lens", payload).verbatim.turns] == [
        ("agent", "Hello.", "00:00:00.000"),
        ("customer", "My bill is wrong.", "00:01:01.500"),
        ("system", "The conversation was transferred.", None),
        ("system", "The customer is on hold.", None),
        ("system", "Hm.", "00:01:10.000"),
    ]
    entries = [{"role": "END_USER", "text": text} for text in ("My bill", "is wrong.")]
    talks = [only("conversational_insights", {"conversation_id": "1", "entries": entries, "channel": name}) for name in ("voice", "chat")]
    assert [[turn.text for turn in talk.verbatim.turns] for talk in talks] == [["My bill is wrong."], ["My bill", "is wrong."]]


def test_genesys_joins_phrases_of_one_speaker() -> None:
    def phrase(text: str, who: str, at: int = 1_735_700_000_000) -> dict[str, Any]:
        return {"text": text.lower(), "decoratedText": text, "participantPurpose": who, "startTimeMs": at}

    phrases = [
        phrase("Hello.", "internal"),
        phrase("My bill", "external", 1_735_700_001_000),
        phrase("is wrong.", "external"),
        phrase("I see.", "internal"),
    ]
    payload = {
        "conversationId": "c",
        "mediaType": "call",
        "conversationStartTime": 1_735_700_000_000,
        "transcripts": [{"phrases": phrases}],
    }
    event = only("genesys", payload)
    assert [(turn.speaker, turn.text) for turn in event.verbatim.turns] == [
        ("agent", "Hello."),
        ("customer", "My bill is wrong."),
        ("agent", "I see."),
    ]
    assert event.verbatim.turns[1].at == "2025-01-01T02:53:21.000000Z"
    assert event.record_id == "c" and only("genesys", payload | {"communicationId": "k"}).record_id == "c/k"


def test_insights_without_an_id_takes_a_digest() -> None:
    payload = payload_of("conversational_insights")
    del payload["conversation_id"]
    first, again = only("conversational_insights", payload), only("conversational_insights", payload)
    payload["entries"][1]["text"] = "Something else."
    assert first.record_id == again.record_id != only("conversational_insights", payload).record_id
    assert first.record_id.startswith("digest-")


@pytest.mark.parametrize(
    ("role", "speaker"), [("END_USER", "customer"), ("customer", "customer"), ("AUTOMATED_AGENT", "bot"), ("HUMAN_AGENT", "agent")]
)
def test_insights_roles(role: str, speaker: str) -> None:
    entries = [{"role": role, "text": "One."}, {"role": "CUSTOMER", "text": "Two."}]
    assert only("conversational_insights", {"conversation_id": "1", "entries": entries}).verbatim.turns[0].speaker == speaker


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("contact_lens", {"CustomerMetadata": {"ContactId": "k"}, "Transcript": [{"ParticipantId": "AGENT", "Content": "Hello?"}]}),
        ("genesys", {"conversationId": "c", "transcripts": [{"phrases": [{"text": "Hello?", "participantPurpose": "internal"}]}]}),
        ("conversational_insights", {"conversation_id": "1", "entries": [{"role": "AGENT", "text": "Hello?"}]}),
    ],
)
def test_without_a_word_of_the_customer_there_is_no_text(name: str, payload: Any) -> None:
    assert events(name, payload) == (Skipped("no_text"),)


@pytest.mark.parametrize(
    ("name", "field"), [("contact_lens", "Transcript"), ("genesys", "transcripts"), ("conversational_insights", "entries")]
)
def test_without_a_transcript_it_is_unusable(name: str, field: str) -> None:
    with pytest.raises(UnusableBodyError, match=field):
        events(name, payload_of(name) | {field: None})


def test_a_turn_of_a_role_that_is_not_known_is_kept_as_the_systems_with_a_warning() -> None:
    strange, known = "<script>alert(1)</script>", [("END_USER", "<b>One</b> & two."), ("AGENT", "Three.")]
    entries = [{"role": role, "text": text} for role, text in [(strange, "Somebody."), *known, ("", "Nobody.")]]
    event = only("conversational_insights", {"conversation_id": "1", "entries": entries})
    assert [(turn.speaker, turn.text) for turn in event.verbatim.turns] == [
        ("system", "Somebody."),
        ("customer", "<b>One</b> & two."),
        ("agent", "Three."),
        ("system", "Nobody."),
    ]
    assert event.warnings == ("speaker_unknown",)
    assert only("conversational_insights", {"conversation_id": "1", "entries": entries[1:3]}).warnings == ()


def test_genesys_keeps_phrases_of_an_unknown_purpose_apart() -> None:
    said = [("external", "My bill"), ("station", "is"), (None, "odd."), ("acd", "Please wait."), ("external", "Yes.")]
    phrases = [{"text": text, "participantPurpose": who} for who, text in said]
    event = only("genesys", {"conversationId": "c", "transcripts": [{"phrases": phrases}]})
    assert [(turn.speaker, turn.text) for turn in event.verbatim.turns] == [
        ("customer", "My bill"),
        ("system", "is odd."),
        ("system", "Please wait."),
        ("customer", "Yes."),
    ]
    assert event.warnings == ("speaker_unknown",)


PASTED = "Agent: Hello\nCustomer: It broke.\n\nTwice."
TALKS: dict[str, tuple[Any, dict[str, Any], str | None]] = {
    "contact_lens": ({"CustomerMetadata": {"ContactId": "k"}, "Transcript": [
        {"ParticipantRole": "CUSTOMER", "Content": PASTED, "AbsoluteTime": "2026-01-05T09:00:00Z", "DisplayName": "Mia"}]}, {}, "Mia"),
    "genesys": ({"conversationId": "c", "transcripts": [{"phrases": [
        {"text": PASTED, "participantPurpose": "external", "startTimeMs": 1_767_603_600_000}]}]}, {}, None),
    "conversational_insights": ({"conversation_id": "1", "entries": [
        {"role": "?", "text": PASTED, "start_timestamp_usec": 1_767_603_600_000_000}]}, {}, None),
    "zendesk": ({"id": "1", "type": "chat", "history": [
        {"type": "chat.msg", "sender_type": "Visitor", "name": "Mia", "msg": PASTED, "timestamp": "2026-01-05T09:00:00Z"}]}, {}, "Mia"),
    "intercom": ({"topic": "conversation_part.redacted", "data": {"item": {"id": "1", "conversation_parts": {"conversation_parts": [
        {"id": "p0", "author": {"type": "user"}, "redacted": True},
        {"id": "p1", "author": {"type": "user", "name": "Mia"}, "created_at": 1_767_603_600,
         "body": "<p>Agent: Hello</p><p>Customer: It broke.</p><p>Twice.</p>"}]}}}}, {}, "Mia"),
    "generic": ({"key": "1", "log": [{"by": "C", "said": PASTED, "t": 1_767_603_600}]}, {"id": "/key", "turns": {
        "items": "/log", "speaker": "/by", "text": "/said", "at": "/t", "roles": {"C": "customer"}}}, None),
    "standard_webhooks": ({"id": "1", "turns": [
        {"speaker": "customer", "text": PASTED, "at": "2026-01-05T09:00:00.000000Z", "author": "Mia"}]}, {}, "Mia"),
}  # fmt: skip


PASTED_TEXT = f"{PASTED}\nAgent: Sorry."
TEXTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "standard_webhooks": ({"id": "1", "text": PASTED_TEXT}, {}),
    "generic": ({"key": "1", "said": PASTED_TEXT}, {"id": "/key", "text": ["/said"]}),
    "typeform": ({"event_id": "e1", "event_type": "form_response", "form_response": {
        "token": "1", "submitted_at": "2026-01-05T09:00:00Z", "definition": {"fields": [{"id": "f", "title": "Why?", "type": "long_text"}]},
        "answers": [{"type": "text", "text": PASTED_TEXT, "field": {"id": "f", "type": "long_text"}}]}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_a_dialogue_is_parted_whoever_sends_it(name: str) -> None:
    verbatim = only(name, *TEXTS[name]).verbatim
    assert verbatim.text is None
    said = [("agent", "Hello"), ("customer", "It broke.\n\nTwice."), ("agent", "Sorry.")]
    assert [(turn.speaker, turn.text) for turn in verbatim.turns] == said


def test_a_form_with_roles_stays_what_the_customer_said() -> None:
    text = "Customer:\nAgent: Maria\nComments: Great help, thanks!"
    event = only("generic", {"key": "1", "said": text}, {"id": "/key", "text": ["/said"]})
    assert event.verbatim.text == text and event.verbatim.turns == ()


@pytest.mark.parametrize("name", TALKS)
def test_a_turn_that_is_a_dialogue_is_parted_whoever_sends_it(name: str) -> None:
    payload, options, author = TALKS[name]
    event = only(name, payload, options)
    agent, customer = event.verbatim.turns
    assert agent == RawTurn("agent", "Hello", "2026-01-05T09:00:00.000000Z")
    assert (customer.speaker, customer.text.split(), customer.author) == ("customer", ["It", "broke.", "Twice."], author)
    assert event.warnings == () and event.redactions == (name == "intercom")
