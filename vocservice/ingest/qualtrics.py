"""Qualtrics in: the web service task's body (a form or JSON, written by the customer) or an event subscription; events out.

A text field of a web service task is the record `response/field`. An event subscription carries only ids: `Fetch`.
Qualtrics does not escape piped text in JSON, so a quote in a comment breaks it; a form is safe.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from pydantic import Field

from vocservice.errors import SignatureError, UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import FORM_TYPE, JSON_TYPES, BaseAdapter, Options, Sample, Zone
from vocservice.ingest.build import Clock, Draft, score, upserts
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Event, Fetch, Parsed, Skipped
from vocservice.ingest.payload import at, key_at, language_at, name_at, needed_key, number_at, read_form, read_object, text_at, word_at
from vocservice.ingest.times import iso, read_zone
from vocservice.strictjson import JsonError, parse_json

_TOPIC = "surveyengine.completedResponse"
_SCORES = {"nps": 10, "csat": 5, "ces": 7, "stars": 5}  # by field name: default highest value
Name = Annotated[str, Field(min_length=1, max_length=200)]


class QualtricsOptions(Options):
    """`text_fields`: free-text fields; `questions`: what each answers; `zone`: for times without one; `metadata_fields`: fields to keep."""

    text_fields: Annotated[tuple[Name, ...], Field(min_length=1)] = ("comment",)
    questions: Mapping[str, Annotated[str, Field(max_length=1000)]] = {}
    zone: Zone = "UTC"
    metadata_fields: tuple[Name, ...] = ()


class QualtricsAdapter(BaseAdapter[QualtricsOptions]):
    """Qualtrics web service tasks and event subscriptions."""

    name = "qualtrics"
    label = "Qualtrics"
    setup = (
        "In Qualtrics open Workflows, add a Web service task with method POST, URL {url} and body type URL-encoded (JSON breaks where a "
        "comment has a quote). Add the fields responseId, surveyId, recordedDate, comment, and where you have them question, nps (or csat, "
        "ces, stars), language, subject, firstName and lastName, each with its piped text. For an event subscription instead, enter its "
        "shared key here as the secret; such a source takes signed events only, and answers are fetched with an API token and the address "
        "of your data centre: enter both on the page of the source, or by voc source access."
    )
    content_types = JSON_TYPES | {FORM_TYPE}
    options_type = QualtricsOptions

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        """With a secret every delivery must be a signed event in its documented form; without one nothing is checked here."""
        if not secrets:
            return
        try:
            fields = read_form(delivery) if delivery.content_type == FORM_TYPE else {}
        except UnusableBodyError:
            raise SignatureError("the delivery is not signed", code="signature_missing") from None
        signature.verify_qualtrics(fields, secrets)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        read = self.read_options(options)
        fields = read_form(delivery) if delivery.content_type == FORM_TYPE else read_object(delivery)
        clock = Clock(delivery.received_at, read_zone(read.zone))
        if "MSG" in fields or text_at(fields, "ResponseID"):
            return Parsed(None, (_subscription(fields, clock),))
        return Parsed(None, _task(fields, read, clock))

    def sample(self, number: int = 1) -> Sample:
        return self.sample_for({}, (), number)

    def sample_for(self, options: Mapping[str, Any], secrets: Sequence[str], number: int = 1) -> Sample:
        """With a secret: an event subscription, signed with the newest; else a task with all text fields."""
        if secrets:
            return Sample(sample_event(number, secrets[0]), FORM_TYPE)
        said = samples.comment(number)
        fields = {
            "responseId": f"R_{number:015d}",
            "surveyId": "SV_sample",
            "recordedDate": iso(samples.moment(number)),
            "question": samples.QUESTION,
            "nps": said.nps,
            "language": "EN",
        }
        texts = dict.fromkeys(self.read_options(options).text_fields, said.text)
        return Sample(urlencode(texts | fields).encode(), FORM_TYPE)


def _subscription(fields: Mapping[str, Any], clock: Clock) -> Event:
    message = _message(fields)
    if at(message, "Status") not in (None, "Complete"):
        return Skipped("not_completed")
    response, survey = needed_key(message, "ResponseID"), needed_key(message, "SurveyID")
    return Fetch(response, clock.read(at(message, "CompletedDate")), {"survey_id": survey, "response_id": response})


def _message(fields: Mapping[str, Any]) -> Any:
    """The event: the JSON in the field MSG, or the fields themselves."""
    if "MSG" not in fields:
        return fields
    message = fields["MSG"]
    if isinstance(message, dict):
        return message
    try:
        return parse_json(str(message).encode("utf-8", "replace"), is_exact=lambda _: True)
    except JsonError:
        raise UnusableBodyError("the field MSG is not valid JSON") from None


def _task(fields: Mapping[str, Any], options: QualtricsOptions, clock: Clock) -> tuple[Event, ...]:
    response = needed_key(fields, "responseId")
    kept = {name: value for name in options.metadata_fields if (value := at(fields, name)) is not None}
    drafts = (
        Draft(
            record_id=f"{response}/{name}",
            text=text,
            channel="survey",
            question=options.questions.get(name) or text_at(fields, "question"),
            created=at(fields, "recordedDate"),
            updated=at(fields, "recordedDate"),
            language=language_at(fields, "language"),
            subject=key_at(fields, "subject"),
            score=_score(fields),
            metadata=kept | {"response_id": response, "survey_id": word_at(fields, "surveyId") or ""},
            author=name_at(fields, "firstName", "lastName") or name_at(fields, "RecipientFirstName", "RecipientLastName"),
        )
        for name in options.text_fields
        if isinstance(text := fields.get(name), str)
    )
    return upserts(drafts, clock)


def _score(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = (score(kind, number_at(fields, kind), scale) for kind, scale in _SCORES.items())
    return next((one for one in found if one), None)


def sample_event(number: int, secret: str) -> bytes:
    """A signed event subscription, for tests and for trying a connector."""
    said = {"Status": "Complete", "SurveyID": "SV_sample", "ResponseID": f"R_{number:015d}", "CompletedDate": "2025-06-26 13:28:11"}
    message = orjson.dumps(said)
    signed = signature.hmac_sha512(secret, message).hex()
    return urlencode({"Topic": f"sample.{_TOPIC}.SV_sample", "HMAC": signed, "MSG": message.decode()}).encode()
