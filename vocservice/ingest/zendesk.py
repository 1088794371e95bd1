"""Zendesk ticket events, trigger bodies and chat histories in, public customer texts out.

A comment is the record `ticket/comment`, a description `ticket/description`, a chat a transcript. A comment that
is not clearly public, or whose author is not clearly the customer, is skipped: internal notes and staff are not customers.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Erase, Event, Parsed, Skipped
from vocservice.ingest.payload import at, digest, key_at, name_at, needed_key, objects_at, read_object, text_at, word_at
from vocservice.ingest.times import iso
from vocservice.records import RawTurn, Speaker
from vocservice.turns import event_turn, turn_of

_DESCRIPTION = "description"
_SAID = "chat.msg"
_CHATS = frozenset({"chat", "messaging", "native_messaging", "whatsapp", "facebook", "sms"})
_SPEAKERS: Mapping[str, Speaker] = {
    "visitor": "customer",
    "enduser": "customer",
    "agent": "agent",
    "bot": "bot",
    "answerbot": "bot",
    "trigger": "bot",
    "system": "system",
}


class ZendeskAdapter(BaseAdapter[Options]):
    """Zendesk webhooks: event subscriptions, triggers, chat histories."""

    name = "zendesk"
    label = "Zendesk"
    setup = (
        "In the Admin Center open Apps and integrations, Webhooks, Create webhook, choose Zendesk events (ticket comment added, comment "
        "redacted, comment made private, ticket deleted), enter {url}, and enter the webhook's signing secret here. With a trigger "
        "instead, let it run on the conditions Comment is Public and Current user is (end user): without them an update in which the "
        "customer wrote nothing would send what the agent wrote last. Send JSON with ticket_id ({{ticket.id}}), comment "
        "({{ticket.latest_public_comment}}), author_email ({{current_user.email}}), requester_email ({{ticket.requester.email}}) and "
        "updated_at ({{ticket.updated_at_with_timestamp}}), which tells the comments of a ticket apart: a comment counts only where author "
        "and requester are the same. Internal notes and staff are never read."
    )
    needs_secret = True
    options_type = Options

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_zendesk(delivery, secrets)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body, clock = read_object(delivery), Clock(delivery.received_at)
        if objects_at(body, "history") or at(body, "type") in ("chat", "offline_msg"):
            return Parsed(None, (_chat(body, clock),))
        if (text_at(body, "type") or "").startswith("zen:event-type:"):
            return Parsed(key_at(body, "id"), _ticket_events(body, clock))
        return Parsed(None, (_trigger(body, clock),))

    def sample(self, number: int = 1) -> Sample:
        when = iso(samples.moment(number))
        comment = {
            "id": f"{70_000 + number}",
            "body": samples.comment(number).text,
            "is_public": True,
            "author": {"id": f"{40_000 + number}", "name": "A. Customer", "is_staff": False},
        }
        body = {
            "id": f"zd-{number:08d}",
            "type": "zen:event-type:ticket.comment_added",
            "account_id": 1,
            "time": when,
            "subject": f"zen:ticket:{number}",
            "detail": {"id": f"{number}", "status": "open", "requester_id": f"{40_000 + number}", "via": {"channel": "email"}},
            "event": {"comment": comment},
        }
        return Sample(orjson.dumps(body))

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = signature.in_base64(signature.hmac_sha256(secret, stamp.encode() + body))
        return {"x-zendesk-webhook-signature": signed, "x-zendesk-webhook-signature-timestamp": stamp}


def _ticket_events(body: Mapping[str, Any], clock: Clock) -> tuple[Event, ...]:
    """By type; `ticket.comment_added` and `ticket.CommentAdded` are the same.

    A description is a ticket's first comment, but its comment id is unknown: so any withdrawn comment also erases it.
    """
    kind = re.sub(r"[^a-z]", "", (text_at(body, "type") or "").removeprefix("zen:event-type:").lower())
    ticket = needed_key(body, "detail", "id")
    version = clock.read(at(body, "time"))
    match kind:
        case "ticketsoftdeleted" | "ticketpermanentlydeleted" | "ticketdeleted":
            return (Erase(ticket, version, "deleted"),)
        case "ticketcommentredacted" | "ticketcommentmadeprivate":
            gone = needed_key(body, "event", "comment", "id"), _DESCRIPTION
            return tuple(Erase(f"{ticket}/{name}", version, "redacted") for name in gone)
        case "ticketcommentadded":
            return (_comment(body, ticket, clock),)
        case "ticketcreated":
            return (_description(body, ticket, clock),)
    return (Skipped("not_feedback"),)


def _comment(body: Mapping[str, Any], ticket: str, clock: Clock) -> Event:
    comment = at(body, "event", "comment")
    if at(comment, "is_public") is not True:
        return Skipped("internal_note")
    if at(comment, "author", "is_staff") is not False:
        return Skipped("staff_author" if at(comment, "author", "is_staff") is True else "author_unknown")
    draft = Draft(
        record_id=f"{ticket}/{needed_key(comment, 'id')}",
        text=text_at(comment, "body"),
        channel=_channel(at(body, "detail", "via", "channel")),
        created=at(body, "time"),
        updated=at(body, "time"),
        subject=key_at(comment, "author", "id"),
        metadata={"ticket_id": ticket},
        author=name_at(at(comment, "author"), "name"),
    )
    return upsert(draft, clock)


def _description(body: Mapping[str, Any], ticket: str, clock: Clock) -> Event:
    """A new ticket's description is the customer's if the creator of the ticket is its requester."""
    detail = at(body, "detail")
    requester, actor = key_at(detail, "requester_id"), key_at(detail, "actor_id") or key_at(detail, "submitter_id")
    if requester is None or requester != actor:
        return Skipped("staff_author" if requester and actor else "author_unknown")
    draft = Draft(
        record_id=f"{ticket}/{_DESCRIPTION}",
        text=text_at(detail, "description"),
        channel=_channel(at(detail, "via", "channel")),
        created=at(detail, "created_at"),
        updated=at(body, "time"),
        subject=requester,
        metadata={"ticket_id": ticket},
    )
    return upsert(draft, clock)


def _trigger(body: Mapping[str, Any], clock: Clock) -> Event:
    """A trigger body written by an administrator, with the field names of the instructions."""
    text = at(body, "comment")
    if not isinstance(text, str):
        raise UnusableBodyError("the body is no Zendesk event, and has no field comment")
    ticket, author, requester = needed_key(body, "ticket_id"), key_at(body, "author_email"), key_at(body, "requester_email")
    if at(body, "is_public") in (False, "false"):
        return Skipped("internal_note")
    if author is None or requester is None or author.lower() != requester.lower():
        return Skipped("staff_author" if author and requester else "author_unknown")
    draft = Draft(
        record_id=f"{ticket}/{key_at(body, 'comment_id') or _told_apart(body)}",
        text=text,
        channel=_channel(at(body, "channel")),
        created=at(body, "updated_at"),
        updated=at(body, "updated_at"),
        subject=requester,
        metadata={"ticket_id": ticket},
    )
    return upsert(draft, clock)


def _told_apart(body: Mapping[str, Any]) -> str:
    """A comment's name where its id is not told, as triggers have no placeholder for it: by the time of the update, so that none takes
    another's place and a delivery that is sent again is the same; without a time, by its words."""
    return f"digest-{digest(str(at(body, 'updated_at') or at(body, 'comment')))}"


def _chat(body: Mapping[str, Any], clock: Clock) -> Event:
    """A chat with its turns, or an offline message."""
    record_id = needed_key(body, "id")
    turns = tuple(turn for item in objects_at(body, "history") if (turn := _turn(item, clock)))
    is_talk = any(at(item, "type") == _SAID and text_at(item, "msg") for item in objects_at(body, "history"))
    draft = Draft(
        record_id=record_id,
        text=None if is_talk else text_at(body, "message"),
        turns=turns if is_talk else (),
        channel="chat",
        created=at(body, "timestamp") or at(body, "session", "start_date"),
        updated=at(body, "session", "end_date") or at(body, "timestamp"),
        subject=key_at(body, "visitor", "email") or key_at(body, "visitor", "id"),
        metadata={"ticket_id": ticket} if (ticket := word_at(body, "zendesk_ticket_id")) else {},
        author=name_at(at(body, "visitor"), "name"),
    )
    return upsert(draft, clock)


def _turn(item: Mapping[str, Any], clock: Clock) -> RawTurn | None:
    speaker = _SPEAKERS.get(re.sub(r"[^a-z]", "", (text_at(item, "sender_type") or "").lower()))
    kind, text, when = text_at(item, "type") or "", text_at(item, "msg"), clock.read(at(item, "timestamp"))
    if kind != _SAID:
        return event_turn(kind, when, who=speaker)
    return turn_of(speaker, text, when, name_at(item, "name")) if text else None


def _channel(via: Any) -> str:
    return "chat" if isinstance(via, str) and via.lower() in _CHATS else "email"
