"""An Amazon Connect Contact Lens analysis file (chat or voice) in, its transcript as a record out; the id is the contact's."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.payload import at, key_at, language_at, name_at, needed_key, number_at, objects_at, read_object, text_at
from vocservice.ingest.times import iso
from vocservice.moments import elapsed
from vocservice.records import RawTurn, Speaker
from vocservice.turns import event_turn, joined, turn_of

_SPEAKERS: Mapping[str, Speaker] = {
    "CUSTOMER": "customer", "AGENT": "agent", "SYSTEM": "system", "CUSTOM_BOT": "bot", "BOT": "bot", "SUPERVISOR": "supervisor",
}  # fmt: skip
_EVENT = "application/vnd.amazonaws.connect.event"
_LONGEST_CALL = 100 * 3_600_000  # milliseconds


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
        is_call = at(body, "Channel") == "VOICE"
        turns = tuple(joined(_turns(body, clock)) if is_call else _turns(body, clock))
        draft = Draft(
            record_id=record_id,
            turns=turns,
            channel="call" if is_call else "chat",
            created=next((when for item in objects_at(body, "Transcript") if (when := clock.read(at(item, "AbsoluteTime")))), None),
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
        joined = {"Id": f"e{number}", "Type": "EVENT", "ParticipantRole": "AGENT", "ContentType": f"{_EVENT}.participant.joined"}
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
    """Items with words, and events. Voice items name only the participant, whose role is listed or is the name itself."""
    roles = {key_at(one, "ParticipantId"): text_at(one, "ParticipantRole") for one in objects_at(body, "Participants")}
    for item in objects_at(body, "Transcript"):
        participant = key_at(item, "ParticipantId")
        role = text_at(item, "ParticipantRole") or roles.get(participant) or participant or ""
        text, speaker, when = text_at(item, "Content"), _SPEAKERS.get(role.upper()), _when(item, clock)
        if at(item, "Type") == "EVENT":
            happened = event_turn(text_at(item, "ContentType") or "", when, who=speaker)
            yield from (happened,) if happened else ()
        elif text:
            yield turn_of(speaker, text, when, name_at(item, "DisplayName"))


def _when(item: Mapping[str, Any], clock: Clock) -> str | None:
    """The time of a chat item; calls give only the time since their start."""
    when, offset = clock.read(at(item, "AbsoluteTime")), number_at(item, "BeginOffsetMillis")
    return elapsed(offset / 1000) if when is None and offset is not None and 0 <= offset < _LONGEST_CALL else when
