"""A Genesys Cloud transcript in, one record out; the id is the conversation's, plus the communication's if given."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.payload import at, key_at, language_at, needed_key, objects_at, read_object, text_at, word_at
from vocservice.records import RawTurn, Speaker
from vocservice.turns import joined, turn_of

_SPEAKERS: Mapping[str, Speaker] = {
    "external": "customer", "customer": "customer", "internal": "agent", "agent": "agent", "user": "agent",
    "bot": "bot", "ivr": "bot", "botflow": "bot", "acd": "system",
}  # fmt: skip
_CHANNELS = {"call": "call", "voice": "call", "email": "email", "message": "chat", "chat": "chat"}


class GenesysAdapter(BaseAdapter[Options]):
    """Genesys Cloud transcripts, forwarded by a script."""

    name = "genesys"
    label = "Genesys Cloud"
    setup = (
        "Let a script take the transcript URL of each ended conversation (speech and text analytics API), fetch the file and post it as it "
        "is to {url}. Keep the URL secret: deliveries carry no signature."
    )
    options_type = Options

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body, clock = read_object(delivery), Clock(delivery.received_at)
        conversation, communication = needed_key(body, "conversationId"), key_at(body, "communicationId")
        if not isinstance(at(body, "transcripts"), list):
            raise UnusableBodyError("the field transcripts must be a list")
        draft = Draft(
            record_id=f"{conversation}/{communication}" if communication else conversation,
            turns=tuple(joined(_turns(body, clock))),
            channel=_CHANNELS.get((word_at(body, "mediaType") or "").lower(), "chat"),
            created=at(body, "conversationStartTime"),
            language=next((found for one in objects_at(body, "transcripts") if (found := language_at(one, "language"))), None),
            metadata={"conversation_id": conversation},
        )
        return Parsed(None, (upsert(draft, clock),))

    def sample(self, number: int = 1) -> Sample:
        start = int(samples.moment(number).timestamp() * 1000)
        purposes = {"customer": "external", "agent": "internal", "bot": "bot"}
        phrases = [
            {"text": line.text, "startTimeMs": start + 1000 * line.second, "participantPurpose": purposes[line.speaker]}
            for line in samples.talk(number)
        ]
        body = {
            "conversationId": f"gen-{number:06d}",
            "communicationId": f"com-{number:06d}",
            "mediaType": "call",
            "conversationStartTime": start,
            "transcripts": [{"transcriptId": f"t-{number}", "language": "en-us", "phrases": phrases}],
        }
        return Sample(orjson.dumps(body))


def _turns(body: Mapping[str, Any], clock: Clock) -> Iterator[RawTurn]:
    """The phrases with their punctuation."""
    for transcript in objects_at(body, "transcripts"):
        for phrase in objects_at(transcript, "phrases"):
            speaker = _SPEAKERS.get((word_at(phrase, "participantPurpose") or "").lower())
            if text := text_at(phrase, "decoratedText") or text_at(phrase, "text"):
                yield turn_of(speaker, text.strip(), clock.read(at(phrase, "startTimeMs")))
