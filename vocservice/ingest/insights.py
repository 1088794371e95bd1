"""A conversation in Google Conversational Insights JSON in, one record out: the neutral format for transcripts.

The format has no id: `conversation_id` or `name` beside `entries` is used, else a digest of the entries.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.payload import at, digest, key_at, language_at, objects_at, read_object, text_at, word_at
from vocservice.records import RawTurn, Speaker
from vocservice.turns import joined, turn_of

_SPEAKERS: Mapping[str, Speaker] = {
    "CUSTOMER": "customer", "END_USER": "customer", "AGENT": "agent", "HUMAN_AGENT": "agent", "AUTOMATED_AGENT": "bot",
}  # fmt: skip
_CALLS = frozenset({"call", "voice", "phone"})  # whose entries are utterances between pauses


class InsightsAdapter(BaseAdapter[Options]):
    """Conversational Insights JSON, one conversation per delivery."""

    name = "conversational_insights"
    label = "Conversational Insights"
    setup = (
        "Post each conversation as JSON to {url}: entries, a list of {start_timestamp_usec, text, role: CUSTOMER, AGENT or "
        "AUTOMATED_AGENT}, and beside it conversation_id. Converters from other systems to this form exist. "
        "Keep the URL secret: deliveries carry no signature."
    )
    options_type = Options

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body, clock = read_object(delivery), Clock(delivery.received_at)
        entries = objects_at(body, "entries")
        if not entries:
            raise UnusableBodyError("the field entries must hold at least one entry")
        turns, channel = tuple(_turns(entries, clock)), word_at(body, "channel") or "chat"
        named = (key_at(body, "conversation_id"), key_at(body, "conversation_info", "conversation_id"), key_at(body, "name"))
        draft = Draft(
            record_id=next((name for name in named if name), f"digest-{digest(*map(str, turns))}"),
            turns=tuple(joined(turns)) if channel.lower() in _CALLS else turns,
            channel=channel,
            created=at(entries[0], "start_timestamp_usec"),
            language=language_at(body, "language_code"),
        )
        return Parsed(None, (upsert(draft, clock),))

    def sample(self, number: int = 1) -> Sample:
        start = int(samples.moment(number).timestamp() * 1_000_000)
        roles = {"customer": "CUSTOMER", "agent": "AGENT", "bot": "AUTOMATED_AGENT"}
        entries = [
            {"start_timestamp_usec": start + 1_000_000 * line.second, "text": line.text, "role": roles[line.speaker], "user_id": 1}
            for line in samples.talk(number)
        ]
        return Sample(orjson.dumps({"conversation_id": f"ci-{number:06d}", "conversation_info": {"categories": []}, "entries": entries}))


def _turns(entries: list[Mapping[str, Any]], clock: Clock) -> Iterator[RawTurn]:
    for entry in entries:
        speaker, text = _SPEAKERS.get((word_at(entry, "role") or "").upper()), text_at(entry, "text")
        if text:
            yield turn_of(speaker, text, clock.read(at(entry, "start_timestamp_usec")))
