"""A Google Forms response sent by an Apps Script in, one record per free-text answer out.

Three shapes are read: `{form, response: {id, timestamp, answers: [{id, title, type, answer}]}}` as our own script sends it,
`{form, response: {id, timestamp, payload: {title: answer}}}`, and a sheet's `{namedValues: {title: [answer]}}`.
The record id is `response/question`; a sheet has no response id, so a digest of the answers is used. If no type is given
and the options name no questions, an answer of three words or more counts as free text.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import Field

from vocservice.errors import UnusableBodyError
from vocservice.ingest import samples
from vocservice.ingest.adapter import BaseAdapter, Options, Sample, Zone
from vocservice.ingest.build import Clock, Draft, score, upserts
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.events import Parsed
from vocservice.ingest.payload import at, digest, key_at, number_at, objects_at, read_object, text_at, word_at
from vocservice.ingest.times import Order, iso, read_zone

_TEXT_TYPES = frozenset({"TEXT", "PARAGRAPH_TEXT"})
_FREE_WORDS = 3
Title = Annotated[str, Field(min_length=1, max_length=1000)]


class GoogleFormsOptions(Options):
    """Titles of the free-text questions, the customer question and the score; zone and order of a sheet's times."""

    text_questions: tuple[Title, ...] = ()
    subject_question: Title | None = None
    nps_question: Title | None = None
    zone: Zone | None = None
    order: Order | None = None


class _Answer(NamedTuple):
    key: str
    title: str
    type: str | None
    text: str


class GoogleFormsAdapter(BaseAdapter[GoogleFormsOptions]):
    """Google Forms through an Apps Script."""

    name = "google_forms"
    label = "Google Forms"
    setup = (
        "In the form open the script editor and add a function onFormSubmit(e) that posts JSON to {url} with UrlFetchApp.fetch, its "
        'options {method: "post", contentType: "application/json", payload: JSON.stringify({form, response})}, of '
        "form {id, title} and response {id: e.response.getId(), timestamp: e.response.getTimestamp(), answers: for each "
        "e.response.getItemResponses() its id, title, type (String(item.getType())) and answer}. Add a trigger On form submit for it. "
        "Keep the URL secret: deliveries carry no signature."
    )
    options_type = GoogleFormsOptions

    def parse(self, delivery: Delivery, options: Mapping[str, Any]) -> Parsed:
        body, read = read_object(delivery), self.read_options(options)
        answers = tuple(_answers(body))
        if not answers and not _is_blank(body):
            raise UnusableBodyError("the body has no answers in response.answers, response.payload or namedValues")
        clock = Clock(delivery.received_at, read_zone(read.zone) if read.zone else None, read.order)
        return Parsed(None, upserts(_drafts(body, answers, read), clock))

    def sample(self, number: int = 1) -> Sample:
        answers = [
            {"id": 101, "title": "Where did you visit us?", "type": "MULTIPLE_CHOICE", "answer": "Online"},
            {"id": 102, "title": samples.QUESTION, "type": "PARAGRAPH_TEXT", "answer": samples.comment(number).text},
        ]
        response = {"id": f"gf{number:06d}", "timestamp": iso(samples.moment(number)), "answers": answers}
        return Sample(orjson.dumps({"form": {"id": "form", "title": "After your visit"}, "response": response}))


def _answers(body: Mapping[str, Any]) -> Iterator[_Answer]:
    for item in (*objects_at(body, "response", "answers"), *objects_at(body, "answers")):
        field = at(item, "field") if isinstance(at(item, "field"), dict) else item
        title, text = text_at(field, "title") or "", _joined(_given(item))
        key = key_at(field, "id") or (digest(title) if title else None)
        if key and text:
            yield _Answer(key, title, word_at(field, "type"), text)
    for titled in (at(body, "response", "payload"), at(body, "namedValues")):
        for title, given in titled.items() if isinstance(titled, dict) else ():
            if text := _joined(given):
                yield _Answer(digest(title), title, None, text)


def _is_blank(body: Mapping[str, Any]) -> bool:
    """Whether the customer answered nothing, which is not an error of the script."""
    listed, titled = (at(body, "response", "answers"), at(body, "answers")), (at(body, "response", "payload"), at(body, "namedValues"))
    return any(isinstance(one, list) and all(_is_unanswered(item) for item in one) for one in listed) or any(
        isinstance(one, dict) and all(_is_nothing(given) for given in one.values()) for one in titled
    )


def _is_unanswered(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.keys() & {"answer", "response"}) and _is_nothing(_given(item))


def _is_nothing(given: Any) -> bool:
    return given is None or (isinstance(given, str) and not given.strip()) or (isinstance(given, list) and all(map(_is_nothing, given)))


def _given(item: Mapping[str, Any]) -> Any:
    return at(item, "answer") if "answer" in item else at(item, "response")


def _joined(given: Any) -> str | None:
    """An answer as text; a list for several, as with check boxes."""
    found = given if isinstance(given, list) else [given]
    texts = [str(one) if isinstance(one, int | float) else one for one in found if isinstance(one, str | int | float)]
    return ", ".join(text.strip() for text in texts if text.strip()) or None


def _drafts(body: Mapping[str, Any], answers: tuple[_Answer, ...], options: GoogleFormsOptions) -> Iterator[Draft]:
    given = {answer.title: answer.text for answer in answers}
    stamp = at(body, "response", "timestamp") or at(body, "timestamp") or at(body, "values", 0) or at(body, "namedValues", "Timestamp", 0)
    response = key_at(body, "response", "id") or digest(str(key_at(body, "form", "id")), str(stamp), *map(str, answers))
    for answer in answers:
        if not _is_free_text(answer, options):
            continue
        yield Draft(
            record_id=f"{response}/{answer.key}",
            text=answer.text,
            channel="survey",
            question=answer.title or None,
            created=stamp,
            updated=stamp,
            subject=given.get(options.subject_question) if options.subject_question else None,
            score=score("nps", number_at(given, options.nps_question), 10) if options.nps_question else None,
            metadata={"response_id": response},
        )


def _is_free_text(answer: _Answer, options: GoogleFormsOptions) -> bool:
    if options.text_questions:
        return answer.title in options.text_questions
    if answer.title and answer.title in (options.subject_question, options.nps_question, "Timestamp"):
        return False
    return answer.type in _TEXT_TYPES if answer.type else len(answer.text.split()) >= _FREE_WORDS
