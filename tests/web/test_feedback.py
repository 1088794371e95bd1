"""Tests of `feedback`: what is taken, found, filtered, paged and erased, by whom, and what a stranger is told."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import CANARY, analysis, conversation
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from vocservice.errors import StoreError
from vocservice.records import Label, Scope
from vocservice.store import jobs, schema
from vocservice.store.analysed import analyses
from vocservice.store.jobs import Lease
from vocservice.store.received import idempotency
from vocservice.turns import MAX_TURNS
from vocservice.web.api import feedback
from web.sending import check_problem
from web.storing import ELSEWHERE, Door

FEEDBACK = "/v1/feedback"
TURNS = [{"speaker": "agent", "text": "Hello"}, {"speaker": "customer", "text": "It broke."}]


def post(door: Door, value: Any, *, key: Mapping[str, str] | None = None, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return door.client.post(FEEDBACK, json=value, headers={**(key or door.key("feedback:write")), **named})


def get(door: Door, path: str = FEEDBACK, *, key: Mapping[str, str] | None = None, **query: Any) -> Any:
    answer = door.client.get(path, query_string=query, headers=key or door.key("feedback:read"))
    assert answer.status_code == 200, answer.get_data()
    return answer.get_json()


def analysed(door: Door, **changes: Any) -> None:
    """Do the work that waits, with one analysis for all of it."""
    lease = Lease("test")
    with door.database.write() as connection:
        for job in jobs.claim(connection, lease, limit=1000, kinds=("analyse",)):
            task = analyses.load_task(connection, door.vault, job)
            assert task
            made = analysis(task.verbatim.text or "", id=task.verbatim.id, **changes)
            assert analyses.save(connection, lease, task, made, None, bundle="fake-1")


def test_one_record_is_taken_and_its_analysis_is_found(door: Door) -> None:
    answer = post(door, {"id": "r-1", "text": "The app crashed.", "channel": "chat", "score": {"kind": "nps", "value": 3, "scale": 10}})
    taken = answer.get_json()
    assert (answer.status_code, taken["id"], taken["status"], taken["outcome"]) == (202, "r-1", "accepted", "created")
    waiting = get(door, f"{FEEDBACK}/{taken['record']}")
    assert (waiting["status"], waiting["analysis"], waiting["source_record"], waiting["source"]) == ("pending", None, "r-1", "api")
    assert waiting["score"] == {"kind": "nps", "value": 3, "scale": 10}
    analysed(door)
    found = get(door, f"{FEEDBACK}/{taken['record']}")
    assert (found["status"], found["analysis"]["stages"][0]["key"], found["channel"]) == ("analysed", "use", "chat")


def test_a_text_that_is_a_dialogue_is_kept_as_its_turns(door: Door) -> None:
    taken = post(door, {"id": "r-1", "text": "Agent: Hello\nCustomer: It broke.\nAgent: Sorry."}).get_json()
    assert taken["warnings"] == []
    with door.database.read() as connection:
        row = connection.execute(select(schema.records).where(schema.records.c.id == taken["record"])).one()
        (job,) = connection.execute(select(schema.jobs.c.id)).all()
    assert row.is_transcript and job
    lease = Lease("test")
    with door.database.write() as connection:
        task = analyses.load_task(connection, door.vault, jobs.claim(connection, lease, limit=1, kinds=("analyse",))[0])
    assert task and task.verbatim.text is None
    said = [("agent", "Hello"), ("customer", "It broke."), ("agent", "Sorry.")]
    assert [(turn.speaker, turn.text) for turn in task.verbatim.turns] == said


def test_20_a_thousand_are_taken_in_order_and_a_replay_stores_none_twice(door: Door) -> None:
    items: list[Any] = [{"id": f"r-{number}", "text": f"It broke {number} times."} for number in range(1000)]
    items[3], items[500], items[999] = {"id": "bad", "text": 7}, "no record", {"id": "blank", "text": "  "}
    answer = post(door, {"records": items})
    results = answer.get_json()["results"]
    assert (answer.status_code, len(results)) == (207, 1000)
    assert [at for at, result in enumerate(results) if result["status"] == "rejected"] == [3, 500, 999]
    assert [results[at]["error"]["code"] for at in (3, 500, 999)] == ["invalid_type", "invalid_type", "empty_text"]
    assert [results[at]["id"] for at in (0, 3, 500, 998)] == ["r-0", "bad", "item-501", "r-998"]
    assert door.count(schema.records) == door.count(schema.jobs) == 997
    again = post(door, items).get_json()["results"]
    assert {result.get("outcome") for result in again} == {"unchanged", None}
    assert door.count(schema.records) == 997


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ({"id": "1"}, 422, "missing_text"),
        ({"id": "1", "text": " "}, 422, "empty_text"),
        ({"id": "1", "turns": TURNS[:1]}, 422, "empty_text"),
        ({"id": "1", "text": "x" * 100_001}, 422, "text_too_long"),
        ({"id": "1", "turns": [{"speaker": "customer", "text": "It broke."}] * (MAX_TURNS + 1)}, 422, "text_too_long"),
        ([], 400, "no_records"),
        ([{"text": "x"}] * 1001, 413, "too_many_records"),
        (7, 422, "invalid_type"),
    ],
    ids=["nothing", "blank", "no customer", "long", "many turns", "empty", "many", "number"],
)
def test_what_cannot_be_taken_is_refused(door: Door, value: Any, status: int, code: str) -> None:
    check_problem(post(door, value), status, code)
    assert door.count(schema.records) == 0


NO_JSON = [
    *(b"{" + CANARY.encode(), b"", b" ", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000),
    *(b'{"text": "\\ud800"}', b'{"text": "\xff"}', b'{"text": "\xc0\xaf"}', '{"text": "x"}'.encode("utf-16")),
    *(b'{"text": "x", "score": %s}' % number for number in (b"NaN", b"-Infinity", b"1e999", b"9" * 5000)),
]


@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:20]))
def test_9_to_14_what_is_not_json_is_a_400(door: Door, body: bytes) -> None:
    headers = door.key("feedback:write")
    check_problem(door.client.post(FEEDBACK, data=body, content_type="application/json", headers=headers), 400)


@pytest.mark.parametrize("body", [b"null", b'"x"', b"7", b"true", b"1.5"])
def test_10_a_value_that_is_no_record_is_refused(door: Door, body: bytes) -> None:
    headers = door.key("feedback:write")
    check_problem(door.client.post(FEEDBACK, data=body, content_type="application/json", headers=headers), 422, "invalid_type")
    assert door.count(schema.records) == 0


def test_a_new_version_replaces_and_the_same_changes_nothing(door: Door) -> None:
    outcomes = [post(door, {"id": "r-1", "text": text}).get_json()["outcome"] for text in ("one", "one", "two")]
    assert outcomes == ["created", "unchanged", "updated"]


def test_an_older_version_is_stale(door: Door) -> None:
    days = ("2026-01-02", "2026-01-01", "2026-01-03")
    found = [post(door, {"id": "r-1", "text": day, "updated_at": f"{day}T00:00:00Z"}).get_json()["outcome"] for day in days]
    assert found == ["created", "stale", "updated"]


def test_versions_may_be_numbers_which_count_by_their_value(door: Door) -> None:
    versions = (9, "10", 2, 10)
    found = [post(door, {"id": "r-1", "text": f"Great {int(version)}.", "version": version}).get_json()["outcome"] for version in versions]
    assert found == ["created", "updated", "stale", "unchanged"]
    both = post(door, {"id": "r-1", "text": "Older.", "version": 3, "updated_at": "2026-01-02T10:00:00Z"}).get_json()
    assert both["outcome"] == "stale"
    assert post(door, {"id": "r-2", "text": "Great.", "version": "latest"}).get_json()["warnings"] == ["version_unusable"]


def test_without_an_id_each_is_a_record_of_its_own(door: Door) -> None:
    first, second = (post(door, {"text": "Great."}).get_json() for _ in range(2))
    assert first["record"] != second["record"] and first["id"] != second["id"]


def test_no_field_of_a_record_reaches_another_column(door: Door) -> None:
    columns = {"workspace_id": ELSEWHERE, "status": "analysed", "needs_review": True, "reviewed_by": "me", "revision": 9}
    taken = post(door, {"id": "r-1", "text": "x", **columns, "analysis": {"stages": []}}).get_json()
    found = get(door, f"{FEEDBACK}/{taken['record']}")
    assert (found["status"], found["needs_review"], found["revision"], found["analysis"]) == ("pending", None, 1, None)


def test_odd_values_are_put_right(door: Door) -> None:
    odd = {"channel": "c" * 300, "created_at": "9999-99-99", "score": {"value": 10**30, "scale": "ten"}, "subject": "a\0b"}
    taken = post(door, {"id": "r\0-1", "text": "nul \0", "metadata": {"a": {"b": 1}}, **odd})
    assert taken.status_code == 202
    assert set(taken.get_json()["warnings"]) == {"nul_replaced", "timestamp_unusable", "metadata_cut"}
    found = get(door, f"{FEEDBACK}/{taken.get_json()['record']}")
    assert (found["channel"], found["created_at"], found["score"]) == (None, None, None)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", FEEDBACK, "feedback:write"),
        ("GET", FEEDBACK, "feedback:read"),
        ("GET", f"{FEEDBACK}/rec_1", "feedback:read"),
        ("DELETE", f"{FEEDBACK}/rec_1", "feedback:erase"),
        ("GET", "/v1/sources", "feedback:read"),
        ("POST", "/v1/subjects/erase", "feedback:erase"),
        ("POST", "/v1/subjects/export", "feedback:erase"),
    ],
)
def test_every_route_needs_a_key_with_its_scope(door: Door, method: str, path: str, scope: str) -> None:
    others = [other for other in ("feedback:write", "feedback:read", "feedback:erase", "admin") if other != scope]
    for headers, status, code in (
        ({}, 401, "key_required"),
        ({"Authorization": f"Basic {CANARY}"}, 401, "key_required"),
        ({"Authorization": f"Bearer voc_{CANARY}_x"}, 401, "key_invalid"),
        (door.key(*others), 403, "scope_missing"),
    ):
        answer = door.client.open(path, method=method, headers=headers, json={})
        check_problem(answer, status, code)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_48_another_workspace_sees_and_touches_nothing(door: Door) -> None:
    record = post(door, {"id": "r-1", "text": "mine"}).get_json()["record"]
    stranger = door.key(workspace=ELSEWHERE)
    assert get(door, key=stranger)["items"] == []
    for method in ("GET", "DELETE"):
        check_problem(door.client.open(f"{FEEDBACK}/{record}", method=method, headers=stranger), 404, "record_unknown")
    assert post(door, {"id": "r-1", "text": "theirs"}, key=stranger).get_json()["outcome"] == "created"
    assert get(door, f"{FEEDBACK}/{record}")["status"] == "pending"


def test_what_was_erased_is_gone_and_does_not_come_back(door: Door) -> None:
    record = post(door, {"id": "r-1", "text": "It broke.", "subject": "jo"}).get_json()["record"]
    analysed(door)
    eraser = door.key("feedback:erase")
    assert door.client.delete(f"{FEEDBACK}/{record}", headers=eraser).status_code == 204
    found = get(door, f"{FEEDBACK}/{record}")
    assert (found["status"], found["analysis"]) == ("erased", None)
    assert post(door, {"id": "r-1", "text": "It broke."}).get_json()["outcome"] == "erased"
    check_problem(door.client.delete(f"{FEEDBACK}/rec_none", headers=eraser), 404, "record_unknown")
    assert "record_erased" in [row["action"] for row in door.rows(schema.audit)]


@pytest.fixture
def filled(door: Door) -> Door:
    """Five records: two plain ones, one of another scope, one transcript, one that waits; ids a to e."""
    post(door, [{"id": "a", "text": "It crashed.", "channel": "chat", "subject": "Jo"}, {"id": "b", "text": "It crashed again."}])
    analysed(door)
    post(door, {"id": "c", "text": "Slow."})
    analysed(door, scope=Scope("service_complaint", 0.9, "head:scope"), stages=(Label("advocacy", 0.9),), factors=(), flags=())
    post(door, {"id": "d", "turns": TURNS, "channel": "phone"})
    analysed(door, conversation=conversation(("customer", "It broke.")), flags=())
    post(door, {"id": "e", "text": "Waits."})
    return door


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abcde"),
        ({"status": "analysed"}, "abcd"),
        ({"status": "pending"}, "e"),
        ({"source": "api"}, "abcde"),
        ({"source": "api", "source_record": "b"}, "b"),
        ({"source_record": "src_other"}, ""),
        ({"channel": "chat"}, "a"),
        ({"stage": "use"}, "abd"),
        ({"stage": "advocacy"}, "c"),
        ({"factor": "technology"}, "abd"),
        ({"factor": "technology", "polarity": "-"}, "abd"),
        ({"factor": "technology", "polarity": "+"}, ""),
        ({"flag": "churn_risk"}, "ab"),
        ({"scope": "service_complaint"}, "c"),
        ({"needs_review": "true"}, "d"),
        ({"needs_review": "false"}, ""),
        ({"stage": "use", "channel": "phone"}, "d"),
        ({"since": "2020-01-01"}, "abcde"),
        ({"until": "2020-01-01T00:00:00+01:00"}, ""),
    ],
    ids=str,
)
def test_filters_choose(filled: Door, query: dict[str, str], expected: str) -> None:
    assert "".join(item["source_record"] for item in get(filled, **query)["items"]) == expected


NO_FILTERS: list[dict[str, Any]] = [
    *({"status": CANARY}, {"needs_review": "yes"}, {"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"since": CANARY}, {CANARY: "1"}),
    *({"cursor": CANARY}, {"cursor": "a" * 400}, {"polarity": "good"}, {"channel": "x" * 501}, {"stage": ["a", "b"]}, {"subject": CANARY}),
    *({"stage": "a\0"}, {"polarity": "-"}),
    *({"source": "src_other"}, {"source": "API"}, {"stage": "us"}, {"stage": "' OR 1=1 --"}, {"factor": '"]}'}, {"factor": "use"}),
    *({"flag": CANARY}, {"scope": "complaint"}),
]


@pytest.mark.parametrize("query", NO_FILTERS, ids=lambda query: str(query)[:40])
def test_what_is_no_filter_is_a_400(door: Door, query: dict[str, Any]) -> None:
    check_problem(door.client.get(FEEDBACK, query_string=query, headers=door.key("feedback:read")), 400)


def test_a_label_that_only_an_earlier_taxonomy_had_is_known_by_the_records_that_have_it(door: Door) -> None:
    post(door, {"id": "a", "text": "It crashed."})
    analysed(door, stages=(Label("purchase_of_old", 0.9),), scope=Scope("old", 0.9, "head:scope"))
    for query in ({"stage": "purchase_of_old"}, {"scope": "old"}):
        assert len(get(door, **query)["items"]) == 1
        foreign = door.client.get(FEEDBACK, query_string=query, headers=door.key("feedback:read", workspace=ELSEWHERE))
        check_problem(foreign, 400, "parameter_invalid")


def test_a_source_is_chosen_by_its_id_or_by_its_name(door: Door) -> None:
    source, path = door.source("generic", name="Shop reviews")
    post(door, {"id": "own", "text": "Lovely."})
    door.client.post(path, json={"id": "theirs", "text": "Lovely."})
    for named in (source.id, "Shop reviews"):
        assert [item["source_record"] for item in get(door, source=named)["items"]] == ["theirs"]
    other = door.client.get(FEEDBACK, query_string={"source": source.name}, headers=door.key("feedback:read", workspace=ELSEWHERE))
    check_problem(other, 400, "parameter_invalid")


@pytest.mark.parametrize("size", [1, 2, 5, 200])
def test_pages_hold_every_record_once_in_order_though_more_arrive(filled: Door, size: int) -> None:
    seen, cursor = "", {}
    for number in range(10):
        page = get(filled, limit=size, **cursor)
        seen += "".join(item["source_record"] for item in page["items"])
        if number == 0:
            post(filled, {"id": "f", "text": "Late."})
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen in ("abcdef", "abcde") and (size >= 5 or seen == "abcdef")


def test_records_received_at_one_moment_are_all_given(door: Door) -> None:
    post(door, [{"id": f"r-{number}", "text": "x"} for number in range(7)])
    with door.database.write() as connection:
        connection.execute(update(schema.records).values(received_at=datetime(2026, 1, 1, tzinfo=UTC)))
    first = get(door, limit=4)
    rest = get(door, limit=4, cursor=first["next"])
    assert len({item["record"] for item in first["items"] + rest["items"]}) == 7 and rest["next"] is None


def test_a_cursor_is_of_its_workspace_and_cannot_be_changed(filled: Door) -> None:
    cursor = get(filled, limit=1)["next"]
    changed = cursor[:-2] + ("AA" if not cursor.endswith("AA") else "BB")
    for key, given in ((filled.key(workspace=ELSEWHERE), cursor), (filled.key(), changed), (filled.key(), cursor[:10])):
        check_problem(filled.client.get(FEEDBACK, query_string={"cursor": given}, headers=key), 400, "cursor_invalid")


def test_the_health_of_sources_is_told_without_their_secrets(door: Door) -> None:
    _, path = door.source("typeform", secret="typeform-secret-one")
    door.client.post(path, data=b"{}", content_type="application/json")
    answer = door.client.get("/v1/sources", headers=door.key("feedback:read"))
    (found,) = answer.get_json()["items"]
    assert (found["adapter"], found["is_enabled"], found["received"], found["signature_failures"]) == ("typeform", True, 0, 1)
    assert (found["waiting"], found["fetch_code"]) == (0, None)
    assert not {"token", "secret", "sealed"} & set(json.dumps(found).replace("_", " ").split())
    assert door.client.get("/v1/sources", headers=door.key(workspace=ELSEWHERE)).get_json()["items"] == []


def test_22_too_many_requests_of_one_key_are_a_429_and_others_go_on(tmp_path: Path) -> None:
    door = Door(tmp_path, rate_per_minute=3)
    mine, other = door.key(), door.key()
    answers = [door.client.get(FEEDBACK, headers=mine) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].headers["RateLimit-Limit"] == "3" and int(answers[3].headers["Retry-After"]) in range(1, 21)
    check_problem(answers[3], 429, "rate_limited")
    assert door.client.get(FEEDBACK, headers=other).status_code == 200
    door.close()


def test_an_expired_key_is_refused(door: Door) -> None:
    headers = door.key()
    with door.database.write() as connection:
        connection.execute(update(schema.keys).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    check_problem(door.client.get(FEEDBACK, headers=headers), 401, "key_invalid")


def told(answer: TestResponse) -> tuple[int, Any]:
    return answer.status_code, answer.get_json(force=True)


def test_21_the_same_request_under_a_key_has_the_first_answer(door: Door) -> None:
    key = door.key()
    value = [{"text": "It broke."}, {"text": 7}]
    first = told(post(door, value, key=key, Idempotency_Key="try-1"))
    assert first[0] == 207 and told(post(door, value, key=key, Idempotency_Key="try-1")) == first
    assert door.count(schema.records) == 1
    check_problem(post(door, {"text": "Other."}, key=key, Idempotency_Key="try-1"), 422, "idempotency_mismatch")
    assert post(door, value, key=door.key(), Idempotency_Key="try-1").status_code == 207
    refused = post(door, {"text": 7}, key=key, Idempotency_Key="try-2")
    assert told(post(door, {"text": 7}, key=key, Idempotency_Key="try-2")) == told(refused) and refused.status_code == 422
    check_problem(post(door, value, key=key, Idempotency_Key="x" * 256), 400, "parameter_invalid")


def test_21_while_the_first_is_being_answered_others_are_told_to_wait(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    key, told_meanwhile, stored = door.key(), [], feedback._stored

    def slow(*arguments: Any) -> Any:
        told_meanwhile.append(post(door, {"text": "x"}, key=key, Idempotency_Key="try-1"))
        return stored(*arguments)

    monkeypatch.setattr(feedback, "_stored", slow)
    assert post(door, {"text": "x"}, key=key, Idempotency_Key="try-1").status_code == 202
    (answer,) = told_meanwhile
    check_problem(answer, 409, "idempotency_busy")
    assert answer.headers["Retry-After"].isdigit()


def test_21_what_failed_on_our_side_is_tried_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the database does not answer; try again")

    key = door.key()
    with monkeypatch.context() as broken:
        broken.setattr(feedback, "_stored", fail)
        check_problem(post(door, {"text": "x"}, key=key, Idempotency_Key="try-1"), 503, "store_unavailable")
    assert post(door, {"text": "x"}, key=key, Idempotency_Key="try-1").status_code == 202


def test_21_what_is_stored_is_answered_though_the_answer_cannot_be_kept_and_is_never_stored_twice(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the database does not answer; try again")

    key, value = door.key(), [{"text": "x"}, {"text": "y"}]
    with monkeypatch.context() as broken:
        broken.setattr(idempotency, "settle", fail)
        assert post(door, value, key=key, Idempotency_Key="try-1").status_code == 202
    check_problem(post(door, value, key=key, Idempotency_Key="try-1"), 409, "idempotency_busy")
    with door.database.write() as connection:
        connection.execute(update(schema.idempotency).values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    again = post(door, value, key=key, Idempotency_Key="try-1")
    assert [result["outcome"] for result in again.get_json()["results"]] == ["unchanged", "unchanged"]
    assert door.count(schema.records) == 2
    post(door, value, key=key, Idempotency_Key="try-2")
    post(door, value, key=door.key(), Idempotency_Key="try-1")
    assert door.count(schema.records) == 6


def subject(door: Door, what: str, value: Any, **keyed: Any) -> TestResponse:
    return door.client.post(f"/v1/subjects/{what}", json=value, headers=door.key("feedback:erase", **keyed))


def test_a_customer_is_exported_and_erased_by_a_key_in_the_body(filled: Door) -> None:
    (item,) = subject(filled, "export", {"subject": " JO "}).get_json()["items"]
    assert (item["source_record"], len(item["analyses"])) == ("a", 1)
    assert subject(filled, "export", {"subject": "jo"}, workspace=ELSEWHERE).get_json()["items"] == []
    assert subject(filled, "erase", {"subject": "jo"}, workspace=ELSEWHERE).get_json()["records"] == 0
    assert subject(filled, "erase", {"subject": "jo"}).get_json()["records"] == 1
    assert [item["analysis"] for item in get(filled, status="erased")["items"]] == [None]
    assert "jo" not in str([row["details"] for row in filled.rows(schema.audit)]).casefold()


NO_CUSTOMERS = [{}, [], {"subject": ""}, {"subject": None}, {"subject": True}, {"subject": "jo", "x": 1}, {"subject": "x" * 1001}]


@pytest.mark.parametrize("value", NO_CUSTOMERS, ids=lambda value: str(value)[:30])
def test_what_is_no_customer_is_refused(door: Door, value: Any) -> None:
    for what in ("export", "erase"):
        check_problem(subject(door, what, value), 422, "invalid_type")


def test_50_no_text_key_or_address_is_told(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "vocservice")
    key = door.key()
    secret = key["Authorization"].partition(" ")[2]
    told = [post(door, {"id": CANARY, "text": f"{CANARY} jo@example.com", "subject": CANARY, "channel": CANARY}, key=key)]
    told += [post(door, {"text": [CANARY]}, key=key), post(door, {"text": "x"}, key={"Authorization": f"Bearer {secret}{CANARY}"})]
    told += [door.client.get(f"{FEEDBACK}/{CANARY}?{CANARY}=1", headers=key), subject(door, "erase", {"subject": CANARY})]
    said = " ".join(answer.get_data(as_text=True) for answer in told[1:]) + door.client.get("/metrics").get_data(as_text=True)
    logged = " ".join(f"{line.getMessage()} {getattr(line, 'fields', '')}" for line in caplog.records)
    assert logged
    for hidden in (CANARY, "jo@example.com", secret, secret.split("_", 2)[2]):
        assert hidden not in said + logged
