"""An analysis file of Amazon Connect Contact Lens in (chat or voice), its transcript as a record out; the id is the contact's."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, turn_of, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.payload import at, key_at, language_at, needed_key, objects_at, read_object, text_at
from vocservice.ingest.times import iso
from vocservice.records import RawTurn, Speaker

_SPEAKERS: Mapping[str, Speaker] = {
    "CUSTOMER": "customer", "AGENT": "agent", "SYSTEM": "system", "CUSTOM_BOT": "bot", "BOT": "bot", "SUPERVISOR": "supervisor",
}  # fmt: skip


class ContactLensAdapter(BaseAdapter[Options]):
    """Contact Lens analysis files, forwarded by a function."""

    name = "contact_lens"
    label = "Amazon Connect Contact Lens"
    setup = (
        "Contact Lens writes a JSON file per contact into your bucket: let a function that runs on each new file post it to {url}; "
        "take the redacted files where you have them. Keep the URL secret: deliveries carry no signature."
    )
    options_type = Options

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body, clock = read_object(delivery), Clock(delivery.received_at)
        record_id = needed_key(body, "CustomerMetadata", "ContactId")
        if not isinstance(at(body, "Transcript"), list):
            raise UnusableBodyError("the field Transcript must be a list")
        turns = tuple(_turns(body, clock))
        draft = Draft(
            record_id=record_id,
            turns=turns,
            channel="call" if at(body, "Channel") == "VOICE" else "chat",
            created=next((turn.at for turn in turns if turn.at), None),
            language=language_at(body, "LanguageCode"),
        )
        return Parsed(None, (upsert(draft, clock),))

    def sample(self, number: int = 1) -> Sample:
        roles = {"customer": "CUSTOMER", "agent": "AGENT", "bot": "CUSTOM_BOT"}
        start = samples.moment(number)
        items = [
            {
                "Id": f"m{number}-{index}",
                "Type": "MESSAGE",
                "ParticipantId": f"p-{line.speaker}",
                "ParticipantRole": roles[line.speaker],
                "AbsoluteTime": iso(start.replace(minute=line.second // 60, second=line.second % 60)),
                "ContentType": "text/plain",
                "Content": line.text,
            }
            for index, line in enumerate(samples.talk(number))
        ]
        joined = {"Id": f"e{number}", "Type": "EVENT", "ParticipantRole": "AGENT", "ContentType": "application/vnd.joined"}
        body = {
            "Version": "1.1.0",
            "Channel": "CHAT",
            "JobStatus": "COMPLETED",
            "LanguageCode": "en-US",
            "CustomerMetadata": {"ContactId": f"contact-{number:06d}", "InstanceId": "instance"},
            "Participants": [{"ParticipantId": f"p-{name}", "ParticipantRole": role} for name, role in roles.items()],
            "Transcript": [items[0], joined, *items[1:]],
        }
        return Sample(orjson.dumps(body))


def _turns(body: Mapping[str, Any], clock: Clock) -> Iterator[RawTurn]:
    """The items with words; events have none. Voice items name the participant only, whose role is listed or is the name itself."""
    roles = {key_at(one, "ParticipantId"): text_at(one, "ParticipantRole") for one in objects_at(body, "Participants")}
    for item in objects_at(body, "Transcript"):
        participant = key_at(item, "ParticipantId")
        role = text_at(item, "ParticipantRole") or roles.get(participant) or participant or ""
        text, speaker = text_at(item, "Content"), _SPEAKERS.get(role.upper())
        if text and at(item, "Type") != "EVENT":
            yield turn_of(speaker, text, clock.read(at(item, "AbsoluteTime")))
