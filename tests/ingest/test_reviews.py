"""Tests of the review senders: Trustpilot, Google Play, App Store."""

from typing import Any

import pytest

from ingest.sending import events, only, payload_of
from vocservice.errors import UnusableBodyError
from vocservice.ingest import Emptied, Erase, Skipped, Upsert


def trustpilot(kind: str, **data: Any) -> dict[str, Any]:
    about = {"id": "t1", "title": "Fine", "text": "Quick.", "stars": 4, "language": "en", "createdAt": "2025-05-01T10:00:00.000Z"}
    return {"eventName": f"service-review-{kind}", "eventData": about | data}


def test_trustpilot_gives_several_events_a_delivery() -> None:
    consumer = {"id": "u1", "name": "Somebody"}
    found = events(
        "trustpilot", {"events": [trustpilot("created", consumer=consumer), trustpilot("deleted", id="t2"), {"eventName": "other"}]}
    )
    assert isinstance(found[0], Upsert) and found[0].verbatim.text == "Fine\nQuick." and found[0].verbatim.subject == "u1"
    assert found[0].verbatim.score == {"kind": "stars", "value": 4, "scale": 5} and "Somebody" not in str(found)
    assert found[1:] == (Erase("t2", None, "deleted"), Skipped("rejected_missing_id"))


def test_a_trustpilot_update_is_the_same_record() -> None:
    event = only("trustpilot", {"events": [trustpilot("updated", text="Slow.", updatedAt="2025-05-02T10:00:00Z")]})
    assert (event.record_id, event.version, event.verbatim.text) == ("t1", "2025-05-02T10:00:00.000000Z", "Fine\nSlow.")


def test_trustpilot_tells_that_title_and_text_were_taken_out() -> None:
    blank = {"id": "r1", "title": "", "text": " ", "stars": 1, "updatedAt": "2026-01-02T00:00:00Z"}
    told = {"events": [{"eventName": "service-review-updated", "eventData": data} for data in (blank, {"id": "r1", "stars": 1})]}
    assert events("trustpilot", told) == (Emptied("r1", "2026-01-02T00:00:00.000000Z"), Skipped("no_text"))


@pytest.mark.parametrize("payload", [{}, {"events": []}, {"events": {}}, {"events": [1]}, {"events": [{"eventName": "x"}]}])
def test_trustpilot_without_events_is_unusable(payload: Any) -> None:
    with pytest.raises(UnusableBodyError):
        events("trustpilot", payload)


def play(**comment: Any) -> dict[str, Any]:
    written = {"text": "Crashes.", "starRating": 1, "lastModified": {"seconds": 1735700000, "nanos": 250_000_000}, "reviewerLanguage": "de"}
    reply = {"developerComment": {"text": "Sorry!"}}
    return {"reviewId": "g1", "authorName": "Somebody", "comments": [{"userComment": written | comment}, reply]}


@pytest.mark.parametrize(
    ("text", "expected"), [("Crashes.", "Crashes."), ("Bad\tCrashes.", "Bad\nCrashes."), ("\tCrashes.", "Crashes."), ("Bad\t", "Bad")]
)
def test_google_play_texts_may_hold_a_title(text: str, expected: str) -> None:
    event = only("google_play", {"reviews": [play(text=text)]})
    assert (event.record_id, event.version, event.verbatim.text) == ("g1", "2025-01-01T02:53:20.250000Z", expected)
    assert event.verbatim.language is None and event.verbatim.metadata == {"reviewer_language": "de"}
    assert "Somebody" not in str(event) and "Sorry" not in str(event)


def test_google_play_takes_the_original_of_a_translation_and_skips_bare_stars() -> None:
    assert only("google_play", play(text="Translated", originalText="Stürzt ab.")).verbatim.text == "Stürzt ab."
    assert events("google_play", {"reviews": [play(text=""), {"comments": []}]}) == (
        Emptied("g1", "2025-01-01T02:53:20.250000Z"), Skipped("rejected_missing_id"),
    )  # fmt: skip
    assert events("google_play", {"reviewId": "g1", "comments": [{"developerComment": {"text": "Sorry!"}}]}) == (Skipped("no_text"),)


def test_app_store_reviews_have_no_version() -> None:
    payload = payload_of("app_store")
    event = only("app_store", {"data": payload["data"][0]})
    assert event == only("app_store", payload) and event.version is None
    assert event.verbatim.text and event.verbatim.text.startswith("My opinion\n") and "a_customer" not in str(event)


def test_app_store_takes_an_offset() -> None:
    data = {
        "type": "customerReviews",
        "id": "1",
        "attributes": {"rating": 5, "title": "Top", "body": None, "createdDate": "2017-11-15T08:10:34-08:00"},
    }
    said = only("app_store", {"data": [data]}).verbatim
    assert (said.text, said.created_at, said.score) == ("Top", "2017-11-15T16:10:34.000000Z", {"kind": "stars", "value": 5, "scale": 5})
    assert events("app_store", {"data": [data | {"type": "apps"}]}) == (Skipped("not_feedback"),)
    assert events("app_store", {"data": [data | {"attributes": {"title": "", "body": ""}}, data | {"attributes": None}]}) == (
        Emptied("1", None), Skipped("no_text"),
    )  # fmt: skip
