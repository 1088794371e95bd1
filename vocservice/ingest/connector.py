"""The reference of an id-only event in, the fetched answers as events out: SurveyMonkey and Qualtrics.

`parse_...` are pure; `Http` is the network call, injected (`jobs.fetching.Asking`) so that tests and other networks can replace it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from vocservice.errors import ConfigError, FetchError, UnusableBodyError
from vocservice.ingest.build import Clock, Draft, score, upserts
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Event, Parsed, Upsert, Whole
from vocservice.ingest.markup import text_of_html
from vocservice.ingest.payload import at, key_at, language_at, name_at, needed_key, number_at, objects_at, read_object, text_at

_QUESTION, _FREE_TEXT = "QID", "_TEXT"

Http = Callable[[str, Mapping[str, str]], tuple[int, bytes]]


class Connector(Protocol):
    """Fetches the answers that an id-only event refers to."""

    def fetch(self, reference: Mapping[str, str], *, token: str) -> Parsed:
        """Fetch the events of the record.

        Args:
            reference: of a `Fetch` event.
            token: the API token of the source; it is sent to this sender only.

        Raises:
            FetchError: there is no answer, or its status is not 200.
            UnusableBodyError: the answer is not in the documented form.
        """


class SurveyMonkeyConnector:
    """Responses by `GET /v3/surveys/{survey}/responses/{response}/details`."""

    def __init__(self, *, http: Http, base_url: str = "https://api.surveymonkey.com"):
        self._base_url = check_base_url(base_url)
        self._http = http

    def fetch(self, reference: Mapping[str, str], *, token: str) -> Parsed:
        survey, response = (_segment(reference, name) for name in ("survey_id", "response_id"))
        url = f"{self._base_url}/v3/surveys/{survey}/responses/{response}/details?simple=true"
        return parse_surveymonkey(_asked(self._http, url, {"Authorization": f"Bearer {token}"}))


class QualtricsConnector:
    """Responses by `GET /API/v3/surveys/{survey}/responses/{response}`; `base_url` names the data centre."""

    def __init__(self, *, base_url: str, http: Http):
        self._base_url = check_base_url(base_url)
        self._http = http

    def fetch(self, reference: Mapping[str, str], *, token: str) -> Parsed:
        survey, response = (_segment(reference, name) for name in ("survey_id", "response_id"))
        url = f"{self._base_url}/API/v3/surveys/{survey}/responses/{response}"
        return parse_qualtrics(_asked(self._http, url, {"X-API-TOKEN": token}))


def parse_surveymonkey(answer: Delivery) -> Parsed:
    """Parse a response with its details: a record `response/question` (or `response/question/row`) per text, then `Whole`.

    Raises:
        UnusableBodyError: it is not a response.
    """
    body, clock = read_object(answer), Clock(answer.received_at)
    response = needed_key(body, "id")
    drafts = (
        Draft(
            record_id=f"{response}/{key}",
            text=text,
            channel="survey",
            question=question,
            created=at(body, "date_created"),
            updated=at(body, "date_modified"),
            subject=key_at(body, "custom_variables", "customer_id") or key_at(body, "email_address"),
            score=_surveymonkey_score(body),
            metadata={"response_id": response, "survey_id": key_at(body, "survey_id") or ""},
            author=name_at(body, "first_name", "last_name") or _surveymonkey_contact(body),
        )
        for key, text, question in _surveymonkey_texts(body)
    )
    return Parsed(None, _whole(upserts(drafts, clock), f"{response}/", clock.read(at(body, "date_modified"))))


def parse_qualtrics(answer: Delivery) -> Parsed:
    """Parse a response: a record `response/QIDn_TEXT` per text, then `Whole`; the question's wording is not included.

    Raises:
        UnusableBodyError: it is not a response.
    """
    body, clock = read_object(answer), Clock(answer.received_at)
    response, values = needed_key(body, "result", "responseId"), at(body, "result", "values")
    if not isinstance(values, dict):
        raise UnusableBodyError("the field result.values must be an object")
    drafts = (
        Draft(
            record_id=f"{response}/{name}",
            text=text,
            channel="survey",
            created=at(values, "endDate") or at(values, "recordedDate"),
            updated=at(values, "recordedDate") or at(values, "endDate"),
            language=language_at(values, "userLanguage"),
            subject=key_at(values, "externalDataReference") or key_at(values, "recipientEmail"),
            score=_qualtrics_score(values),
            metadata={"response_id": response},
            author=name_at(values, "recipientFirstName", "recipientLastName"),
        )
        for name in values
        if name.startswith(_QUESTION) and name.endswith(_FREE_TEXT) and (text := text_at(values, name))
    )
    changed = clock.read(at(values, "recordedDate") or at(values, "endDate"))
    return Parsed(None, _whole(upserts(drafts, clock), f"{response}/{_QUESTION}", changed))


def _whole(events: tuple[Event, ...], begins: str, version: str | None) -> tuple[Event, ...]:
    """What a response says, and that it says nothing else; of one that tells no time, who knows what is missing in it."""
    if version is None:
        return events
    return *events, Whole(begins, version, tuple(event.record_id for event in events if isinstance(event, Upsert)))


def check_base_url(url: str) -> str:
    """The URL without a slash at its end.

    Raises:
        ConfigError: it is not `https://host`, or has a user, a query or a path.
    """
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and parts.path in ("", "/")
        _ = parts.port
    except ValueError:
        is_plain = False
    if not is_plain or parts.query or parts.fragment:
        raise ConfigError("the address of an API must be https:// and a host")
    return url.rstrip("/")


def _asked(http_get: Http, url: str, headers: Mapping[str, str]) -> Delivery:
    status, body = http_get(url, {"Accept": "application/json", **headers})
    if status != 200:
        raise FetchError(f"the sender's API answered with status {status}")
    return Delivery(body, received_at=datetime.now(UTC))


def _segment(reference: Mapping[str, str], name: str) -> str:
    """An id as one part of a path."""
    found = key_at(reference, name)
    if found is None or found.strip(".") == "":
        raise UnusableBodyError(f"the reference has no {name}")
    return quote(found, safe="")


def _surveymonkey_texts(body: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Key, text and heading of each free answer."""
    for page in objects_at(body, "pages"):
        for question in objects_at(page, "questions"):
            name, heading = key_at(question, "id"), text_at(question, "heading")
            for answer in objects_at(question, "answers"):
                text, row = text_at(answer, "text"), key_at(answer, "row_id")
                if name and text:
                    yield f"{name}/{row}" if row else name, text, text_of_html(heading) if heading else None


def _surveymonkey_contact(body: Mapping[str, Any]) -> str | None:
    """The name in what is kept of the recipient of an invitation."""
    contact = at(body, "metadata", "contact")
    return name_at({field: at(contact, field, "value") for field in ("first_name", "last_name")}, "first_name", "last_name")


def _surveymonkey_score(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer to an NPS question, whose choices carry their weight."""
    for page in objects_at(body, "pages"):
        for question in objects_at(page, "questions"):
            if at(question, "subtype") == "nps" or at(question, "family") == "nps":
                found = number_at(question, "answers", 0, "choice_metadata", "weight")
                return score("nps", found if found is not None else number_at(question, "answers", 0, "simple_text"), 10)
    return None


def _qualtrics_score(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The embedded or question value of an NPS question: Qualtrics exports its group beside it as `..._NPS_GROUP`."""
    groups = [name.removesuffix("_NPS_GROUP") for name in values if name.endswith("_NPS_GROUP")]
    return score("nps", number_at(values, groups[0]), 10) if groups else None
