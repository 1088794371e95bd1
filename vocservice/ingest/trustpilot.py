"""Trustpilot service-review events in (several a delivery), a record or an erasure for each out.

Payloads rarely give the time of change: created reviews use the review's date, updated ones the time of arrival.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, score, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Erase, Event, Parsed, Skipped
from vocservice.ingest.payload import at, blank_at, key_at, language_at, number_at, objects_at, read_object, text_at, word_at
from vocservice.ingest.times import iso


class TrustpilotAdapter(BaseAdapter[Options]):
    """Trustpilot webhooks for service reviews."""

    name = "trustpilot"
    label = "Trustpilot"
    setup = (
        "In Trustpilot Business open Integrations, Webhooks, and add {url} for service reviews created, updated and deleted. "
        "Deliveries carry no signature: keep the URL secret."
    )
    options_type = Options

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        found = objects_at(read_object(delivery), "events")
        if not found:
            raise UnusableBodyError("the field events must hold at least one event")
        clock = Clock(delivery.received_at)
        events = tuple(_event(event, clock) for event in found)
        if all(event == Skipped("rejected_missing_id") for event in events):
            raise UnusableBodyError("the field eventData.id must be an id")
        return Parsed(None, events)

    def sample(self, number: int = 1) -> Sample:
        said = samples.comment(number)
        data = {
            "id": f"tp{number:06d}",
            "language": "en",
            "title": "My experience",
            "text": said.text,
            "referenceId": f"order-{number}",
            "stars": said.stars,
            "createdAt": iso(samples.moment(number)),
            "isVerified": True,
            "consumer": {"id": f"consumer{number}", "name": "A. Customer"},
        }
        return Sample(orjson.dumps({"events": [{"eventName": "service-review-created", "version": "1", "eventData": data}]}))


def _event(event: Mapping[str, Any], clock: Clock) -> Event:
    name, data = text_at(event, "eventName") or "", at(event, "eventData")
    record_id = key_at(data, "id")
    if record_id is None:
        return Skipped("rejected_missing_id")
    if name.endswith("review-deleted"):
        return Erase(record_id, clock.read(at(data, "updatedAt")), "deleted")
    if not name.endswith(("review-created", "review-updated")):
        return Skipped("not_feedback")
    said = [text for field in ("title", "text") if (text := text_at(data, field))]
    draft = Draft(
        record_id=record_id,
        text="\n".join(said) or blank_at(data, "text"),
        channel="review",
        created=at(data, "createdAt"),
        updated=at(data, "updatedAt") or (iso(clock.received_at) if name.endswith("review-updated") else at(data, "createdAt")),
        language=language_at(data, "language"),
        subject=key_at(data, "consumer", "id"),
        score=score("stars", number_at(data, "stars"), 5),
        metadata={name: value for name, field in _METADATA.items() if (value := word_at(data, field))},
    )
    return upsert(draft, clock)


_METADATA = {"reference_id": "referenceId", "location_id": "locationId"}
