"""Tests of the survey senders: Typeform, Delighted, Qualtrics, SurveyMonkey, Google Forms."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from ingest.sending import ADAPTERS, OTHER, SECRET, URL, events, only, payload_of, sent, upserts
from vocservice.errors import UnusableBodyError
from vocservice.ingest import Emptied, Erase, Fetch, Skipped, Upsert
from vocservice.ingest.adapter import FORM_TYPE
from vocservice.ingest.qualtrics import sample_event


def typeform(answers: list[dict[str, Any]], **response: Any) -> dict[str, Any]:
    fields = [
        {"id": "f1", "ref": "best", "title": "What was <b>best</b>?", "type": "long_text"},
        {"id": "f2", "title": "What was worst?", "type": "short_text"},
        {"id": "f3", "ref": "stars", "title": "Stars", "type": "rating", "properties": {"steps": 7}},
        {"id": "f4", "ref": "pick", "title": "Pick", "type": "multiple_choice"},
    ]
    about = {"token": "tok", "submitted_at": "2025-05-01T10:00:00Z", "definition": {"fields": fields}, "answers": answers}
    return {"event_id": "e1", "event_type": "form_response", "form_response": about | response}


BEST = {"type": "text", "text": "The staff.", "field": {"id": "f1", "ref": "best", "type": "long_text"}}
WORST = {"type": "text", "text": "The queue.", "field": {"id": "f2", "type": "short_text"}}
STARS = {"type": "number", "number": 6, "field": {"id": "f3", "ref": "stars", "type": "rating"}}
NPS = {"type": "number", "number": 0, "field": {"id": "f9", "ref": "nps", "type": "nps"}}
PICK = {"type": "choice", "choice": {"other": "Something else."}, "field": {"id": "f4", "ref": "pick", "type": "multiple_choice"}}
MAIL = {"type": "email", "email": "someone@example.com", "field": {"id": "f5", "ref": "mail", "type": "email"}}


def test_typeform_makes_a_record_of_each_free_answer() -> None:
    found = upserts("typeform", typeform([BEST, WORST, STARS, PICK, MAIL]))
    assert [(event.record_id, event.verbatim.text, event.verbatim.question) for event in found] == [
        ("tok/best", "The staff.", "What was best?"),
        ("tok/f2", "The queue.", "What was worst?"),
        ("tok/pick", "Something else.", "Pick"),
    ]
    assert {event.version for event in found} == {"2025-05-01T10:00:00.000000Z"}
    assert all(event.verbatim.score == {"kind": "stars", "value": 6, "scale": 7} for event in found)
    assert all(event.verbatim.subject == "someone@example.com" for event in found)
    assert all("someone" not in str(event.verbatim.metadata) for event in found)


def test_typeform_prefers_the_nps() -> None:
    assert only("typeform", typeform([STARS, BEST, NPS])).verbatim.score == {"kind": "nps", "value": 0, "scale": 10}


@pytest.mark.parametrize(
    ("kind", "properties", "highest"),
    [
        ("opinion_scale", {"steps": 11, "start_at_one": False}, 10),
        ("opinion_scale", {"steps": 11}, 10),
        ("opinion_scale", {"steps": 7, "start_at_one": True}, 7),
        ("opinion_scale", {}, 10),
        ("rating", {"steps": 7}, 7),
    ],
)
def test_the_highest_mark_of_a_typeform_scale(kind: str, properties: dict[str, Any], highest: int) -> None:
    field = {"id": "s", "ref": "scale", "type": kind}
    mark = {"type": "number", "number": 6, "field": field}
    payload = typeform([BEST, mark], definition={"fields": [field | {"properties": properties}]})
    said = only("typeform", payload).verbatim
    assert said.score and (said.score["value"], said.score["scale"]) == (6, highest)


def test_what_was_chosen_from_a_typeform_list_is_no_words_of_the_customers() -> None:
    chosen = {"type": "text", "text": "Hamburg", "field": {"id": "f6", "ref": "town", "type": "dropdown"}}
    untyped = {"type": "text", "text": "The queue.", "field": {"id": "f2"}}
    assert only("typeform", typeform([chosen, untyped])).record_id == "tok/f2"


def test_typeform_keeps_hidden_fields_only_by_name() -> None:
    payload = typeform([BEST], hidden={"customer": "c-1", "plan": "gold", "name": "Somebody"})
    said = only("typeform", payload, {"subject_field": "customer", "metadata_fields": ["plan", "absent"]}).verbatim
    assert said.subject == "c-1" and said.metadata == {"plan": "gold", "response_id": "tok", "form_id": ""}
    assert "Somebody" not in str(only("typeform", payload).verbatim)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (typeform([STARS, MAIL]), "no_text"),
        (typeform([]), "no_text"),
        ({"event_type": "form_deleted", "event_id": "e"}, "not_feedback"),
    ],
)
def test_typeform_without_text(payload: Any, reason: str) -> None:
    assert events("typeform", payload) == (Skipped(reason),)


def test_typeform_partial_and_complete_are_one_record() -> None:
    partial = typeform([BEST]) | {"event_type": "form_response_partial", "event_id": "e0"}
    assert only("typeform", partial).record_id == only("typeform", typeform([BEST])).record_id
    assert ADAPTERS["typeform"].parse(sent(partial), {}).delivery_id == "e0"


def delighted(**data: Any) -> dict[str, Any]:
    value = payload_of("delighted")
    value["event_data"] |= data
    return value


def test_delighted_brings_the_comment_with_the_update() -> None:
    created = delighted(comment=None, updated_at=1_736_000_000) | {"event_type": "survey_response.created"}
    assert events("delighted", created) == (Emptied("5001", "2025-01-04T14:13:20.000000Z"),)
    event = only("delighted", delighted(comment="Slow.", score=3, updated_at=1_736_000_500, tags=["vip", 1]))
    assert (event.verbatim.text, event.version) == ("Slow.", "2025-01-04T14:21:40.000000Z")
    assert event.verbatim.score == {"kind": "nps", "value": 3, "scale": 10}
    assert event.verbatim.metadata == {"response_id": event.record_id, "tags": ["vip"]}
    assert only("delighted", delighted(comment="Slow.", person={"id": "1", "name": "Mia Okafor"})).verbatim.author == "Mia Okafor"


def test_delighted_further_answers_keep_their_question() -> None:
    answer = {"id": "a", "value": {"free_response": "The menu."}, "question": {"id": "q1", "type": "free_response", "text": "What else?"}}
    scale = {"id": "b", "value": {"scale": 3}, "question": {"id": "q2", "text": "How much?"}}
    found = upserts("delighted", delighted(id="77", additional_answers=[answer, scale]))
    assert [(event.record_id, event.verbatim.question) for event in found] == [("77", None), ("77/q1", "What else?")]


def test_delighted_tells_which_answers_were_taken_out() -> None:
    answers = [{"id": name, "value": value, "question": {"id": name}} for name, value in (("q1", {"free_response": None}), ("q2", None))]
    changed = delighted(id="77", comment=None, additional_answers=answers, updated_at=1_736_000_000)
    assert events("delighted", changed) == tuple(Emptied(name, "2025-01-04T14:13:20.000000Z") for name in ("77", "77/q1"))
    del changed["event_data"]["comment"], changed["event_data"]["additional_answers"]
    assert events("delighted", changed) == (Skipped("no_text"),)


def test_delighted_unsubscribing_is_skipped() -> None:
    assert events("delighted", {"event_type": "unsubscribe.created", "event_id": "x", "event_data": {}}) == (Skipped("unsubscribe"),)


TASK = {
    "responseId": "R_1", "surveyId": "SV_1", "recordedDate": "2025-07-01 11:13:44", "comment": 'He said "no" & left.\nTwice.', "csat": "4",
    "language": "EN-GB", "subject": "c-1", "other": "x",
}  # fmt: skip


@pytest.mark.parametrize("content_type", ["application/json", FORM_TYPE])
def test_a_qualtrics_task_as_form_and_as_json(content_type: str) -> None:
    body = urlencode(TASK).encode() if content_type == FORM_TYPE else TASK
    options = {"zone": "America/Denver", "questions": {"comment": "Why?"}, "metadata_fields": ["other"]}
    (event,) = ADAPTERS["qualtrics"].parse(sent(body, content_type=content_type), options).events
    assert isinstance(event, Upsert)
    said = event.verbatim
    assert (event.record_id, event.version, said.text) == ("R_1/comment", "2025-07-01T17:13:44.000000Z", TASK["comment"])
    assert (said.question, said.language, said.subject, said.score) == ("Why?", "en", "c-1", {"kind": "csat", "value": 4, "scale": 5})
    assert said.metadata == {"other": "x", "response_id": "R_1", "survey_id": "SV_1"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"firstName": "Mia", "lastName": " Okafor"}, "Mia Okafor"),
        ({"RecipientFirstName": "Mia"}, "Mia"),
        ({"firstName": "x" * 101}, None),
        ({"firstName": 7}, None),
    ],
)
def test_a_qualtrics_name_is_known_to_the_redaction_and_kept_nowhere_else(given: dict[str, Any], name: str | None) -> None:
    said = only("qualtrics", TASK | given).verbatim
    assert said.author == name and "Mia" not in str(replace(said, author=None))


def test_qualtrics_json_broken_by_piped_text_is_unusable() -> None:
    with pytest.raises(UnusableBodyError):
        events("qualtrics", b'{"responseId": "R_1", "comment": "He said "no" and left."}')


def test_qualtrics_text_fields_are_records_of_their_own() -> None:
    found = upserts("qualtrics", TASK | {"more": "And this."}, {"text_fields": ["comment", "more", "absent"]})
    assert [event.record_id for event in found] == ["R_1/comment", "R_1/more"]
    assert events("qualtrics", TASK, {"text_fields": ["absent"]}) == (Skipped("no_text"),)
    assert events("qualtrics", TASK | {"comment": ""}) == (Emptied("R_1/comment", "2025-07-01T11:13:44.000000Z"),)


def test_a_qualtrics_event_is_fetched() -> None:
    reference = {"survey_id": "SV_sample", "response_id": "R_000000000000001"}
    signed = ADAPTERS["qualtrics"].parse(sent(sample_event(1, SECRET), content_type=FORM_TYPE), {}).events
    plain = {"Status": "Complete", "SurveyID": "SV_sample", "ResponseID": "R_000000000000001", "CompletedDate": "2025-06-26 13:28:11"}
    unsigned = ADAPTERS["qualtrics"].parse(sent(urlencode(plain).encode(), content_type=FORM_TYPE), {}).events
    assert signed == unsigned == (Fetch("R_000000000000001", "2025-06-26T13:28:11.000000Z", reference),)
    assert events("qualtrics", plain | {"Status": "Partial"}) == (Skipped("not_completed"),)


def test_the_sample_of_a_qualtrics_source_is_an_event_where_it_has_a_key_and_else_a_task_with_its_fields() -> None:
    sender = ADAPTERS["qualtrics"]
    event = sender.sample_for({}, [SECRET, OTHER])
    delivery = sent(event.body, content_type=event.content_type)
    sender.verify(delivery, [SECRET], {})
    assert isinstance(sender.parse(delivery, {}).events[0], Fetch)
    options = sender.check_options({"text_fields": ["q7", "q8"]})
    task = sender.sample_for(options, ())
    found = sender.parse(sent(task.body, content_type=task.content_type), options).events
    assert [one.record_id for one in found if isinstance(one, Upsert)] == ["R_000000000000001/q7", "R_000000000000001/q8"]


@pytest.mark.parametrize("message", ["", "{", "[]", "1", "{}"])
def test_a_qualtrics_event_without_ids_is_unusable(message: str) -> None:
    with pytest.raises(UnusableBodyError):
        ADAPTERS["qualtrics"].parse(sent(urlencode({"MSG": message}).encode(), content_type=FORM_TYPE), {})


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("response_completed", Fetch("20001", "2025-01-06T16:00:00.000000Z", {"survey_id": "300", "response_id": "20001"})),
        ("response_updated", Fetch("20001", "2025-01-06T16:00:00.000000Z", {"survey_id": "300", "response_id": "20001"})),
        ("response_deleted", Erase("20001", "2025-01-06T16:00:00.000000Z", "deleted")),
        ("response_created", Skipped("not_completed")),
        ("response_disqualified", Skipped("not_completed")),
        ("collector_created", Skipped("not_feedback")),
    ],
)
def test_surveymonkey_events(event_type: str, expected: Any) -> None:
    assert events("surveymonkey", payload_of("surveymonkey") | {"event_type": event_type}) == (expected,)


def test_surveymonkey_is_set_up_with_a_url_for_each_event() -> None:
    said = ADAPTERS["surveymonkey"].setup.replace("{url}", URL)
    for event in ("completed", "updated", "deleted"):
        assert f"response_{event} with {URL}?e={event}" in said


def test_google_forms_by_titles() -> None:
    payload = {"form": {"id": "F"}, "response": {"id": "r1", "timestamp": "2025-05-01T10:00:00.000Z", "payload": {
        "Your score": "9", "Why?": "It simply works.", "Topics": ["Price", "Staff"], "Customer": "c-1",
    }}}  # fmt: skip
    options = {"text_questions": ["Why?"], "nps_question": "Your score", "subject_question": "Customer"}
    said = only("google_forms", payload, options).verbatim
    assert (said.text, said.question, said.subject) == ("It simply works.", "Why?", "c-1")
    assert said.score == {"kind": "nps", "value": 9, "scale": 10}
    assert only("google_forms", payload).verbatim.text == "It simply works."


@pytest.mark.parametrize(
    "payload",
    [
        {"response": {"id": "r", "answers": []}},
        {"response": {"id": "r", "answers": [{"id": 1, "title": "Why?", "type": "TEXT", "answer": " "}, {"id": 2, "answer": []}]}},
        {"answers": [{"field": {"id": 1, "title": "Why?"}, "response": None}]},
        {"response": {"id": "r", "payload": {"Why?": "", "Topics": [""]}}},
        {"namedValues": {"Why?": [""]}},
    ],
)
def test_a_google_form_sent_blank_has_no_text(payload: Any) -> None:
    assert events("google_forms", payload) == (Skipped("no_text"),)


@pytest.mark.parametrize(
    "payload",
    [{}, {"answers": {}}, {"answers": [{"id": 1, "value": "Good."}]}, {"answers": ["Good."]}, {"namedValues": {"Why?": {"text": "Good."}}}],
)
def test_what_is_no_google_form_is_unusable(payload: Any) -> None:
    with pytest.raises(UnusableBodyError):
        events("google_forms", payload)


def test_an_untitled_answer_is_not_the_customers_key() -> None:
    answers = [{"id": 1, "title": "", "type": "TEXT", "answer": "Somebody"}, {"id": 2, "title": "Why?", "type": "TEXT", "answer": "Good."}]
    assert [event.verbatim.subject for event in upserts("google_forms", {"response": {"id": "r", "answers": answers}})] == [None, None]


def test_a_sheet_gives_no_id_so_its_answers_make_one() -> None:
    payload = {"namedValues": {"Timestamp": ["1/5/2025 10:30:00"], "Why?": ["The queue was far too long."]}}
    options = {"zone": "Europe/London", "order": "month_first"}
    first, again = only("google_forms", payload, options), only("google_forms", payload, options)
    payload["namedValues"]["Why?"] = ["Another thing that happened."]
    assert first == again and first.record_id != only("google_forms", payload, options).record_id
    assert first.verbatim.created_at == "2025-01-05T10:30:00.000000Z"
    assert only("google_forms", payload).warnings == ("timestamp_unusable",)


def test_google_forms_answers_with_their_types() -> None:
    answers = [
        {"response": "Short", "field": {"id": 1, "title": "Why?", "type": "TEXT"}},
        {"response": "A choice of three words", "field": {"id": 2, "title": "Which?", "type": "MULTIPLE_CHOICE"}},
    ]
    event = only("google_forms", {"response": {"id": "r"}, "answers": answers})
    assert (event.record_id, event.verbatim.text) == ("r/1", "Short")
