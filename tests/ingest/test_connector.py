"""Tests of `connector`: what is asked, with what, and what the answers become; the network is a fake."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
from builders import CANARY

from ingest.sending import sent
from vocservice.errors import ConfigError, FetchError, UnusableBodyError
from vocservice.ingest import Parsed, Skipped, Upsert, Whole
from vocservice.ingest.connector import QualtricsConnector, SurveyMonkeyConnector, parse_qualtrics, parse_surveymonkey

REFERENCE = {"survey_id": "S/1", "response_id": "R 2"}
MONKEY = {
    "id": "9", "survey_id": "3", "date_created": "2025-05-01T10:00:00+00:00", "date_modified": "2025-05-01T10:05:00+00:00",
    "custom_variables": {"customer_id": "c-1"}, "email_address": "someone@example.com",
    "pages": [{"questions": [
        {"id": "q1", "heading": "Why <em>us</em>?", "answers": [{"text": "The price."}]},
        {"id": "q2", "heading": "More", "answers": [{"row_id": "r1", "text": "Up"}, {"row_id": "r2", "text": "Down"}, {"choice_id": "4"}]},
        {"id": "q3", "family": "matrix", "subtype": "nps", "answers": [{"choice_metadata": {"weight": "8"}}]},
    ]}],
}  # fmt: skip
QUALTRICS = {"result": {"responseId": "R_1", "values": {
    "endDate": "2025-05-01T10:00:00Z", "recordedDate": "2025-05-01T10:00:01.123Z", "userLanguage": "EN", "externalDataReference": "c-1",
    "QID1": 9, "QID1_NPS_GROUP": 3, "QID2_TEXT": "The price.", "QID3_4_TEXT": "Other", "note_TEXT": "not a question", "QID5_TEXT": 7,
}}}  # fmt: skip


class FakeHttp:
    """Answers with what it was given, and remembers what it was asked."""

    def __init__(self, body: Any, status: int = 200):
        self.answer = status, orjson.dumps(body)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append((url, dict(headers)))
        return self.answer


def found(parsed: Parsed) -> list[Upsert]:
    return [event for event in parsed.events if isinstance(event, Upsert)]


def test_surveymonkey_answers() -> None:
    http = FakeHttp(MONKEY)
    upserts = found(SurveyMonkeyConnector(http=http).fetch(REFERENCE, token="the-token"))
    assert http.asked == [
        (
            "https://api.surveymonkey.com/v3/surveys/S%2F1/responses/R%202/details?simple=true",
            {"Accept": "application/json", "Authorization": "Bearer the-token"},
        )
    ]
    assert [(one.record_id, one.verbatim.text, one.verbatim.question) for one in upserts] == [
        ("9/q1", "The price.", "Why us?"), ("9/q2/r1", "Up", "More"), ("9/q2/r2", "Down", "More"),
    ]  # fmt: skip
    assert upserts[0].version == "2025-05-01T10:05:00.000000Z" and upserts[0].verbatim.subject == "c-1"
    assert upserts[0].verbatim.score == {"kind": "nps", "value": 8, "scale": 10} and "someone" not in str(upserts)


def test_qualtrics_answers() -> None:
    http = FakeHttp(QUALTRICS)
    upserts = found(QualtricsConnector(base_url="https://fra1.qualtrics.example/", http=http).fetch(REFERENCE, token="the-token"))
    url, headers = http.asked[0]
    assert url == "https://fra1.qualtrics.example/API/v3/surveys/S%2F1/responses/R%202" and headers["X-API-TOKEN"] == "the-token"
    assert [(one.record_id, one.verbatim.text) for one in upserts] == [("R_1/QID2_TEXT", "The price."), ("R_1/QID3_4_TEXT", "Other")]
    assert upserts[0].version == "2025-05-01T10:00:01.123000Z"
    assert upserts[0].verbatim.score == {"kind": "nps", "value": 9, "scale": 10}


CONTACT = {"contact": {"first_name": {"type": "string", "value": "Mia"}, "last_name": {"type": "string", "value": "Okafor"}}}


@pytest.mark.parametrize("named", [{"first_name": "Mia", "last_name": "Okafor"}, {"metadata": CONTACT}], ids=["response", "contact"])
def test_a_respondents_name_is_known_to_the_redaction(named: dict[str, Any]) -> None:
    assert {one.verbatim.author for one in found(parse_surveymonkey(sent(MONKEY | named)))} == {"Mia Okafor"}
    values = QUALTRICS["result"]["values"] | {"recipientFirstName": "Mia", "recipientLastName": "Okafor"}
    answer = sent({"result": QUALTRICS["result"] | {"values": values}})
    assert {one.verbatim.author for one in found(parse_qualtrics(answer))} == {"Mia Okafor"}


def test_answers_without_text_are_skipped() -> None:
    assert parse_surveymonkey(sent({"id": "9"})).events == (Skipped("no_text"),)
    assert parse_qualtrics(sent({"result": {"responseId": "R", "values": {}}})).events == (Skipped("no_text"),)


def test_an_answer_tells_that_nothing_else_of_it_has_a_text() -> None:
    monkey, qualtrics = (parsed.events[-1] for parsed in (parse_surveymonkey(sent(MONKEY)), parse_qualtrics(sent(QUALTRICS))))
    assert monkey == Whole("9/", "2025-05-01T10:05:00.000000Z", ("9/q1", "9/q2/r1", "9/q2/r2"))
    assert qualtrics == Whole("R_1/QID", "2025-05-01T10:00:01.123000Z", ("R_1/QID2_TEXT", "R_1/QID3_4_TEXT"))
    assert parse_surveymonkey(sent(MONKEY | {"pages": []})).events == (Skipped("no_text"), replace(monkey, said=()))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"result": []}', b'{"id": {}}', b'{"result": {"responseId": "R", "values": 1}}']
)
def test_an_answer_of_another_shape_is_unusable(body: bytes) -> None:
    for parse in (parse_surveymonkey, parse_qualtrics):
        with pytest.raises(UnusableBodyError):
            parse(sent(body))


@pytest.mark.parametrize("status", [301, 302, 401, 404, 429, 500])
def test_another_status_is_a_fetch_error_without_token_or_body(status: int) -> None:
    with pytest.raises(FetchError) as caught:
        SurveyMonkeyConnector(http=FakeHttp({CANARY: CANARY}, status)).fetch(REFERENCE, token=CANARY)
    assert str(status) in caught.value.message and CANARY not in caught.value.message


@pytest.mark.parametrize(
    "reference", [{}, {"survey_id": "1"}, {"survey_id": "..", "response_id": "1"}, {"survey_id": " ", "response_id": "1"}]
)
def test_a_reference_without_ids_is_not_asked(reference: dict[str, str]) -> None:
    http = FakeHttp({})
    with pytest.raises(UnusableBodyError):
        SurveyMonkeyConnector(http=http).fetch(reference, token="t")
    assert http.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://api.example.com",
        "https://",
        "https://a@api.example.com",
        "https://api.example.com/x",
        "https://h?q=1",
        "https://[",
        "https://h:x",
    ],
)
def test_an_address_must_be_https_and_a_host(url: str) -> None:
    with pytest.raises(ConfigError):
        QualtricsConnector(base_url=url, http=FakeHttp({}))
