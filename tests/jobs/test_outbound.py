"""Tests of events: what they say and do not say, how they are signed and tried, and where they are never sent."""

import json
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from builders import CANARY, MODEL, FakePipeline, analysis, conversation

from vocservice.api import Analyser
from vocservice.errors import EndpointError, InputError, SignatureError
from vocservice.ingest.delivery import Delivery
from vocservice.ingest.signature import verify_standard
from vocservice.jobs import outbound as sending
from vocservice.jobs.backoff import retry_after
from vocservice.jobs.errands import Errand
from vocservice.jobs.guard import Policy, checked, is_public
from vocservice.jobs.outbound import Outbound, wait_after
from vocservice.jobs.sending import Answer, post
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.settings import Settings
from vocservice.store import jobs, schema
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.analysed.endpoints import EVENTS, Endpoint
from vocservice.store.analysed.outbound import DELIVER, Before
from vocservice.store.opened import Store
from vocservice.store.received import records
from vocservice.store.review import rules
from vocservice.store.review.rules import Draft, Rule
from vocservice.taxonomy import load_taxonomy

from .stores import WORKSPACE, add, add_transcript, job_states, make_due, worker_of

OPEN = Policy(allow_http=True, allow_private=True)


class Receiver:
    """An endpoint on this machine that answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/voc?x=1"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def subscribed(store: Store, url: str, events: Sequence[str] = EVENTS) -> tuple[Endpoint, str]:
    with store.database.write() as connection:
        return endpoints.create(connection, store.vault, WORKSPACE, url=url, events=events, actor="test")


def deliver(store: Store, settings: Settings, **options: Any) -> None:
    """One turn of the worker's small jobs."""
    made = Outbound(store, OPEN, **{"wait": lambda _: 0.0, **options})
    worker = worker_of(store, settings, errands={DELIVER: Errand(sending.MAX_ATTEMPTS, made.run)})
    worker.run(once=True)


def log_of(store: Store, endpoint: Endpoint) -> list[tuple[str, str, int, int | None]]:
    with store.database.read() as connection:
        return [(one.event, one.state, one.attempts, one.last_status) for one in outbound.log_of(connection, endpoint)]


def test_results_are_sent_signed_and_without_a_word_of_the_customer(store: Store, settings: Settings, receiver: Receiver) -> None:
    endpoint, secret = subscribed(store, receiver.url)
    add(store, f"{CANARY} crashed", f"poison {CANARY}")
    add_transcript(store, f"{CANARY} it crashed", "Sorry.")
    worker_of(store, settings).run(once=True)
    for headers, body in receiver.received:
        verify_standard(Delivery(body, headers), [secret])
        assert CANARY not in body.decode() and CANARY not in str(headers)
    told = [json.loads(body) for _, body in receiver.received]
    assert sorted(one["type"] for one in told) == ["feedback.analysed"] * 2 + ["feedback.rejected", "transcript.flagged"]
    flagged = next(one["data"] for one in told if one["type"] == "transcript.flagged")
    assert flagged["stages"][0] == {"key": "use", "probability": 0.9} and flagged["needs_review"]["value"] is True
    assert {state for _, state, *_ in log_of(store, endpoint)} == {"delivered"} and job_states(store, DELIVER) == []


class Calm(FakePipeline):
    """Holds no transcript worth reading."""

    def analyse(self, given: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        for made in super().analyse(given):
            talk = getattr(made, "conversation", None)
            yield replace(made, conversation=replace(talk, needs_review=False)) if talk else made  # type: ignore[arg-type]


def ruled(store: Store, **changes: Any) -> Rule:
    draft = {"name": "Broken", "owner": "Digital", "expression": 'text mentions "crashed"', "reason": "Something of ours is broken"}
    with store.database.write() as connection:
        made = Draft(**{**draft, **changes})
        return rules.create(connection, WORKSPACE, made, load_taxonomy(), is_enabled=True, actor="test")


def analysed(store: Store, settings: Settings, *again: str) -> None:
    """One turn of a worker, which asks again for the records given."""
    with store.database.write() as connection:
        for record in again:
            jobs.enqueue(connection, WORKSPACE, records.ANALYSE, record)
    worker_of(store, settings, lambda _: Analyser(Calm(), MODEL, load_taxonomy())).run(once=True)


def test_a_rule_that_fires_flags_a_transcript_once_a_version(store: Store, settings: Settings, receiver: Receiver) -> None:
    subscribed(store, receiver.url, ["transcript.flagged"])
    first, second = ruled(store), ruled(store, name="Chat", expression="kind is transcript", reason="All of them", tag="Tech")
    routes = ruled(store, name="Route", effect="route", reason="To the team", tag="web")
    record = add_transcript(store, f"It crashed {CANARY}", "Sorry.")
    analysed(store, settings)
    (sent,) = [json.loads(body)["data"] for _, body in receiver.received]
    assert CANARY not in str(sent) and "crashed" not in str(sent)
    assert sent["needs_review"] == {"value": True, "probability": 0.8, "because": f"rule:{first.id}"}
    assert sent["rules"] == [
        {"id": first.id, "version": 1, "name": "Broken", "effect": "review", "reason": "Something of ours is broken"},
        {"id": second.id, "version": 1, "name": "Chat", "effect": "review", "reason": "All of them", "queue": "tech"},
        {"id": routes.id, "version": 1, "name": "Route", "effect": "route", "reason": "To the team", "queue": "web"},
    ]
    analysed(store, settings, record)
    assert len(receiver.received) == 1
    assert add_transcript(store, "It crashed again", "Sorry.") == record
    analysed(store, settings)
    assert [json.loads(body)["data"]["revision"] for _, body in receiver.received] == [1, 2]


@pytest.mark.parametrize("changes", [{"effect": "route", "tag": "web"}, {"expression": "channel is phone"}])
def test_a_rule_that_calls_for_no_review_flags_nothing(
    changes: dict[str, str], store: Store, settings: Settings, receiver: Receiver
) -> None:
    subscribed(store, receiver.url, ["transcript.flagged"])
    ruled(store, **changes)
    add_transcript(store, "It crashed", "Sorry.")
    analysed(store, settings)
    assert receiver.received == []


def test_a_text_is_told_as_analysed_with_the_rules_that_held(store: Store, settings: Settings, receiver: Receiver) -> None:
    subscribed(store, receiver.url)
    rule = ruled(store)
    add(store, "It crashed", "Good.")
    analysed(store, settings)
    told = [json.loads(body) for _, body in receiver.received]
    assert [one["type"] for one in told] == ["feedback.analysed"] * 2
    assert sorted([held["id"] for held in one["data"].get("rules", ())] for one in told) == [[], [rule.id]]


def test_only_what_is_wanted_is_sent_and_only_once_a_version(store: Store, settings: Settings, receiver: Receiver) -> None:
    endpoint, _ = subscribed(store, receiver.url, ["feedback.rejected"])
    add(store, "Good.", "poison")
    worker_of(store, settings).run(once=True)
    assert [event for event, *_ in log_of(store, endpoint)] == ["feedback.rejected"]
    held = Before("rec_1", WORKSPACE, "api", "r", 1, is_news=False)
    with store.database.write() as connection:
        assert outbound.publish(connection, held, Rejected("r", "empty_text", "no")) == 0


@pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500, 502])
def test_whatever_is_not_success_is_tried_again(status: int, store: Store, settings: Settings, receiver: Receiver) -> None:
    receiver.answers = [(status, {"Location": receiver.url})]
    endpoint, _ = subscribed(store, receiver.url, ["feedback.analysed"])
    add(store, "Good.")
    deliver(store, settings)
    assert log_of(store, endpoint) == [("feedback.analysed", "delivered", 2, 204)]
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1 and len(receiver.received) == 2


def test_a_pause_that_is_asked_for_is_kept(store: Store, settings: Settings, receiver: Receiver) -> None:
    receiver.answers = [(503, {"Retry-After": "3600"})]
    endpoint, _ = subscribed(store, receiver.url, ["feedback.analysed"])
    add(store, "Good.")
    deliver(store, settings)
    assert log_of(store, endpoint) == [("feedback.analysed", "queued", 1, 503)]
    make_due(store)
    deliver(store, settings)
    assert log_of(store, endpoint) == [("feedback.analysed", "delivered", 2, 204)]


@pytest.mark.parametrize("status", [200, 500])
def test_a_worker_that_lost_its_lease_notes_nothing(status: int, store: Store, settings: Settings) -> None:
    endpoint, _ = subscribed(store, "http://127.0.0.1:9/", ["feedback.analysed"])
    add(store, "Good.")

    def overtaken(*_: object) -> Answer:
        """Another worker takes the job while this one waits for its answer, and delivers the event."""
        with store.database.write() as connection:
            job = connection.execute(schema.jobs.delete().where(schema.jobs.c.kind == DELIVER).returning(schema.jobs.c.target)).one()
            outbound.note(connection, job.target, state="delivered", status=204)
        return Answer(status)

    deliver(store, settings, send=overtaken)
    assert log_of(store, endpoint) == [("feedback.analysed", "delivered", 1, 204)]


def test_gone_disables_the_endpoint_and_what_failed_can_be_replayed(store: Store, settings: Settings, receiver: Receiver) -> None:
    receiver.answers = [(410, {})]
    endpoint, _ = subscribed(store, receiver.url, ["feedback.analysed"])
    add(store, "Good.")
    deliver(store, settings)
    with store.database.write() as connection:
        gone = endpoints.get(connection, endpoint.id)
        assert not gone.is_enabled
        with pytest.raises(InputError):
            outbound.replay(connection, gone, actor="test")
        endpoints.set_enabled(connection, gone, True, actor="test")
        assert outbound.replay(connection, endpoints.get(connection, endpoint.id), actor="test") == 1
    deliver(store, settings)
    assert log_of(store, endpoint) == [("feedback.analysed", "delivered", 1, 204)]


def test_after_its_last_try_an_event_has_failed(store: Store, settings: Settings) -> None:
    endpoint, _ = subscribed(store, "http://127.0.0.1:9/", ["feedback.analysed"])
    add(store, "Good.")
    for _ in range(sending.MAX_ATTEMPTS):
        deliver(store, settings, send=lambda *_: Answer(500))
        make_due(store)
    assert log_of(store, endpoint) == [("feedback.analysed", "failed", sending.MAX_ATTEMPTS, 500)]
    assert job_states(store, DELIVER) == []


def test_the_secret_is_sealed_and_shown_once(store: Store, receiver: Receiver) -> None:
    endpoint, secret = subscribed(store, receiver.url)
    assert secret.startswith("whsec_") and secret.encode() not in endpoint.sealed and secret not in repr(endpoint)
    with store.database.read() as connection:
        assert endpoints.open_secrets(connection, store.vault, endpoint) == (secret,)


def test_a_delivery_verifies_with_the_old_and_the_new_secret_while_they_are_rotated(
    store: Store, settings: Settings, receiver: Receiver
) -> None:
    endpoint, old = subscribed(store, receiver.url, ["feedback.analysed"])
    with store.database.write() as connection:
        _, new = endpoints.rotate(connection, store.vault, endpoint, actor="test")
    add(store, "Good.")
    deliver(store, settings)
    with store.database.write() as connection:
        endpoints.end_old_secrets(connection, endpoint, actor="test")
    add(store, "Fine.")
    deliver(store, settings)
    (first, body), (second, later) = receiver.received
    for secret in (old, new):
        verify_standard(Delivery(body, first), [secret])
    assert [len(headers["webhook-signature"].split()) for headers in (first, second)] == [2, 1]
    verify_standard(Delivery(later, second), [new])
    with pytest.raises(SignatureError):
        verify_standard(Delivery(later, second), [old])


def test_what_was_queued_for_an_endpoint_that_is_paused_or_gone_is_not_sent(store: Store, settings: Settings, receiver: Receiver) -> None:
    paused, _ = subscribed(store, receiver.url, ["watch.found"])
    gone, _ = subscribed(store, receiver.url, ["watch.found"])
    with store.database.write() as connection:
        assert outbound.tell_found(connection, WORKSPACE, {"watch": "wch_1"}) == 2
        endpoints.set_enabled(connection, paused, False, actor="test")
        endpoints.remove(connection, gone, actor="test")
        assert outbound.tell_found(connection, WORKSPACE, {"watch": "wch_1"}) == 0
    deliver(store, settings)
    assert receiver.received == [] and job_states(store, DELIVER) == []
    assert log_of(store, paused) == [("watch.found", "failed", 1, None)]


def test_an_endpoint_that_is_removed_while_it_answers_is_not_missed(store: Store, settings: Settings) -> None:
    endpoint, _ = subscribed(store, "http://127.0.0.1:9/", ["watch.found"])
    with store.database.write() as connection:
        outbound.tell_found(connection, WORKSPACE, {"watch": "wch_1"})

    def removed(*_: object) -> Answer:
        with store.database.write() as connection:
            endpoints.remove(connection, endpoint, actor="test")
        return Answer(sending.GONE)

    deliver(store, settings, send=removed)
    assert job_states(store, DELIVER) == []


def test_waits_grow_from_seconds_to_a_day_and_cover_days() -> None:
    waits = [wait_after(attempt) for attempt in range(1, sending.MAX_ATTEMPTS)]
    assert waits[0] <= 5 and waits[-1] <= 86_400 and sum(waits) > 86_400
    assert wait_after(10_000) <= 86_400


PRIVATE = (
    "127.0.0.1 127.8.8.8 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.1 198.18.0.1 "
    "::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 "
    "64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a00:1:: ::127.0.0.1 2001:db8::1 fec0::1 feff::1 nonsense"
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(EndpointError):
        checked("https://example.com/", Policy(), lambda *_: ["93.184.215.14", address])


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_connected_to_as_checked(address: str) -> None:
    assert checked("https://example.com:8443/a?b", Policy(), lambda *_: [address]).address == address


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "ftp://example.com", "https://", "https://u:p@example.com", "https://example.com/#a", "https://example.com:x/"]
    + [
        "https://exa mple.com/",
        "https://example.com/\n",
        "//example.com",
        "https://" + "a" * 2000 + ".com",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
def test_urls_that_are_not_plain_https_are_refused(url: str) -> None:
    with pytest.raises(EndpointError) as refused:
        checked(url, Policy(), lambda *_: ["8.8.8.8"])
    assert "example" not in refused.value.message


@pytest.mark.parametrize("url", ["https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://localhost/", "https://[::1]/"])
def test_spellings_of_this_machine_are_refused(url: str) -> None:
    with pytest.raises(EndpointError):
        checked(url, Policy())


def test_a_name_that_moves_after_the_check_leads_nowhere_else(store: Store, settings: Settings, receiver: Receiver) -> None:
    """Rebinding: the first answer of the resolver is connected to; it is asked once."""
    asked: list[str] = []

    def rebinding(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    port = receiver.server.server_port
    subscribed(store, f"http://rebinding.invalid:{port}/", ["feedback.analysed"])
    add(store, "Good.")
    deliver(store, settings, resolver=rebinding)
    assert asked == ["rebinding.invalid"]
    assert receiver.received[0][0]["host"] == f"rebinding.invalid:{port}"


@pytest.mark.parametrize(("status", "tried"), [(204, 2), (500, 3)], ids=["sent", "waiting"])
def test_an_erased_record_takes_its_events_along(store: Store, settings: Settings, receiver: Receiver, status: int, tried: int) -> None:
    endpoint, _ = subscribed(store, receiver.url, ["feedback.analysed"])
    receiver.answers = [(status, {}), (status, {})]
    erased, kept = add(store, "Good.", "Bad.")
    deliver(store, settings, wait=lambda _: 3600.0)
    with store.database.write() as connection:
        assert records.erase_by_id(connection, store.vault, WORKSPACE, erased, reason="test")
        left = [one.payload["data"]["id"] for one in outbound.log_of(connection, endpoint)]
    make_due(store)
    deliver(store, settings)
    assert (left, job_states(store, DELIVER), len(receiver.received)) == ([kept], [], tried)


def test_a_private_target_is_not_connected_to_and_counts_as_a_failed_try(store: Store, settings: Settings, receiver: Receiver) -> None:
    endpoint, _ = subscribed(store, receiver.url, ["feedback.analysed"])
    add(store, "Good.")
    worker = worker_of(store, settings, errands={DELIVER: Errand(11, Outbound(store, Policy(allow_http=True)).run)})
    worker.run(once=True)
    assert receiver.received == [] and log_of(store, endpoint) == [("feedback.analysed", "queued", 1, None)]


def test_an_endpoint_that_drips_its_answer_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            taken, _ = server.accept()
            with taken:
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200:
                    try:
                        taken.sendall(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.1)

        Thread(target=drip, daemon=True).start()
        target = checked(f"http://127.0.0.1:{server.getsockname()[1]}/", OPEN)
        began = time.monotonic()
        assert post(target, {}, b"{}", timeout=1.0) == Answer(None)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, None), ("30", 30.0), ("999999999", 86_400.0), ("soon", None), ("-5", None), ("", None)]
)
def test_retry_after_is_read_or_left(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    found = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    assert found is not None and 80 < found <= 90


def test_a_payload_has_every_label_and_no_evidence() -> None:
    held = Before("rec_1", WORKSPACE, "src_1", "r", 2, is_news=True)
    data = outbound.data_of(held, analysis(conversation=conversation(("customer", "It crashed."))))
    assert "evidence" not in json.dumps(data) and "crashed" not in json.dumps(data)
    assert data["factors"][0] == {"key": "technology", "polarity": "-", "probability": 0.8}
    assert data["outcome"] == {"key": "resolved", "probability": 0.9} and len(json.dumps(data)) < 20_000
