"""Tests of Zendesk, Intercom and Twilio: customers only, public words only, and what is redacted goes."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from ingest.sending import ADAPTERS, events, only, payload_of, sent, upserts
from vocservice.errors import UnusableBodyError
from vocservice.ingest import Emptied, Erase, Event, Skipped, Upsert
from vocservice.ingest.adapter import FORM_TYPE

AT = "2025-01-06T16:00:00.000000Z"
TAKEN_BACK = Erase("55/70001", AT, "redacted"), Erase("55/description", AT, "redacted")  # the description is some comment's text


def zendesk(kind: str = "ticket.comment_added", comment: dict[str, Any] | None = None, **detail: Any) -> dict[str, Any]:
    value = payload_of("zendesk") | {"type": f"zen:event-type:{kind}"}
    value["event"]["comment"] |= comment or {}
    value["detail"] |= detail
    return value


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ({"is_public": False}, "internal_note"),
        ({"is_public": None}, "internal_note"),
        ({"is_public": "true"}, "internal_note"),
        ({"author": {"id": "1", "is_staff": True}}, "staff_author"),
        ({"author": {"id": "1"}}, "author_unknown"),
        ({"author": None}, "author_unknown"),
        ({"body": " "}, "no_text"),
    ],
)
def test_zendesk_reads_no_notes_and_no_staff(comment: dict[str, Any], reason: str) -> None:
    assert events("zendesk", zendesk(comment=comment)) == (Skipped(reason),)


@pytest.mark.parametrize("kind", ["ticket.comment_added", "ticket.CommentAdded"])
def test_a_zendesk_comment(kind: str) -> None:
    event = only("zendesk", zendesk(kind, {"id": "c9", "body": "Still broken."}, id="55", via={"channel": "chat"}))
    assert (event.record_id, event.version, event.verbatim.text, event.verbatim.channel) == ("55/c9", AT, "Still broken.", "chat")
    assert names_of(event) == {"A. Customer"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ticket.soft_deleted", (Erase("55", AT, "deleted"),)),
        ("ticket.PermanentlyDeleted", (Erase("55", AT, "deleted"),)),
        ("ticket.comment_redacted", TAKEN_BACK),
        ("ticket.comment_made_private", TAKEN_BACK),
        ("ticket.status_changed", (Skipped("not_feedback"),)),
    ],
)
def test_zendesk_erases_what_is_gone(kind: str, expected: tuple[Event, ...]) -> None:
    assert events("zendesk", zendesk(kind, id="55")) == expected


def test_a_zendesk_description_is_the_requesters_own() -> None:
    event = only("zendesk", zendesk("ticket.created", id="55", description="It broke.", requester_id="7", actor_id=7))
    assert (event.record_id, event.verbatim.text, event.verbatim.subject) == ("55/description", "It broke.", "7")
    assert events("zendesk", zendesk("ticket.created", description="x", requester_id="7", actor_id="8")) == (Skipped("staff_author"),)
    assert events("zendesk", zendesk("ticket.created", description="x", requester_id="7")) == (Skipped("author_unknown"),)


TRIGGER = {
    "ticket_id": 55, "comment_id": 9, "comment": "Where is it?", "author_email": "A@example.com", "requester_email": "a@example.com",
    "updated_at": "2025-01-06T16:00:00Z",
}  # fmt: skip


def test_a_zendesk_trigger() -> None:
    event = only("zendesk", TRIGGER)
    assert (event.record_id, event.version, event.verbatim.text, event.verbatim.subject) == ("55/9", AT, "Where is it?", "a@example.com")
    assert events("zendesk", TRIGGER | {"author_email": "agent@example.com"}) == (Skipped("staff_author"),)
    assert events("zendesk", TRIGGER | {"author_email": None}) == (Skipped("author_unknown"),)
    assert events("zendesk", TRIGGER | {"is_public": "false"}) == (Skipped("internal_note"),)
    with pytest.raises(UnusableBodyError):
        events("zendesk", {"ticket_id": 55})


def test_comments_of_triggers_without_an_id_are_told_apart_by_their_time() -> None:
    bare = {name: value for name, value in TRIGGER.items() if name != "comment_id"}
    first, again, next_one = (only("zendesk", bare | more) for more in ({}, {}, {"updated_at": "2025-01-06T17:00:00Z"}))
    assert first.record_id == again.record_id != next_one.record_id and first.record_id.startswith("55/digest-")
    timeless = [only("zendesk", bare | {"updated_at": None, "comment": words}).record_id for words in ("One.", "Two.")]
    assert timeless[0] != timeless[1]


def test_the_setup_of_a_zendesk_trigger_lets_no_words_of_staff_through() -> None:
    assert all(told in ADAPTERS["zendesk"].setup for told in ("Comment is Public", "Current user is (end user)")) and "comment_id" not in (
        ADAPTERS["zendesk"].setup
    )


def names_of(event: Upsert) -> set[str]:
    """The names to be masked; no other place of an event holds one."""
    said = event.verbatim
    names = {name for name in (said.author, *(turn.author for turn in said.turns)) if name}
    bare = replace(said, author=None, turns=tuple(replace(turn, author=None) for turn in said.turns))
    assert not any(name in str(replace(event, verbatim=bare)) for name in names)
    return names


def test_a_zendesk_chat_is_a_transcript() -> None:
    def line(sender: str, text: str, kind: str = "chat.msg") -> dict[str, Any]:
        return {"type": kind, "sender_type": sender, "name": "Somebody", "msg": text, "timestamp": "2025-01-06T16:00:00Z"}

    history = [
        line("Trigger", "Welcome"),
        line("Visitor", "Help"),
        line("Agent", "Sure"),
        line("Visitor", "x", "chat.memberleave"),
        line("Visitor", "x", "chat.rating"),
        line("?", "y"),
    ]
    event = only("zendesk", {"id": "ch1", "type": "chat", "visitor": {"name": "Somebody", "email": "v@example.com"}, "history": history})
    assert [(turn.speaker, turn.text) for turn in event.verbatim.turns] == [
        ("bot", "Welcome"),
        ("customer", "Help"),
        ("agent", "Sure"),
        ("system", "Customer left."),
        ("system", "y"),
    ]
    assert event.warnings == ("speaker_unknown",)
    assert event.verbatim.subject == "v@example.com" and names_of(event) == {"Somebody"}
    offline = only("zendesk", {"id": "ch2", "type": "offline_msg", "message": "Call me.", "timestamp": "2025-01-06T16:00:00Z"})
    assert (offline.verbatim.text, offline.verbatim.turns) == ("Call me.", ())
    joined = {"history": [line("Visitor", "x", "chat.memberjoin")]}
    left = only("zendesk", {"id": "ch3", "type": "offline_msg", "message": "Call me.", "timestamp": "2025-01-06T16:00:00Z"} | joined)
    assert (left.verbatim.text, left.verbatim.turns) == ("Call me.", ())


def part(name: str, author: str, body: str | None, **more: Any) -> dict[str, Any]:
    return {
        "type": "conversation_part",
        "id": name,
        "part_type": "comment",
        "body": body,
        "author": {"type": author, "id": f"{author}-1"},
    } | more


def intercom(parts: list[dict[str, Any]], *, topic: str = "conversation.admin.closed", **item: Any) -> dict[str, Any]:
    value = payload_of("intercom") | {"topic": topic}
    value["data"]["item"] |= {
        "id": "c1",
        "source": None,
        "conversation_parts": {"conversation_parts": parts, "total_count": len(parts)},
    } | item
    return value


HELP, SURE, NOTE = (
    part("p1", "user", "<p>Help,<br>it &amp; I broke.</p>"),
    part("p2", "admin", "Sure"),
    part("p3", "admin", "Rude one!", part_type="note"),
)
GONE = part("p4", "user", None, redacted=True)


def test_an_intercom_conversation() -> None:
    source = {
        "id": "s1",
        "subject": "<p>Login</p>",
        "body": "<p>One.</p><p>Two.</p>",
        "author": {"type": "lead", "id": "l", "email": "l@example.com"},
    }
    event = only("intercom", intercom([HELP, SURE, NOTE, part("p5", "bot", "Bye")], source=source, conversation_rating={"rating": 2}))
    said = event.verbatim
    assert [(turn.speaker, turn.text) for turn in said.turns] == [
        ("customer", "Login\nOne.\n\nTwo."), ("customer", "Help,\nit & I broke."), ("agent", "Sure"), ("bot", "Bye"),
    ]  # fmt: skip
    assert (said.subject, said.score) == ("l@example.com", {"kind": "csat", "value": 2, "scale": 5})
    assert event.record_id == "c1" and event.version and event.warnings == ()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"topic": "ping", "id": "n"}, Skipped("ping")),
        ({"topic": "contact.created", "id": "n"}, Skipped("not_feedback")),
        (intercom([SURE, NOTE]), Skipped("no_text")),
        (intercom([]), Skipped("no_text")),
    ],
)
def test_intercom_without_a_customer(payload: Any, expected: Event) -> None:
    assert events("intercom", payload) == (expected,)


def test_intercom_keeps_the_words_of_authors_it_does_not_know() -> None:
    odd = part("p7", "<b>odd</b>", "Somebody said so.")
    event = only("intercom", intercom([HELP, odd]))
    assert [turn.speaker for turn in event.verbatim.turns] == ["customer", "system"] and event.warnings == ("speaker_unknown",)
    assert events("intercom", intercom([odd]), {"unit": "part"}) == (Skipped("author_unknown"),)


def test_intercom_redaction_leaves_the_part_out_or_erases() -> None:
    kept = only("intercom", intercom([HELP, GONE, SURE], topic="conversation_part.redacted"))
    assert [turn.text for turn in kept.verbatim.turns] == ["Help,\nit & I broke.", "Sure"]
    assert (kept.redactions, only("intercom", intercom([HELP, SURE])).redactions) == (1, 0)
    for parts, topic in (
        ([GONE, SURE], "conversation_part.redacted"),
        ([], "conversation_part.redacted"),
        ([GONE], "conversation.admin.closed"),
    ):
        (event,) = events("intercom", intercom(parts, topic=topic))
        assert isinstance(event, Erase) and (event.record_id, event.reason) == ("c1", "redacted")


def test_intercom_deletion() -> None:
    (event,) = events("intercom", intercom([HELP], topic="conversation.deleted"))
    assert isinstance(event, Erase) and (event.record_id, event.reason) == ("c1", "deleted")


def test_intercom_says_where_parts_are_missing() -> None:
    payload = intercom([HELP], conversation_parts={"conversation_parts": [HELP], "total_count": 9})
    assert only("intercom", payload).warnings == ("conversation_incomplete",)


def test_intercom_parts_as_records() -> None:
    found = events("intercom", intercom([HELP, SURE, NOTE, GONE]), {"unit": "part"})
    assert [(type(event), event.record_id) for event in found if not isinstance(event, Skipped)] == [(Upsert, "c1/p1"), (Erase, "c1/p4")]
    assert events("intercom", intercom([SURE]), {"unit": "part"}) == (Skipped("staff_author"),)


def test_who_writes_is_known_to_the_redaction() -> None:
    by_name = {"id": "p6", "author": {"type": "user", "id": "u", "name": " Mia Okafor "}, "body": "Help."}
    told = intercom([by_name, SURE | {"author": {"type": "admin", "id": "a", "name": "Kofi"}}])
    assert names_of(only("intercom", told)) == {"Mia Okafor", "Kofi"}
    assert names_of(only("intercom", told, {"unit": "part"})) == {"Mia Okafor"}
    comment = {"id": 5, "body": "Help.", "is_public": True, "author": {"id": 7, "is_staff": False, "name": "Mia Okafor"}}
    assert names_of(only("zendesk", zendesk(comment=comment))) == {"Mia Okafor"}


def twilio(options: dict[str, Any] | None = None, **fields: str) -> Event:
    given = {
        "EventType": "onMessageAdded",
        "ConversationSid": "CH1",
        "MessageSid": "IM1",
        "Body": "Hello?",
        "Author": "+15550001",
        "Source": "SMS",
    }
    body = urlencode(given | {"DateCreated": "2025-01-06T16:00:00Z"} | fields).encode()
    (event,) = ADAPTERS["twilio"].parse(sent(body, content_type=FORM_TYPE), options or {}).events
    return event


def test_twilio_messages() -> None:
    event = twilio()
    assert isinstance(event, Upsert) and (event.record_id, event.version, event.verbatim.text) == ("CH1/IM1", AT, "Hello?")
    assert twilio(Source="SDK", Author="agent-7") == Skipped("author_unknown")
    assert isinstance(twilio({"customer_prefixes": ["customer-"]}, Source="SDK", Author="customer-7"), Upsert)
    assert twilio(EventType="onParticipantAdded") == Skipped("not_feedback")
    assert twilio(EventType="onMessageRemoved", DateRemoved="2025-01-06T16:00:00Z") == Erase("CH1/IM1", AT, "deleted")
    assert twilio(EventType="onMessageUpdated", Body="", DateUpdated="2025-01-06T17:00:00Z") == Emptied(
        "CH1/IM1", "2025-01-06T17:00:00.000000Z"
    )


def test_upserts_of_one_delivery_have_distinct_ids() -> None:
    found = upserts("intercom", intercom([HELP, part("p9", "user", "More")]), {"unit": "part"})
    assert len({event.record_id for event in found}) == len(found) == 2
