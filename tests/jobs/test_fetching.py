"""Tests of fetching: a thin event's answers become records, its placeholder goes, and what fails is tried again or put aside."""

import socket
from collections.abc import Mapping
from threading import Thread

import pytest
from sqlalchemy import insert, select, update

from vocservice.errors import FetchError, UnusableBodyError
from vocservice.ingest.connector import Connector
from vocservice.ingest.events import Fetch, Parsed, Skipped, Upsert
from vocservice.jobs.errands import Errand
from vocservice.jobs.fetching import MAX_ATTEMPTS, Asking, Fetching
from vocservice.jobs.guard import Policy
from vocservice.records import RawVerbatim
from vocservice.settings import Settings
from vocservice.store.database import now
from vocservice.store.opened import Store
from vocservice.store.received import accesses, deadletters, intake, waiting
from vocservice.store.received.accesses import Access
from vocservice.store.received.intake import Arrival
from vocservice.store.received.records import FETCH
from vocservice.store.schema import inbox, jobs, records, sources

from .stores import WORKSPACE, codes, job_states, statuses, worker_of

SOURCE = "src_1"
TOKEN = "secret-token-of-the-sender"


class Answers:
    """A connector that gives events or raises."""

    def __init__(self, outcome: tuple[Upsert | Skipped, ...] | Exception):
        self.outcome, self.asked = outcome, list[tuple[Mapping[str, str], str]]()

    def fetch(self, reference: Mapping[str, str], *, token: str) -> Parsed:
        self.asked.append((dict(reference), token))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Parsed(None, self.outcome)


class Overtaken(Answers):
    """A connector whose response is changed and announced again while it is fetched."""

    def __init__(self, store: Store):
        super().__init__(())
        self._store = store

    def fetch(self, reference: Mapping[str, str], *, token: str) -> Parsed:
        super().fetch(reference, token=token)
        version = str(len(self.asked))
        if version == "1":
            announce(self._store, "delivery-2")
        return Parsed(None, (Upsert("resp/q1", version, RawVerbatim("resp/q1", f"Version {version}.")),))


def announced(store: Store, *, with_token: bool = True) -> None:
    with store.database.write() as connection:
        values = {"id": SOURCE, "workspace_id": WORKSPACE, "name": "s", "adapter": "surveymonkey", "token_hash": "x", "options": {}}
        values |= {"secrets_sealed": b"x", "is_enabled": True, "created_at": now(connection)}
        connection.execute(insert(sources).values(**values))
        if with_token:
            accesses.put(connection, store.vault, WORKSPACE, SOURCE, Access(TOKEN), actor="test")
    announce(store, "delivery-1")


def announce(store: Store, key: str) -> None:
    with store.database.write() as connection:
        arrival = Arrival(WORKSPACE, SOURCE, key, b'{"object_id": "resp"}', "application/json")
        intake.accept(connection, store.vault, arrival, [Fetch("resp", "1", {"response_id": "resp"})])


def work(store: Store, settings: Settings, connector: Connector) -> None:
    fetching = Fetching(store, Policy(), {"surveymonkey": lambda *_: connector})
    worker_of(store, settings, errands={FETCH: Errand(MAX_ATTEMPTS, fetching.run)}).run(once=True)


def test_answers_become_records_and_the_placeholder_goes(store: Store, settings: Settings) -> None:
    announced(store)
    assert statuses(store) == {"resp": "waiting"}
    connector = Answers(tuple(Upsert(f"resp/q{n}", "2", RawVerbatim(f"resp/q{n}", "Good.")) for n in (1, 2)))
    work(store, settings, connector)
    work(store, settings, connector)
    assert connector.asked == [({"response_id": "resp"}, TOKEN)]
    assert statuses(store) == {"resp/q1": "analysed", "resp/q2": "analysed"} and job_states(store, FETCH) == []
    with store.database.read() as connection:
        assert waiting.by_source(connection, WORKSPACE) == {}
        assert connection.scalar(select(inbox.c.body_sealed)) is None


def test_what_is_announced_again_during_the_fetching_is_fetched_again(store: Store, settings: Settings) -> None:
    announced(store)
    connector = Overtaken(store)
    work(store, settings, connector)
    work(store, settings, connector)
    assert len(connector.asked) == 2 and statuses(store) == {"resp/q1": "analysed"} and job_states(store, FETCH) == []
    with store.database.read() as connection:
        assert connection.scalar(select(records.c.source_version)) == "2"
        assert connection.scalars(select(inbox.c.body_sealed)).all() == [None, None]


def test_what_was_announced_before_its_source_was_disabled_is_fetched(store: Store, settings: Settings) -> None:
    announced(store)
    with store.database.write() as connection:
        connection.execute(update(sources).values(is_enabled=False))
    work(store, settings, Answers((Upsert("resp/q1", "2", RawVerbatim("resp/q1", "Good.")),)))
    assert statuses(store) == {"resp/q1": "analysed"} and job_states(store, FETCH) == []


def test_an_answer_without_a_text_leaves_nothing(store: Store, settings: Settings) -> None:
    announced(store)
    work(store, settings, Answers((Skipped("no_text"),)))
    assert statuses(store) == {} and job_states(store, FETCH) == []
    with store.database.read() as connection:
        assert connection.scalar(select(inbox.c.body_sealed)) is None


@pytest.mark.parametrize(
    ("error", "state"), [(FetchError("down"), "queued"), (UnusableBodyError("no"), "dead"), (ValueError("bug"), "queued")]
)
def test_what_may_pass_is_tried_again_and_what_cannot_is_put_aside(error: Exception, state: str, store: Store, settings: Settings) -> None:
    announced(store)
    work(store, settings, Answers(error))
    code = getattr(error, "code", "internal_error")
    assert job_states(store, FETCH) == [(state, 1, code)]
    with store.database.read() as connection:
        assert connection.scalar(select(jobs.c.error_message)) == {"internal_error": None}.get(code, str(error))
        letters = [(letter.what, letter.source, letter.message) for letter in deadletters.listed(connection, WORKSPACE)]
        told = waiting.by_source(connection, WORKSPACE)
    assert letters == ([("fetch", "s", "no")] if state == "dead" else [])
    assert told == {SOURCE: waiting.Fetching(1, code)}
    worker_of(store, settings).turn()
    assert (statuses(store), codes(store)) == (
        ({"resp": "failed"}, {"resp": code}) if state == "dead" else ({"resp": "waiting"}, {"resp": None})
    )


def test_without_a_token_it_waits_for_one(store: Store, settings: Settings) -> None:
    announced(store, with_token=False)
    work(store, settings, Answers(()))
    assert job_states(store, FETCH) == [("queued", 1, "access_missing")]


def test_a_token_is_sealed(store: Store) -> None:
    announced(store)
    with store.database.read() as connection:
        assert TOKEN not in str(connection.exec_driver_sql("SELECT * FROM facts").all())
        held = accesses.of(connection, store.vault, SOURCE)
    assert held == Access(TOKEN) and TOKEN not in repr(held)


@pytest.mark.parametrize(
    ("url", "policy", "code"),
    [
        ("https://127.0.0.1:9/", Policy(), "endpoint_refused"),
        ("https://10.0.0.1/", Policy(allow_http=True), "endpoint_refused"),
        ("http://127.0.0.1:9/", Policy(allow_http=True, allow_private=True), "endpoint_refused"),
        ("https://127.0.0.1:9/", Policy(allow_private=True), "fetch_failed"),
    ],
)
def test_a_sender_is_asked_over_https_and_not_in_our_own_network(url: str, policy: Policy, code: str) -> None:
    with pytest.raises(FetchError) as caught:
        Asking(policy)(url, {})
    assert caught.value.code == code


def test_a_server_that_speaks_no_tls_is_a_fetch_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(FetchError):
            Asking(Policy(allow_private=True))(f"https://127.0.0.1:{port}/", {})
        thread.join(5)
