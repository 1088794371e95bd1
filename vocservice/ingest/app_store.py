"""Customer reviews of the App Store Connect API in (`data`: a list or one), one record each out; there are no versions."""

from collections.abc import Mapping
from typing import Any

import orjson

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, score, upsert
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Event, Parsed, Skipped
from vocservice.ingest.payload import at, blank_at, key_at, number_at, objects_at, read_object, text_at, word_at


class AppStoreAdapter(BaseAdapter[Options]):
    """App Store reviews, forwarded by a script."""

    name = "app_store"
    label = "App Store"
    setup = (
        "App Store Connect sends no reviews by itself: let a script fetch customerReviews of the App Store Connect API and post the answer "
        "as it is to {url}. Keep the URL secret: deliveries carry no signature."
    )
    options_type = Options

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        data = at(read_object(delivery), "data")
        found = objects_at([data], 0) or [item for item in [data] if isinstance(item, dict)]
        if not any(key_at(review, "id") for review in found):
            raise UnusableBodyError("the field data must hold reviews with an id")
        return Parsed(None, tuple(_review(review, Clock(delivery.received_at)) for review in found))

    def sample(self, number: int = 1) -> Sample:
        said = samples.comment(number)
        attributes = {
            "rating": said.stars,
            "title": "My opinion",
            "body": said.text,
            "reviewerNickname": "a_customer",
            "createdDate": samples.moment(number).isoformat(),
            "territory": "GBR",
        }
        return Sample(orjson.dumps({"data": [{"type": "customerReviews", "id": f"as{number:06d}", "attributes": attributes}]}))


def _review(review: Mapping[str, Any], clock: Clock) -> Event:
    record_id, written = key_at(review, "id"), at(review, "attributes")
    if record_id is None:
        return Skipped("rejected_missing_id")
    if at(review, "type") not in (None, "customerReviews"):
        return Skipped("not_feedback")
    draft = Draft(
        record_id=record_id,
        text="\n".join(text for field in ("title", "body") if (text := text_at(written, field))) or blank_at(written, "body"),
        channel="review",
        created=at(written, "createdDate"),
        score=score("stars", number_at(written, "rating"), 5),
        metadata={"territory": territory} if (territory := word_at(written, "territory")) else {},
    )
    return upsert(draft, clock)
