"""A Typeform response in, one record per free-text answer out.

Each answer is a separate record, `token/question ref`, so that it keeps its question; all answers of a response share its
score and `metadata.response_id`. A partial and the complete response share the token.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import Field

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples, signature
from vocservice.ingest.adapter import BaseAdapter, Options, Sample
from vocservice.ingest.build import Clock, Draft, score, upserts
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed, Skipped
from vocservice.ingest.markup import text_of_html
from vocservice.ingest.payload import at, key_at, needed_key, number_at, objects_at, read_object, text_at, word_at

_HEADER = "typeform-signature"
_PREFIX = "sha256="
_EVENTS = frozenset({"form_response", "form_response_partial"})
_SCORES = {"nps": ("nps", 10), "rating": ("stars", 5), "opinion_scale": ("csat", 10)}  # by field type: kind and default highest value

_TEXT_TYPES = frozenset({None, "short_text", "long_text"})  # of a field; drop-down answers are texts too

Name = Annotated[str, Field(min_length=1, max_length=200)]


class TypeformOptions(Options):
    """`subject_field`: hidden field that identifies the customer, else an email answer; `metadata_fields`: hidden fields to keep."""

    subject_field: Name | None = None
    metadata_fields: tuple[Name, ...] = ()


class TypeformAdapter(BaseAdapter[TypeformOptions]):
    """Typeform webhooks."""

    name = "typeform"
    label = "Typeform"
    setup = (
        "In Typeform open the form, Connect, Webhooks, Add a webhook, and enter {url}. Edit the webhook, set a secret of your own, "
        "enter the same secret here, and switch the webhook on. Hidden fields are kept only where the options of the source name them."
    )
    needs_secret = True
    options_type = TypeformOptions

    def verify(self, delivery: Delivery, secrets: Sequence[str], options: Mapping[str, Any]) -> None:
        signature.verify_base64(delivery.header(_HEADER), delivery.body, secrets, sign=signature.hmac_sha256, prefix=_PREFIX)

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        body, read = read_object(delivery), self.read_options(options)
        event_type = text_at(body, "event_type")
        if event_type is None:
            raise UnusableBodyError("the field event_type is missing")
        if event_type not in _EVENTS:
            return Parsed(key_at(body, "event_id"), (Skipped("not_feedback"),))
        response = at(body, "form_response")
        needed_key(body, "form_response", "token")
        return Parsed(key_at(body, "event_id"), upserts(_drafts(response, read), Clock(delivery.received_at)))

    def sample(self, number: int = 1) -> Sample:
        said, when = samples.comment(number), samples.moment(number).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = [
            {"id": "fScore", "ref": "score", "title": "How likely are you to recommend us?", "type": "nps"},
            {"id": "fWhy", "ref": "why", "title": samples.QUESTION, "type": "long_text"},
            {"id": "fMail", "ref": "mail", "title": "Your address", "type": "email"},
        ]
        answers = [
            {"type": "number", "number": said.nps, "field": {"id": "fScore", "ref": "score", "type": "nps"}},
            {"type": "text", "text": said.text, "field": {"id": "fWhy", "ref": "why", "type": "long_text"}},
            {"type": "email", "email": f"customer{number}@example.com", "field": {"id": "fMail", "ref": "mail", "type": "email"}},
        ]
        response = {
            "form_id": "sample", "token": f"tok{number:06d}", "landed_at": when, "submitted_at": when,
            "definition": {"id": "sample", "title": "After your visit", "fields": fields}, "answers": answers,
        }  # fmt: skip
        return Sample(orjson.dumps({"event_id": f"evt{number:06d}", "event_type": "form_response", "form_response": response}))

    def sign(self, body: bytes, secret: str, *, now: datetime, delivery_id: str, url: str = "") -> dict[str, str]:
        return {_HEADER: _PREFIX + signature.in_base64(signature.hmac_sha256(secret, body))}


def _drafts(response: Mapping[str, Any], options: TypeformOptions) -> Iterator[Draft]:
    token = needed_key(response, "token")
    titles = {key: text_at(field, "title") for field in objects_at(response, "definition", "fields") for key in _keys(field)}
    given = _score(response)
    when = at(response, "submitted_at") or at(response, "landed_at")  # a partial response was never submitted, so it is the older one
    kept = {name: value for name in options.metadata_fields if (value := at(response, "hidden", name)) is not None}
    for answer in objects_at(response, "answers"):
        text, keys = _free_text(answer), _keys(at(answer, "field"))
        if text is None or not keys:
            continue
        title = next((titles[key] for key in keys if titles.get(key)), None)
        yield Draft(
            record_id=f"{token}/{keys[0]}",
            text=text,
            channel="survey",
            question=text_of_html(title) if title else None,
            created=when,
            updated=when,
            subject=_subject(response, options),
            score=given,
            metadata=kept | {"response_id": token, "form_id": word_at(response, "form_id") or ""},
        )


def _keys(field: Any) -> list[str]:
    """The names of a question: its ref, then its id."""
    return [key for name in ("ref", "id") if (key := key_at(field, name))]


def _free_text(answer: Mapping[str, Any]) -> str | None:
    """The customer's text, or the `other` of a choice."""
    if at(answer, "type") == "text":
        return text_at(answer, "text") if word_at(answer, "field", "type") in _TEXT_TYPES else None
    return text_at(answer, "choice", "other") or text_at(answer, "choices", "other")


def _subject(response: Mapping[str, Any], options: TypeformOptions) -> str | None:
    if options.subject_field:
        return key_at(response, "hidden", options.subject_field)
    emails = (key_at(answer, "email") for answer in objects_at(response, "answers") if at(answer, "type") == "email")
    return next((email for email in emails if email), None)


def _score(response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The NPS answer, else the first rating or scale."""
    highest = {key: _highest(field) for field in objects_at(response, "definition", "fields") for key in _keys(field)}
    found = []
    for answer in objects_at(response, "answers"):
        kind, scale = _SCORES.get(word_at(answer, "field", "type") or "", (None, None))
        if kind and at(answer, "type") == "number":
            own = next((highest[key] for key in _keys(at(answer, "field")) if kind != "nps" and highest.get(key)), None)
            found.append(score(kind, number_at(answer, "number"), own or scale))
    return next((one for one in found if one and one["kind"] == "nps"), next((one for one in found if one), None))


def _highest(field: Mapping[str, Any]) -> int | float | None:
    """Highest value of a rating or scale; a scale starts at 0 unless it says that it starts at one."""
    steps = number_at(field, "properties", "steps")
    starts_at_zero = at(field, "type") == "opinion_scale" and at(field, "properties", "start_at_one") is not True
    return steps - 1 if steps and starts_at_zero else steps
