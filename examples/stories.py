"""An adapter in, a sender's deliveries about one record over time out: the record, an older version, its deletion.

Everything is derived from the adapter's sample, so payloads have a realistic form. Texts are invented.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from vocservice.ingest.registry import ADAPTERS

FORM = "application/x-www-form-urlencoded"
OLDER = "The oldest words, which must lose."
Path = tuple[str | int, ...]
Changes = Mapping[Path, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """How a sender reports changes; paths lead into the payload.

    Attributes:
        words: path of the customer's text.
        first: additions to the sample, such as a time of change.
        older: changes for an older version; empty if the sender has no versions.
        gone: changes for a deletion or redaction; empty if the sender has none.
        told_again: changes for another delivery of the same, if the sender numbers deliveries.
    """

    words: Path = ()
    first: Changes | None = None
    older: Changes | None = None
    gone: Changes | None = None
    told_again: Changes | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """A body with its content type, and the sender's delivery id if sent in a header."""

    body: bytes
    content_type: str
    delivery_id: str


_LAST, _FIRST = "2026-03-03T10:00:00Z", "2020-01-01T10:00:00Z"
_ANSWER = ("response", "answers", 1, "answer")
_PART = ("data", "item", "conversation_parts", "conversation_parts", 0, "body")
_REVIEW = ("reviews", 0, "comments", 0, "userComment")
_EVENT = ("events", 0)
STORIES: Mapping[str, Story] = {
    "generic": Story(("text",), {("updated_at",): _LAST}, {("updated_at",): _FIRST}),
    "standard_webhooks": Story(("text",), {("version",): 3}, {("version",): 2}),
    "typeform": Story(
        ("form_response", "answers", 1, "text"), older={("form_response", "submitted_at"): _FIRST}, told_again={("event_id",): "evt-again"}
    ),
    "surveymonkey": Story(gone={("event_type",): "response_deleted"}, told_again={("event_id",): "90001"}),
    "qualtrics": Story(("comment",), older={("recordedDate",): _FIRST}),
    "google_forms": Story(_ANSWER, older={("response", "timestamp"): _FIRST}),
    "delighted": Story(
        ("event_data", "comment"), older={("event_data", "updated_at"): 1_577_872_800}, told_again={("event_id",): "f" * 64}
    ),
    "zendesk": Story(
        ("event", "comment", "body"),
        older={("time",): _FIRST},
        gone={("type",): "zen:event-type:ticket.comment_redacted"},
        told_again={("id",): "zd-again"},
    ),
    "intercom": Story(
        _PART,
        older={("data", "item", "updated_at"): 1_577_872_800},
        gone={("topic",): "conversation.deleted"},
        told_again={("id",): "notif_again"},
    ),
    "trustpilot": Story(
        (*_EVENT, "eventData", "text"),
        older={(*_EVENT, "eventData", "createdAt"): _FIRST},
        gone={(*_EVENT, "eventName"): "service-review-deleted"},
    ),
    "google_play": Story((*_REVIEW, "text"), older={(*_REVIEW, "lastModified", "seconds"): "1577872800"}),
    "app_store": Story(),
    "contact_lens": Story(),
    "genesys": Story(),
    "conversational_insights": Story(),
    "twilio": Story(("Body",), older={("DateUpdated",): _FIRST}, gone={("EventType",): "onMessageRemoved"}),
}


def first(name: str, number: int) -> Posting:
    """The record."""
    return _posting(name, number, STORIES[name].first or {}, f"{name}-{number}")


def older(name: str, number: int) -> Posting | None:
    """An older version, with another text, that arrives late; None if the sender has none."""
    story = STORIES[name]
    if not story.older:
        return None
    return _posting(name, number, {**_again(story, number, "older"), **story.older, story.words: OLDER}, f"{name}-{number}-older")


def gone(name: str, number: int) -> Posting | None:
    """A deletion of the record; None if the sender cannot report that."""
    story = STORIES[name]
    changes = {**_again(story, number, "gone"), **(story.gone or {})}
    return _posting(name, number, changes, f"{name}-{number}-gone") if story.gone else None


def replayed(name: str, number: int) -> Posting:
    """The record once more, in a separate delivery."""
    story = STORIES[name]
    return _posting(name, number, {**(story.first or {}), **_again(story, number, "again")}, f"{name}-{number}-again", is_reworded=True)


def _again(story: Story, number: int, what: str) -> Changes:
    """Changes that make a separate delivery, per record and event."""
    return {path: f"{value}{number}-{what}" for path, value in (story.told_again or {}).items()}


def _posting(name: str, number: int, changes: Changes, delivery_id: str, *, is_reworded: bool = False) -> Posting:
    """The sample with changes; with `reworded`, its bytes differ but not its content."""
    sample = ADAPTERS[name].sample(number)
    is_form = sample.content_type == FORM
    value = dict(parse_qsl(sample.body.decode())) if is_form else json.loads(sample.body)
    for path, new in changes.items():
        value = _with(value, path, new)
    if is_form:
        pairs = sorted(value.items(), reverse=is_reworded)
        return Posting(urlencode(pairs).encode(), sample.content_type, delivery_id)
    return Posting(json.dumps(value, indent=1 if is_reworded else None).encode(), sample.content_type, delivery_id)


def _with(value: Any, path: Path, new: Any) -> Any:
    """Set a value at a path."""
    made = deepcopy(value)
    held = made
    for step in path[:-1]:
        held = held[step]
    held[path[-1]] = new
    return made
