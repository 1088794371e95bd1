"""A SurveyMonkey webhook in, what to fetch or erase out: deliveries carry ids, no answers (see `connector`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from vocservice.errors import ConfigError, UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Erase, Event, Fetch, Parsed, Skipped
from vocservice.ingest.payload import at, key_at, needed_key, read_object, text_at
from vocservice.ingest.times import iso

_HEADER = "sm-signature"
_KEY_HEADER = "sm-apikey"


class SurveyMonkeyAdapter(BaseAdapter[Options]):
    """SurveyMonkey webhooks."""

    name = "surveymonkey"
    label = "SurveyMonkey"
    setup = (
        "Create an app at developer.surveymonkey.com and three webhooks of object_type survey, as a subscription_url may "
        "be used once only: event type response_completed with {url}?e=completed, response_updated with {url}?e=updated, response_deleted "
        "with {url}?e=deleted. The secret here is the app's client id, &, and its "
        "client secret, in one: clientid&clientsecret. Answers are fetched with an access token: enter "
        "it on the page of the source, or by voc source access."
    )
    needs_secret = True
    options_type = Options

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_base64(delivery.header(_HEADER), delivery.body, secrets, sign=signature.hmac_sha1)

    def check_secrets(self, secrets: Sequence[str]) -> None:
        super().check_secrets(secrets)
        if not all(len(secret.partition("&")[0]) and secret.partition("&")[2] for secret in secrets):
            raise ConfigError("the secret of a SurveyMonkey source is clientid&clientsecret")

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        self.read_options(options)
        body = read_object(delivery)
        event_type = text_at(body, "event_type")
        if event_type is None:
            raise UnusableBodyError("the field event_type is missing")
        return Parsed(key_at(body, "event_id"), (_event(event_type, body, Clock(delivery.received_at)),))

    def sample(self, number: int = 1) -> Sample:
        body = {
            "name": "Responses",
            "filter_type": "survey",
            "filter_id": "300",
            "event_type": "response_completed",
            "event_id": f"{10_000 + number}",
            "object_type": "response",
            "object_id": f"{20_000 + number}",
            "event_datetime": iso(samples.moment(number)),
            "resources": {"respondent_id": f"{20_000 + number}", "collector_id": "40", "survey_id": "300", "user_id": "7"},
        }
        return Sample(orjson.dumps(body), "application/vnd.surveymonkey.response.v1+json")

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        signed = signature.in_base64(signature.hmac_sha1(secret, body))
        return {_HEADER: signed, _KEY_HEADER: secret.partition("&")[0]}


def _event(event_type: str, body: Mapping[str, Any], clock: Clock) -> Event:
    if not event_type.startswith("response_"):
        return Skipped("not_feedback")
    response, version = needed_key(body, "object_id"), clock.read(at(body, "event_datetime"))
    if event_type == "response_deleted":
        return Erase(response, version, "deleted")
    if event_type not in ("response_completed", "response_updated"):
        return Skipped("not_completed")
    return Fetch(response, version, {"survey_id": needed_key(body, "resources", "survey_id"), "response_id": response})
