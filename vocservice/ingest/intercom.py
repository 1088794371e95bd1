"""An Intercom notification in, its conversation as a transcript or each customer message as a record out.

The record is the conversation (`unit = "conversation"`). Many topics carry only the newest parts; then the record has
fewer turns than the conversation and a warning, `conversation_incomplete`: subscribe to `conversation.admin.closed`, or
set `unit = "part"`, which makes a record `conversation/part` of each customer message.

A redacted part is left out. `conversation_part.redacted` sends the conversation again without it and deletes what was
stored of it before, if the payload holds other customer text; else it erases the conversation, because the stored text may
contain the redacted part. With `unit = "part"` only the part is erased. Internal notes are never read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, score, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Erase, Event, Parsed, Skipped, Upsert
from vocservice.ingest.markup import text_of_html
from vocservice.ingest.payload import at, key_at, name_at, needed_key, number_at, objects_at, read_object, text_at
from vocservice.records import Speaker
from vocservice.turns import turn_of

_HEADER = "x-hub-signature"
_PREFIX = "sha1="
_SPEAKERS: Mapping[str, Speaker] = {
    "user": "customer", "lead": "customer", "contact": "customer", "admin": "agent", "team": "agent", "bot": "bot",
}  # fmt: skip
_NOTES = frozenset({"note", "note_and_reopen"})


class IntercomOptions(Options):
    """`unit`: what makes a record."""

    unit: Literal["conversation", "part"] = "conversation"


class _Part(NamedTuple):
    """A message; its speaker is None if the author's role is unknown."""

    id: str
    speaker: Speaker | None
    text: str
    at: Any
    subject: str | None
    is_redacted: bool
    author: str | None


class IntercomAdapter(BaseAdapter[IntercomOptions]):
    """Intercom webhooks."""

    name = "intercom"
    label = "Intercom"
    setup = (
        "In the Intercom Developer Hub open your app, Webhooks, enter {url}, and subscribe to conversation.admin.closed, "
        "conversation_part.redacted and conversation.deleted (to conversation.user.created and conversation.user.replied as well where "
        "each message is to be a record: option unit = part). Enter the client secret of the app here."
    )
    needs_secret = True
    options_type = IntercomOptions

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_hex(delivery.header(_HEADER), delivery.body, secrets, sign=signature.hmac_sha1, prefix=_PREFIX)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        body, read = read_object(delivery), self.read_options(options)
        topic, item = text_at(body, "topic"), at(body, "data", "item")
        if topic is None:
            raise UnusableBodyError("the field topic is missing")
        return Parsed(key_at(body, "id"), tuple(_events(topic, item, read, Clock(delivery.received_at))))

    def sample(self, number: int = 1) -> Sample:
        start = int(samples.moment(number).timestamp())
        authors = {"customer": "user", "agent": "admin", "bot": "bot"}
        first, *others = samples.talk(number)
        parts = [
            {
                "type": "conversation_part",
                "id": f"{number}{index}",
                "part_type": "comment",
                "body": f"<p>{line.text}</p>",
                "created_at": start + line.second,
                "author": {"type": authors[line.speaker], "id": f"{line.speaker}-{number}"},
                "redacted": False,
            }
            for index, line in enumerate(others)
        ]
        item = {
            "type": "conversation",
            "id": f"{number:08d}",
            "created_at": start,
            "updated_at": start + others[-1].second,
            "source": {"type": "conversation", "id": f"s{number}", "body": f"<p>{first.text}</p>", "author": {"type": "bot", "id": "bot"}},
            "conversation_parts": {"conversation_parts": parts, "total_count": len(parts)},
        }
        data = {"type": "notification_event_data", "item": item}
        about = {"id": f"notif_{number}", "topic": "conversation.admin.closed", "created_at": start}
        body = {"type": "notification_event", **about, "data": data}
        return Sample(orjson.dumps(body))

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        return {_HEADER: _PREFIX + signature.hmac_sha1(secret, body).hex()}


def _events(topic: str, item: Any, options: IntercomOptions, clock: Clock) -> Iterator[Event]:
    if not topic.startswith(("conversation.", "conversation_part.")):
        yield Skipped("ping" if topic == "ping" else "not_feedback")
        return
    record_id = needed_key(item, "conversation_id" if at(item, "type") == "conversation_part" else "id")
    version = clock.read(at(item, "updated_at"))
    if topic == "conversation.deleted":
        yield Erase(record_id, version, "deleted")
        return
    parts, is_redaction = tuple(_parts(item)), topic == "conversation_part.redacted"
    if options.unit == "part":
        yield from _messages(record_id, item, parts, clock)
    else:
        yield _conversation(record_id, item, parts, clock, is_redaction=is_redaction)


def _messages(record_id: str, item: Any, parts: tuple[_Part, ...], clock: Clock) -> Iterator[Event]:
    """Each message of the customer, and an erasure for each redacted one."""
    kept = [part for part in parts if part.speaker == "customer" or part.is_redacted]
    if not kept:
        yield Skipped("author_unknown" if any(part.speaker is None for part in parts) else "staff_author" if parts else "no_text")
    for part in kept:
        own_id, version = f"{record_id}/{part.id}", clock.read(at(item, "updated_at"))
        if part.is_redacted:
            yield Erase(own_id, version, "redacted")
        else:
            updated = at(item, "updated_at")
            draft = Draft(
                record_id=own_id,
                text=part.text,
                channel="chat",
                created=part.at,
                updated=updated,
                subject=part.subject,
                author=part.author,
            )
            yield upsert(draft, clock)


def _conversation(record_id: str, item: Any, parts: tuple[_Part, ...], clock: Clock, *, is_redaction: bool) -> Event:
    kept = [part for part in parts if not part.is_redacted and part.text]
    total = number_at(item, "conversation_parts", "total_count")
    held = len(objects_at(item, "conversation_parts", "conversation_parts"))
    draft = Draft(
        record_id=record_id,
        turns=[turn_of(part.speaker, part.text, clock.read(part.at), part.author) for part in kept],
        channel="chat",
        created=at(item, "created_at"),
        updated=at(item, "updated_at"),
        subject=next((part.subject for part in kept if part.speaker == "customer" and part.subject), None),
        score=score("csat", number_at(item, "conversation_rating", "rating"), 5),
        warnings=("conversation_incomplete",) if total is not None and total > held else (),
    )
    event = upsert(draft, clock)
    redactions = max(sum(part.is_redacted for part in parts), int(is_redaction))
    if not redactions:
        return event
    if isinstance(event, Upsert):
        return replace(event, redactions=redactions)
    return Erase(record_id, clock.read(at(item, "updated_at")), "redacted")


def _parts(item: Any) -> Iterator[_Part]:
    """The opening message and the parts in order; a notification may hold a single part."""
    listed = objects_at(item, "conversation_parts", "conversation_parts")
    alone = [item] if at(item, "type") == "conversation_part" else []
    source = [at(item, "source")] if isinstance(at(item, "source"), dict) else []
    for part in (*source, *listed, *alone):
        speaker = _SPEAKERS.get(text_at(part, "author", "type") or "")
        name, is_redacted = key_at(part, "id"), at(part, "redacted") is True
        if not name or text_at(part, "part_type") in _NOTES:
            continue
        text = "\n".join(filter(None, (text_of_html(text_at(part, field) or "") for field in ("subject", "body"))))
        subject = key_at(part, "author", "email") or key_at(part, "author", "id")
        if text or is_redacted:
            author = name_at(at(part, "author"), "name")
            yield _Part(name, speaker, text, at(part, "created_at") or at(item, "created_at"), subject, is_redacted, author)
