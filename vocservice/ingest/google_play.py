"""Reviews of the Google Play Developer API in (a page of `reviews`, or one), one record each out."""

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


class GooglePlayAdapter(BaseAdapter[Options]):
    """Google Play reviews, forwarded by a script."""

    name = "google_play"
    label = "Google Play"
    setup = (
        "Google Play sends nothing by itself: let a script fetch reviews.list of the Google Play Developer API and post the answer as it "
        "is to {url}. The monthly CSV files are read by voc classify. Keep the URL secret: deliveries carry no signature."
    )
    options_type = Options

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body = read_object(delivery)
        found = objects_at(body, "reviews") if "reviews" in body else [body]
        known = [review for review in found if key_at(review, "reviewId")]
        if not known:
            raise UnusableBodyError("the body must hold reviews with a reviewId")
        return Parsed(None, tuple(_review(review, Clock(delivery.received_at)) for review in found))

    def sample(self, number: int = 1) -> Sample:
        said = samples.comment(number)
        written = {
            "text": f"My opinion\t{said.text}",
            "lastModified": {"seconds": str(int(samples.moment(number).timestamp())), "nanos": 0},
            "starRating": said.stars,
            "reviewerLanguage": "en",
            "appVersionName": "4.2",
        }
        return Sample(orjson.dumps({"reviews": [{"reviewId": f"gp{number:06d}", "comments": [{"userComment": written}]}]}))


def _review(review: Mapping[str, Any], clock: Clock) -> Event:
    """The reviewer's language is that of the device, so it is kept in the metadata only."""
    record_id = key_at(review, "reviewId")
    if record_id is None:
        return Skipped("rejected_missing_id")
    comments = [at(comment, "userComment") for comment in objects_at(review, "comments")]
    written = next((comment for comment in comments if isinstance(comment, dict)), None)
    text = text_at(written, "originalText") or text_at(written, "text") or ""
    changed = _modified(at(written, "lastModified"))
    metadata = {"reviewer_language": word_at(written, "reviewerLanguage"), "app_version": word_at(written, "appVersionName")}
    draft = Draft(
        record_id=record_id,
        text="\n".join(part.strip() for part in text.split("\t", 1) if part.strip()) or blank_at(written, "originalText", "text"),
        channel="review",
        created=changed,
        updated=changed,
        score=score("stars", number_at(written, "starRating"), 5),
        metadata={name: value for name, value in metadata.items() if value},
    )
    return upsert(draft, clock)


def _modified(stamp: Any) -> Any:
    """Seconds and nanoseconds as one number, with microsecond precision."""
    seconds, nanos = number_at(stamp, "seconds"), number_at(stamp, "nanos")
    if seconds is None:
        return None
    return f"{int(seconds)}.{int(nanos) // 1000:06d}" if isinstance(nanos, int) and 0 <= nanos < 10**9 else seconds
