"""Tests of `webhooks`: what every sender is answered, what is stored of it, and what never is. The numbers are of the cases of intake."""

import gzip
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any
from urllib.request import Request, urlopen

import pytest
import stories
from builders import CANARY
from ingest.sending import ALL, SECRET, SIGNED, WRONG, name_of, secret_of
from sqlalchemy import Connection, event
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from vocservice.errors import SignatureError, StoreError
from vocservice.ingest import ADAPTERS, Adapter
from vocservice.store import jobs, schema
from vocservice.store.analysed.outbound import DELIVER
from vocservice.store.received import intake, sources
from vocservice.store.received.intake import Parcel, Receipt
from vocservice.store.received.records import Sealed
from vocservice.store.vault import Vault
from web.sending import CHUNKED, check_problem
from web.storing import WORKSPACE, Door

TEXTUAL = ["typeform", "delighted", "intercom", "zendesk", "trustpilot"]


class Sender:
    """One sender with its source."""

    def __init__(self, door: Door, adapter: Adapter | str):
        self.door = door
        self.adapter = ADAPTERS[adapter] if isinstance(adapter, str) else adapter
        self.secret = secret_of(self.adapter, SECRET) if self.adapter.needs_secret else ""
        self.source, self.path = door.source(self.adapter.name, secret=self.secret)

    def headers(self, body: bytes, *, secret: str = "", now: datetime | None = None, delivery: str = "msg_1") -> dict[str, str]:
        url = f"http://localhost{self.path}"
        return self.adapter.sign(body, secret or self.secret, now=now or datetime.now(UTC), delivery_id=delivery, url=url)

    def post(self, body: bytes, headers: dict[str, str] | None = None, *, content_type: str = "", **more: Any) -> TestResponse:
        signed = self.headers(body) if headers is None else headers
        return self.door.client.post(
            self.path, data=body, headers=signed, content_type=content_type or self.adapter.sample().content_type, **more
        )

    def health(self) -> sources.Health:
        with self.door.database.read() as connection:
            return sources.get(connection, WORKSPACE, self.source.id).health


def record(text: str = "The app crashed.", **fields: Any) -> bytes:
    return json.dumps({"id": "r-1", "text": text} | fields).encode()


@pytest.fixture
def generic(door: Door) -> Sender:
    return Sender(door, "generic")


@pytest.fixture
def typeform(door: Door) -> Sender:
    return Sender(door, "typeform")


@pytest.mark.parametrize("adapter", ALL, ids=name_of)
def test_1_and_2_a_delivery_is_stored_once_with_its_jobs(door: Door, adapter: Adapter) -> None:
    sender = Sender(door, adapter)
    body = adapter.sample().body
    first = sender.post(body)
    assert first.status_code == 202, first.get_data()
    answer = first.get_json()
    assert (answer["status"], answer["duplicate"], door.count(schema.inbox)) == ("accepted", False, 1)
    jobs = door.count(schema.jobs)
    assert jobs == door.count(schema.records) == len([record for record in answer["records"] if record["outcome"] != "erased"]) > 0
    again = sender.post(body)
    assert again.status_code == 200
    assert again.get_json() == {"id": answer["id"], "status": "accepted", "duplicate": True, "records": []}
    assert (door.count(schema.inbox), door.count(schema.jobs)) == (1, jobs)


@pytest.mark.parametrize("name", TEXTUAL)
def test_1_senders_of_texts_give_records_to_analyse(door: Door, name: str) -> None:
    assert Sender(door, name).post(ADAPTERS[name].sample().body).status_code == 202
    assert {row["status"] for row in door.rows(schema.records)} == {"pending"}


def test_3_twenty_at_once_are_one(door: Door) -> None:
    sender = Sender(door, "typeform")
    body = sender.adapter.sample().body
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def send(_: int) -> tuple[int, dict[str, Any]]:
        headers = {**sender.headers(body), "Content-Type": "application/json"}
        with urlopen(Request(f"http://127.0.0.1:{server.port}{sender.path}", body, headers), timeout=60) as answer:
            return answer.status, json.load(answer)

    try:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(send, range(20)))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert sorted(status for status, _ in answers) == [200] * 19 + [202]
    assert len({answer["id"] for _, answer in answers}) == 1
    assert [door.count(table) for table in (schema.inbox, schema.records, schema.jobs)] == [1, 1, 1]


BAD_HEADERS = [
    "",
    "sha256=",
    "sha256=!!!",
    "sha1=AAAA",
    "AAAA",
    "sha256=" + "A" * 10_000,
    "sha256=\xe9\xff",
    "sha256=é".encode().decode("latin-1"),
]


@pytest.mark.parametrize("header", [None, *BAD_HEADERS], ids=lambda header: repr(header)[:30])
def test_4_a_bad_signature_is_refused_counted_and_audited(typeform: Sender, header: str | None) -> None:
    answer = typeform.post(typeform.adapter.sample().body, {} if header is None else {"Typeform-Signature": header})
    assert check_problem(answer, 401)["code"] == ("signature_missing" if not header else "signature_invalid")
    assert [typeform.door.count(table) for table in (schema.inbox, schema.records)] == [0, 0]
    assert typeform.health().signature_failures == 1
    assert f'voc_signature_failures{{source="{typeform.source.id}"}} 1.0' in typeform.door.client.get("/metrics").get_data(as_text=True)
    assert typeform.door.rows(schema.audit)[-1]["action"] == "webhook.refuse"


def test_4_every_bad_signature_is_counted_and_the_first_of_a_minute_audited(
    door: Door, typeform: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [datetime(2030, 1, 1, 12, 0, second, tzinfo=UTC) for second in (1, 2, 3)] + [datetime(2030, 1, 1, 12, 1, tzinfo=UTC)]
    other = Sender(door, "delighted")
    for moment in moments:
        monkeypatch.setattr("vocservice.store.audit.now", lambda _, moment=moment: moment)
        monkeypatch.setattr("vocservice.store.received.intake.now", lambda _, moment=moment: moment)
        for sender, headers in ((typeform, {}), (typeform, {"Typeform-Signature": "sha256=AAAA"}), (other, {})):
            assert sender.post(b"{}", headers).status_code == 401
    assert (typeform.health().signature_failures, other.health().signature_failures) == (8, 4)
    refused = [row for row in door.rows(schema.audit) if row["action"] == "webhook.refuse"]
    assert [(row["target"], row["details"]["code"], row["at"].minute) for row in refused] == [
        (sender.source.id, code, minute)
        for minute in (0, 1)
        for sender, code in ((typeform, "signature_missing"), (typeform, "signature_invalid"), (other, "signature_missing"))
    ]


@pytest.mark.parametrize("name", ["google_play", "app_store", "trustpilot"])
def test_a_delivery_of_more_than_a_thousand_events_is_kept_aside(door: Door, name: str) -> None:
    payload = json.loads(ADAPTERS[name].sample().body)
    (field,) = [field for field, value in payload.items() if isinstance(value, list)]
    sender = Sender(door, name)
    for count, status in ((1000, "accepted"), (1001, "quarantined")):
        body = json.dumps({**payload, field: payload[field][:1] * count}).encode()
        assert sender.post(body).get_json()["status"] == status
    assert door.rows(schema.inbox)[-1]["error_code"] == "body_unusable" and door.count(schema.records) == 1


@pytest.mark.parametrize("adapter", SIGNED, ids=name_of)
def test_4_and_6_another_secret_and_an_altered_body_are_refused(door: Door, adapter: Adapter) -> None:
    sender = Sender(door, adapter)
    body = adapter.sample().body
    changed = body.replace(b"a", b"b", 1)
    for sent, headers in ((body, sender.headers(body, secret=secret_of(adapter, WRONG))), (changed, sender.headers(body))):
        if headers:
            assert sender.post(sent, headers).status_code == 401
    assert door.count(schema.inbox) == 0


def test_6_the_same_json_written_otherwise_is_refused(typeform: Sender) -> None:
    body = typeform.adapter.sample().body
    check_problem(typeform.post(json.dumps(json.loads(body), indent=1).encode(), typeform.headers(body)), 401, "signature_invalid")


def test_5_an_old_signature_is_refused_and_a_replay_within_its_time_is_a_duplicate(door: Door) -> None:
    sender = Sender(door, "standard_webhooks")
    body = record()
    for minutes in (-6, 6):
        stale = sender.headers(body, now=datetime.now(UTC) + timedelta(minutes=minutes))
        check_problem(sender.post(body, stale), 401, "timestamp_stale")
    headers = sender.headers(body)
    assert [sender.post(body, headers).status_code for _ in range(2)] == [202, 200]


def test_7_a_url_answers_head_and_get_and_tells_nothing(door: Door, typeform: Sender) -> None:
    for path in (typeform.path, f"/v1/hooks/{CANARY}"):
        for method in ("HEAD", "GET"):
            answer = door.client.open(path, method=method)
            assert (answer.status_code, answer.data) == (200, b"")
        for method in ("PUT", "DELETE", "PATCH"):
            check_problem(door.client.open(path, method=method), 405, "method_not_allowed")


def test_7_an_unknown_or_disabled_url_is_a_401(door: Door, generic: Sender) -> None:
    check_problem(door.client.post(f"/v1/hooks/{CANARY}", data=record(), content_type="application/json"), 401, "token_unknown")
    with door.database.write() as connection:
        sources.set_enabled(connection, generic.source, False, actor="test")
    check_problem(generic.post(record()), 401, "token_unknown")
    assert door.count(schema.inbox) == 0


@pytest.mark.parametrize("adapter", ["typeform", "twilio"])  # one of them signs the URL
def test_7_a_url_with_a_slash_after_it_works_too(door: Door, adapter: str) -> None:
    sender = Sender(door, adapter)
    sender.path += "/"
    assert [door.client.open(sender.path, method=method).status_code for method in ("HEAD", "GET")] == [200, 200]
    assert sender.post(sender.adapter.sample().body).status_code == 202
    check_problem(door.client.post("/v1/hooks/nothing/", data=b"{}"), 401, "token_unknown")


@pytest.mark.parametrize(
    ("name", "content_type", "status"),
    [
        ("surveymonkey", "application/vnd.surveymonkey.response.v1+json", 202),
        ("typeform", "application/json; charset=utf-8", 202),
        ("twilio", "application/x-www-form-urlencoded", 202),
        ("qualtrics", "application/json", 202),
        ("typeform", "text/xml", 415),
        ("typeform", "application/xml", 415),
        ("typeform", "text/plain", 415),
        ("typeform", "application/json; charset=utf-16", 415),
        ("typeform", "application/x-www-form-urlencoded", 415),
    ],
)
def test_8_content_types_are_those_of_the_sender(door: Door, name: str, content_type: str, status: int) -> None:
    sender = Sender(door, name)
    answer = sender.post(sender.adapter.sample().body, content_type=content_type)
    assert answer.status_code == status
    if status == 415:
        check_problem(answer, 415, "unsupported_media_type")


UNUSABLE = [
    b"{" + CANARY.encode(),
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"7",
    b"[" * 100_000 + b"]" * 100_000,
    b'{"id": "1", "text": "\\ud800"}',
    b'{"id": "1", "text": "\xff"}',
    b'{"id": "1", "text": "\xc0\xaf"}',
    b'{"id": "1", "text": "x", "score": {"value": NaN}}',
    b'{"id": "1", "text": "x", "score": {"value": Infinity}}',
    b'{"id": "1", "text": "x", "score": {"value": 1e999}}',
    b'{"id": "1", "text": "x", "score": {"value": ' + b"9" * 5000 + b"}}",
    b'{"id": "1", "text": "x"}'.decode().encode("utf-16"),
    b'{"id": "1"}',
]


@pytest.mark.parametrize("adapter", ALL, ids=name_of)
def test_10_no_value_whatever_is_a_fault_of_ours(door: Door, adapter: Adapter) -> None:
    sender = Sender(door, adapter)
    for number, body in enumerate((b"", b"null", b"[]", b'"x"', b"7", b"{}", b"[[]]")):
        headers: dict[str, str] = {}
        with suppress(SignatureError):  # of what is no form one sender signs nothing
            headers = sender.headers(body, delivery=f"msg_{number}")
        assert sender.post(body, headers).status_code in (200, 202, 401), body
    assert door.count(schema.records) == 0


@pytest.mark.parametrize("body", UNUSABLE, ids=lambda body: repr(body[:24]))
def test_9_to_16_a_signed_body_that_cannot_be_used_is_kept_aside(door: Door, body: bytes) -> None:
    sender = Sender(door, "standard_webhooks")
    answer = sender.post(body)
    assert (answer.status_code, answer.get_json()["status"]) == (202, "quarantined")
    assert CANARY not in answer.get_data(as_text=True)
    (kept,) = door.rows(schema.inbox)
    assert (kept["status"], door.vault.sealer.open(kept["body_sealed"])) == ("quarantined", body)
    assert (sender.health().quarantined, door.count(schema.records)) == (1, 0)
    assert f'voc_quarantined{{source="{sender.source.id}"}} 1.0' in door.client.get("/metrics").get_data(as_text=True)
    again = sender.post(body)
    assert (again.status_code, again.get_json()["duplicate"]) == (200, True)


def test_9_what_an_adapter_fails_at_is_kept_aside_too(generic: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(type(generic.adapter), "parse", fail)
    assert generic.post(record()).get_json()["status"] == "quarantined"
    assert generic.door.rows(schema.inbox)[0]["error_code"] == "parse_failed"


def test_what_is_skipped_is_said_in_its_place(door: Door, generic: Sender) -> None:
    body = [{"id": "1", "text": "Good."}, {"id": "2"}, {"id": "3", "text": " "}, {"id": "4", "text": "Bad."}]
    told = generic.post(json.dumps(body).encode()).get_json()["records"]
    assert [(one["outcome"], one.get("reason"), one["record"] is None) for one in told] == [
        ("created", None, False), ("skipped", "rejected_missing_text", True), ("skipped", "no_text", True), ("created", None, False),
    ]  # fmt: skip
    assert door.count(schema.records) == 2
    blank = [{"id": "1", "text": "", "updated_at": "2026-01-02T00:00:00Z"}, {"id": "4", "text": "Worse."}]
    later = generic.post(json.dumps(blank).encode()).get_json()["records"]
    assert later == [{"record": told[0]["record"], "outcome": "emptied"}, {"record": told[3]["record"], "outcome": "updated"}]


def original(door: Door) -> dict[str, Any]:
    (row,) = door.rows(schema.records)
    found: dict[str, Any] = json.loads(door.vault.sealer.open(row["original_sealed"])) | {"warnings": row["warnings"]}
    return found


@pytest.mark.parametrize(
    ("body", "text", "warnings"),
    [
        (b'{"id": "1", "text": "a\\u0000b"}', "a\ufffdb", ["nul_replaced"]),
        (b'{"id": "1", "text": "first", "text": "second"}', "second", []),
        (b'\xef\xbb\xbf{"id": "1", "text": "marked"}', "marked", []),
        (b'{"id": "1", "text": "plain", "score": {"value": ' + b"9" * 300 + b"}}", "plain", []),
    ],
    ids=["13 NUL", "15 key twice", "16 byte order mark", "14 long number"],
)
@pytest.mark.parametrize("name", ["generic", "standard_webhooks"])
def test_13_to_16_what_can_be_put_right_is(door: Door, name: str, body: bytes, text: str, warnings: list[str]) -> None:
    assert Sender(door, name).post(body).get_json()["status"] == "accepted"
    found = original(door)
    assert (found["text"], found["warnings"]) == (text, warnings)


@pytest.mark.parametrize("how", ["declared", "chunked", "gzip"])
def test_17_and_18_a_large_body_is_refused_before_it_is_hashed(tmp_path: Path, how: str) -> None:
    door = Door(tmp_path, max_body_bytes=2048)
    sender = Sender(door, "typeform")
    body = b" " * 50_000_000 if how == "gzip" else b" " * 2049
    sent = gzip.compress(body, mtime=0)[:2048] if how == "gzip" else body
    headers = {"Content-Encoding": "gzip"} if how == "gzip" else {}
    more = {"environ_overrides": CHUNKED} if how == "chunked" else {}
    check_problem(sender.post(sent, headers, **more), 413, "body_too_large")
    assert sender.health().signature_failures == 0
    door.close()


def test_18_gzip_is_read_and_other_encodings_are_not(typeform: Sender) -> None:
    body = typeform.adapter.sample().body
    signed = typeform.headers(body)
    check_problem(typeform.post(body, {**signed, "Content-Encoding": "br"}), 415, "unsupported_encoding")
    assert typeform.post(gzip.compress(body, mtime=0), {**signed, "Content-Encoding": "gzip"}).status_code == 202


def test_23_the_newest_version_of_the_sender_counts(generic: Sender) -> None:
    for text, day in (("newest", 9), ("older", 3), ("old", 1)):
        answer = generic.post(record(text, updated_at=f"2026-01-0{day}T00:00:00Z"))
        assert answer.status_code == 202
    assert original(generic.door)["text"] == "newest"


def test_23_without_versions_the_last_to_arrive_counts_also_where_it_came_before(generic: Sender) -> None:
    def told(text: str) -> tuple[int, list[str]]:
        answer = generic.post(record(text))
        return answer.status_code, [one["outcome"] for one in answer.get_json()["records"]]

    assert [told(text) for text in ("old", "new", "old")] == [(202, ["created"]), (202, ["updated"]), (202, ["updated"])]
    assert original(generic.door)["text"] == "old"
    assert [told("old") for _ in range(2)] == [(200, []), (200, [])] and generic.health().received == 3
    assert [told(text) for text in ("new", "old")] == [(202, ["updated"])] * 2


@pytest.mark.parametrize("name", ["generic", "standard_webhooks"])
def test_23_what_tells_a_version_or_its_delivery_counts_once(door: Door, name: str) -> None:
    sender = Sender(door, name)
    old = record("old") if name == "standard_webhooks" else record("old", updated_at="2026-01-01T00:00:00Z")
    new = record("new", updated_at="2026-01-02T00:00:00Z")
    headers = [sender.headers(body, delivery=f"msg_{number}") for number, body in enumerate((old, new))]
    answers = [sender.post(body, headers[number]) for number, body in ((0, old), (1, new), (0, old))]
    assert [answer.status_code for answer in answers] == [202, 202, 200]
    assert original(door)["text"] == "new"


def test_23_a_body_without_a_version_takes_nothing_back_of_one_with_a_version(generic: Sender) -> None:
    bodies = record("old"), record("new", updated_at="2026-01-02T00:00:00Z"), record("old")
    assert [generic.post(body).status_code for body in bodies] == [202, 202, 200]
    assert original(generic.door)["text"] == "new"


def test_23_what_was_erased_does_not_return_with_its_body(door: Door, generic: Sender) -> None:
    for text in ("old", "new"):
        generic.post(record(text))
    (row,) = door.rows(schema.records)
    assert door.client.delete(f"/v1/feedback/{row['id']}", headers=door.key("feedback:erase")).status_code == 204
    assert generic.post(record("old")).status_code == 200
    assert all(kept["body_sealed"] is None for kept in door.rows(schema.inbox))


def told(sender: Sender, posting: stories.Posting) -> tuple[int, set[str]]:
    """The status of a delivery, and what came of its records."""
    headers = sender.headers(posting.body, delivery=posting.delivery_id)
    answer = sender.post(posting.body, headers, content_type=posting.content_type)
    return answer.status_code, {one["outcome"] for one in answer.get_json()["records"]}


@pytest.mark.parametrize("name", [name for name, story in stories.STORIES.items() if story.older])
def test_23_of_every_sender_an_older_version_that_comes_late_loses(door: Door, name: str) -> None:
    sender, late = Sender(door, name), stories.older(name, 1)
    assert late is not None and told(sender, stories.first(name, 1)) == (202, {"created"})
    before = original(door)
    assert stories.OLDER.encode()[:16] in late.body.replace(b"+", b" ") and told(sender, late) == (202, {"stale"})
    assert original(door) == before and stories.OLDER not in str(before)


@pytest.mark.parametrize("name", [name for name, story in stories.STORIES.items() if story.gone])
def test_24_of_every_sender_what_it_takes_back_is_erased_and_a_replay_brings_nothing_back(door: Door, name: str) -> None:
    sender, taken_back = Sender(door, name), stories.gone(name, 1)
    assert taken_back is not None and told(sender, stories.first(name, 1))[0] == 202
    assert told(sender, taken_back) == (202, {"erased"})
    assert told(sender, stories.replayed(name, 1)) == (202, {"erased"})
    (row,) = door.rows(schema.records)
    assert (row["status"], row["original_sealed"], row["clean"]) == ("erased", None, None)
    assert door.count(schema.jobs) == 0 and all(kept["body_sealed"] is None for kept in door.rows(schema.inbox))


def test_every_sender_has_its_story() -> None:
    assert stories.STORIES.keys() == ADAPTERS.keys()


def test_23_of_versions_that_are_numbers_the_highest_counts(door: Door) -> None:
    _, path = door.source("generic", options={"id": "/id", "text": ["/t"], "version": "/version"})
    for text, number in (("ninth", 9), ("newest", 10), ("second", 2)):
        assert door.client.post(path, json={"id": "1", "t": text, "version": number}).status_code == 202
    assert original(door)["text"] == "newest"


def test_24_what_was_erased_stays_erased(door: Door) -> None:
    sender, body = Sender(door, "generic"), record()
    sender.post(body)
    (row,) = door.rows(schema.records)
    authorised = door.key("feedback:erase")
    assert door.client.delete(f"/v1/feedback/{row['id']}", headers=authorised).status_code == 204
    again = sender.post(body + b" ")
    assert [record["outcome"] for record in again.get_json()["records"]] == ["erased"]
    (row,) = door.rows(schema.records)
    assert (row["status"], row["original_sealed"]) == ("erased", None)
    assert all(kept["body_sealed"] is None for kept in door.rows(schema.inbox))


def test_24_what_was_erased_stays_so_under_another_url_and_the_old_one_works_beside_it(door: Door) -> None:
    sender, body = Sender(door, "generic"), record()
    sender.post(body)
    old = sender.path
    (row,) = door.rows(schema.records)
    assert door.client.delete(f"/v1/feedback/{row['id']}", headers=door.key("feedback:erase")).status_code == 204
    with door.database.write() as connection:
        sender.path = f"/v1/hooks/{sources.renew_url(connection, sender.source, actor='test')}"
    assert [told["outcome"] for told in sender.post(body + b" ").get_json()["records"]] == ["erased"]
    sender.path = old
    assert sender.post(record(id="r-2")).status_code == 202
    with door.database.write() as connection:
        sources.end_old_urls(connection, sender.source, actor="test")
    check_problem(sender.post(record(id="r-3")), 401, "token_unknown")


@pytest.mark.parametrize("at", ["yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "in30h", "2026-13-01"])
def test_25_a_time_that_cannot_be_is_a_warning(generic: Sender, at: str) -> None:
    given = (datetime.now(UTC) + timedelta(hours=30)).isoformat() if at == "in30h" else at
    assert generic.post(record(created_at=given)).status_code == 202
    (row,) = generic.door.rows(schema.records)
    assert (row["created_at"], row["warnings"]) == (None, ["timestamp_unusable"])
    assert abs(datetime.now(UTC) - row["received_at"]) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("at", "read"),
    [("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)), ("2025-03-09 02:30:00", datetime(2025, 3, 9, 9, 30, tzinfo=UTC))],
    ids=["leap second", "gap of summer time"],
)
def test_25_a_time_that_clocks_seldom_show_is_read(door: Door, at: str, read: datetime) -> None:
    _, path = door.source("generic", options={"zone": "America/Denver"})
    assert door.client.post(path, data=record(created_at=at), content_type="application/json").status_code == 202
    (row,) = door.rows(schema.records)
    assert (row["created_at"], row["warnings"]) == (read, [])


def test_25_records_stand_in_the_order_of_receipt_whatever_their_senders_clocks_say(door: Door, generic: Sender) -> None:
    for name, at in (("a", "9999-12-31T23:59:59Z"), ("b", "2020-01-01T00:00:00Z"), ("c", "0001-01-01T00:00:00Z"), ("d", "2019-01-01")):
        generic.post(record(id=name, created_at=at))
    listed = door.client.get("/v1/feedback", headers=door.key("feedback:read")).get_json()["items"]
    assert [item["source_record"] for item in listed] == ["a", "b", "c", "d"]


def test_our_own_trouble_is_a_503(generic: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("the database does not answer; try again")

    monkeypatch.setattr("vocservice.store.received.intake.accept_all", fail)
    answer = generic.post(record())
    check_problem(answer, 503, "store_unavailable")
    assert answer.headers["Retry-After"].isdigit()


def test_deliveries_that_come_at_once_share_commits_and_one_that_cannot_be_stored_takes_no_other_along(
    door: Door, generic: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_all, passes = intake.accept_all, []

    def slow(connection: Connection, vault: Vault, parcels: Sequence[Parcel]) -> list[Receipt]:
        passes.append(len(parcels))
        sleep(0.05)
        if any(parcel.said[0].record == "poison" for parcel in parcels if isinstance(parcel.said[0], Sealed)):
            raise ValueError("poison")
        return accept_all(connection, vault, parcels)

    def send(name: str) -> tuple[str, int]:
        answer = door.app.test_client().post(generic.path, data=record(id=name), content_type="application/json")
        return name, answer.status_code

    monkeypatch.setattr("vocservice.store.received.intake.accept_all", slow)
    names = [*(f"r-{number}" for number in range(12)), "poison"]
    with ThreadPoolExecutor(len(names)) as pool:
        statuses = dict(pool.map(send, names))
    assert statuses == {name: 500 if name == "poison" else 202 for name in names}
    assert max(passes) > 1 and 1 in passes
    assert {row["source_record"] for row in door.rows(schema.records)} == set(names) - {"poison"}
    assert door.count(schema.inbox) == door.count(schema.jobs) == 12


@pytest.mark.sqlite_only
def test_26_a_locked_database_is_a_503_and_leaves_nothing(door: Door, generic: Sender) -> None:
    @event.listens_for(door.database.engine, "connect")
    def _hurry(connection: Any, _: object) -> None:
        connection.execute("PRAGMA busy_timeout=50")

    door.database.engine.dispose()
    with door.database.write():
        refused = generic.post(record())
    check_problem(refused, 503, "store_unavailable")
    assert refused.headers["Retry-After"].isdigit()
    assert [door.count(table) for table in (schema.inbox, schema.records, schema.jobs)] == [0, 0, 0]
    assert generic.post(record()).status_code == 202


def test_a_full_queue_is_a_503(tmp_path: Path) -> None:
    door = Door(tmp_path, max_queued=1)
    sender = Sender(door, "generic")
    assert sender.post(record()).status_code == 202
    door.app.extensions["vocservice"].stored._waiting._seconds = 0
    check_problem(sender.post(record(id="r-2")), 503, "queue_full")
    door.close()


def test_what_waits_to_be_sent_out_refuses_nobody(tmp_path: Path) -> None:
    door = Door(tmp_path, max_queued=1)
    with door.database.write() as connection:
        for number in range(3):
            jobs.enqueue(connection, WORKSPACE, DELIVER, f"dlv_{number}")
    assert Sender(door, "generic").post(record()).status_code == 202
    door.close()


def test_a_delivery_needs_no_model(door: Door, generic: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(door.app.extensions["vocservice"].model), "analyser", lambda _: pytest.fail("the model was asked for"))
    assert generic.post(record()).status_code == 202


def test_neither_token_nor_text_is_told(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "vocservice")
    sender = Sender(door, "standard_webhooks")
    token = sender.path.rpartition("/")[2]
    body = record(f"{CANARY} wrote jo@example.com", id=CANARY)
    told = [sender.post(body), sender.post(b"{" + CANARY.encode()), sender.post(body, {}), sender.post(body, content_type="text/xml")]
    told += [door.client.post(sender.path + "x", data=body), door.client.put(sender.path)]
    said = " ".join(answer.get_data(as_text=True) + str(answer.headers) for answer in told)
    logged = " ".join(f"{line.getMessage()} {getattr(line, 'fields', '')}" for line in caplog.records)
    assert logged
    for hidden in (token, CANARY, "jo@example.com", sender.secret):
        assert hidden not in said + logged
