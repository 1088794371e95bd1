"""Tests of `client`: every route of the API from Python against a server that runs, and what is tried again and what is not."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import databases
import pytest
from builders import analysis, conversation, fake_analyser
from web.storing import ELSEWHERE, WORKSPACE, Door
from web.test_openapi import DOCUMENT

from vocservice.client import Accepted, Batch, Client
from vocservice.errors import ApiError, ConfigError, RecordError
from vocservice.jobs.worker import Worker
from vocservice.records import Analysis, Rejected, RuleHit, Withheld
from vocservice.settings import BatchSettings, Settings
from vocservice.store.opened import Store
from vocservice.text.rules import shipped_rules
from vocservice.unpacking import read_analysis

START = """
import sys
sys.path.insert(0, sys.argv[1])
from vocservice.settings import BatchSettings, Settings, StoreSettings
from vocservice.web import model
from vocservice.web.serving import server
model.load = lambda *_, **__: __import__("builders").fake_analyser()
server.choose = lambda: "werkzeug"
store = StoreSettings(url=f"sqlite:///{sys.argv[3]}/voc.db", keys=(sys.argv[4],))
batches = BatchSettings(folder=f"{sys.argv[3]}/batches", sources=f"{sys.argv[3]}/sources")
server.serve(server.Plan("127.0.0.1", int(sys.argv[2])), Settings(store=store, batches=batches))
"""
SECONDS = 120


class Served:
    """A server in a process of its own, over the store of a door; this process does the work of its worker."""

    def __init__(self, door: Door, folder: Path, sealing_key: str):
        self.door, self.folder = door, folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        arguments = [sys.executable, "-c", START, str(Path(__file__).parent), str(self.port), str(folder), sealing_key]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1])
        self._wait()

    def client(self, **options: Any) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", self.door.key()["Authorization"].partition(" ")[2], **options)

    def work(self) -> None:
        settings = Settings(batches=BatchSettings(folder=str(self.folder / "batches")))
        Worker(Store(self.door.database, self.door.vault), settings, lambda _: fake_analyser(), shipped_rules()).run(once=True)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(SECONDS)

    def _wait(self) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        raise AssertionError("the server did not come up")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    databases.choose("sqlite")  # a module's fixtures come before `database_kind`
    door = Door(folder)
    made = Served(door, folder, door.sealing_key)
    yield made
    made.stop()
    door.close()


class Scripted(BaseHTTPRequestHandler):
    """Answers one after the other as a test wrote them: (status, headers, body), or None for a connection that breaks."""

    answers: ClassVar[list[tuple[int, dict[str, str], bytes] | None]] = []
    seen: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((f"{self.command} {self.path}", {name.lower(): value for name, value in self.headers.items()}, body))
        answer = self.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_DELETE = do_PUT = do_PATCH = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        return


class Line:
    """A client that waits for nobody, before a server that answers as it is told."""

    def __init__(self, port: int):
        self.waited: list[float] = []
        self.client = Client(f"http://127.0.0.1:{port}/voc/", "voc_k_s", sleep=self.waited.append)

    def says(self, *answers: tuple[int, dict[str, str], bytes] | None) -> list[tuple[str, dict[str, str], bytes]]:
        Scripted.answers[:], Scripted.seen[:] = answers, []
        return Scripted.seen


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def line(port: int) -> Line:
    return Line(port)


def problem(status: int, code: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    body = {"type": "about:blank", "title": "", "status": status, "detail": "no", "code": code}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()


@contextmanager
def refusing(answer: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[int, list[str]]]:
    """A server that reads the first line of a request, answers and closes, as one does that finds the body too large; what it was asked."""
    asked: list[str] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    asked.append(connection.recv(500).split(b" HTTP/")[0].decode())
                    connection.sendall(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (answer[0], len(answer[2]), answer[2]))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


RECEIPT = (202, {}, json.dumps({"id": "1", "status": "accepted", "record": "rec_1", "outcome": "created", "warnings": []}).encode())


def test_texts_are_analysed_at_once(served: Served) -> None:
    client = served.client()
    found = client.analyse("The app crashed.")
    assert found == analysis("The app crashed.", id="item-1")
    several = list(client.analyse_all(["The app crashed.", {"id": "b", "text": "poison"}, "Lovely."], size=2))
    assert [type(result) for result in several] == [Analysis, Rejected, Analysis]
    assert isinstance(several[1], Rejected) and (several[1].id, several[1].code) == ("b", "analysis_failed")
    with pytest.raises(ApiError) as refused:
        client.analyse({"turns": []})
    assert (refused.value.code, refused.value.status) == ("invalid_turns", 422)


def test_one_record_that_cannot_be_sent_is_rejected_in_its_place(served: Served) -> None:
    half, large = {"id": "half", "text": "Half \ud83d of it."}, {"id": "large", "text": "x" * 9 * 1024**2}
    nps = {"id": "nan", "text": "Fine.", "score": {"kind": "nps", "value": float("nan"), "scale": 10}}
    waited: list[float] = []
    client = served.client(sleep=waited.append)
    refused = [(None, None), ("half", "invalid_encoding"), ("nan", "invalid_json"), ("large", "body_too_large"), (None, None)]
    for several in (client.send_all, client.analyse_all):
        found = list(several(["Lovely.", half, nps, large, "Lovely."]))
        assert [(item.id, item.code) if isinstance(item, Rejected) else (None, None) for item in found] == refused
    with pytest.raises(RecordError) as one:
        client.send(half)
    assert one.value.code == "invalid_encoding" and waited == []


def test_records_are_stored_read_filtered_and_erased(served: Served) -> None:
    client, since = served.client(), datetime.now(UTC) - timedelta(minutes=1)
    talk = [{"speaker": "customer", "text": "The app crashed."}, {"speaker": "agent", "text": "Sorry."}]
    first = client.send({"id": "r-1", "text": "The app crashed.", "subject": "customer-17", "channel": "chat", "created_at": since})
    rest = list(client.send_all([{"id": "r-2", "turns": talk, "subject": "customer-18"}, {"id": "r-3"}, "Lovely."], size=2))
    assert isinstance(first, Accepted) and first.outcome == "created"
    assert [type(item) for item in rest] == [Accepted, Rejected, Accepted]
    served.work()
    found = {item.source_record: item for item in client.feedback(since=since, limit=1)}
    assert found.keys() >= {"r-1", "r-2"} and all(item.status == "analysed" for item in found.values())
    assert found["r-1"].analysis is not None and found["r-1"].analysis.text == "The app crashed."
    assert found["r-2"].analysis is not None and found["r-2"].analysis.conversation is not None
    assert [item.source_record for item in client.feedback(channel="chat", needs_review=False, limit=200)] in ([], ["r-1"])
    assert client.one(str(first.record)) == found["r-1"]
    held = client.export_subject("customer-18")
    assert (len(held.items), held.batches) == (1, ()) and client.erase_subject("customer-18").records == 1
    for _ in range(2):  # as after an answer that was lost
        client.erase(str(first.record))
    with pytest.raises(ApiError, match="no such record"):
        client.erase("rec_none")
    assert client.one(str(first.record)).status == "erased"
    assert client.report(since=since.date().isoformat())["format"] == 1


def test_a_file_is_labelled_as_a_whole(served: Served, tmp_path: Path) -> None:
    client, table = served.client(), tmp_path / "Q1.csv"
    table.write_text("ref,words\n1,The app crashed.\n2,poison\n")
    made = client.label_file(table, mapping={"id": "ref", "text": "words"}, format="jsonl")
    assert isinstance(made, Batch) and made.status == "queued" and made.options["format"] == "jsonl"
    served.work()
    done = client.batch(made.id)
    assert (done.status, done.rows_done, done.rows_rejected) == ("done", 2, 1)
    client.save_result(made.id, tmp_path / "out.jsonl")
    client.save_rejects(made.id, tmp_path / "rejects.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2 and "analysis_failed" in (tmp_path / "rejects.jsonl").read_text()
    assert [batch.id for batch in client.batches()] == [made.id]
    with pytest.raises(ApiError) as refused:
        client.cancel_batch(made.id)
    assert (refused.value.code, refused.value.status) == ("batch_ended", 409)
    client.delete_batch(made.id)
    assert list(client.batches()) == []


def test_batches_that_name_a_customer_are_exported_with_the_records(served: Served, tmp_path: Path) -> None:
    client, table = served.client(), tmp_path / "Q1.csv"
    table.write_text("text,subject\nThe app crashed.,customer-19\n")
    made = client.label_file(table)
    (batch,) = client.export_subject("customer-19").batches
    assert (batch.id, batch.name, batch.status, batch.created_at) == (made.id, "Q1.csv", "queued", made.created_at)
    client.cancel_batch(made.id)
    client.delete_batch(made.id)


def test_a_file_that_the_server_has_is_labelled_where_it_is_named(served: Served) -> None:
    client, folder = served.client(), served.folder / "sources" / WORKSPACE
    folder.mkdir(parents=True)
    (folder / "Q1.csv").write_text("ref,words\n1,The app crashed.\n")
    made = client.label_reference("Q1.csv", mapping={"id": "ref", "text": "words"}, format="jsonl")
    assert (made.name, made.status, made.options["format"], made.mapping) == ("Q1.csv", "queued", "jsonl", {"id": "ref", "text": "words"})
    with pytest.raises(ApiError) as refused:
        client.label_reference("../Q1.csv")
    assert refused.value.code == "reference_unknown"
    client.cancel_batch(made.id)
    client.delete_batch(made.id)


def test_the_rest_of_the_api_is_there(served: Served) -> None:
    client = served.client()
    source, _ = served.door.source("qualtrics")
    assert [(found.id, found.adapter, found.received) for found in client.sources()] == [(source.id, "qualtrics", 0)]
    assert "stages" in client.taxonomy()


def test_errors_carry_the_code_of_the_problem_and_no_key(served: Served) -> None:
    foreign = Client(f"http://127.0.0.1:{served.port}", served.door.key(workspace=ELSEWHERE)["Authorization"].partition(" ")[2])
    mine = served.client().send("Lovely.").record
    asked = {"key_required": Client(foreign.url), "key_invalid": Client(foreign.url, "voc_a_b"), "record_unknown": foreign}
    for code, client in asked.items():
        with pytest.raises(ApiError) as refused:
            client.one(str(mine))
        assert refused.value.code == code and "voc_a" not in f"{refused.value!r}{client!r}"


def test_every_operation_of_the_document_has_a_method(line: Line, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("text\nx\n")
    calls = (
        *(lambda c: c.analyse("x"), lambda c: c.send("x"), lambda c: list(c.feedback()), lambda c: c.one("x"), lambda c: c.erase("x")),
        *(
            lambda c: c.export_subject("x"),
            lambda c: c.erase_subject("x"),
            lambda c: c.sources(),
            lambda c: c.report(),
            lambda c: c.taxonomy(),
        ),
        *(
            lambda c: c.label_file(table),
            lambda c: list(c.batches()),
            lambda c: c.batch("x"),
            lambda c: c.charts(),
            lambda c: c.chart("x"),
            lambda c: c.compare(a_channel="x"),
            lambda c: c.issues(),
            lambda c: c.issue("x"),
            lambda c: c.watches(),
            lambda c: c.watch("x"),
            lambda c: c.search(q="x"),
            lambda c: c.themes(),
            lambda c: c.new_themes(),
            lambda c: c.rules(),
            lambda c: c.rule("x"),
            lambda c: c.add_rule({}),
            lambda c: c.change_rule("x", {}),
            lambda c: c.try_rule({}),
            lambda c: c.cancel_batch("x"),
        ),
        *(lambda c: c.delete_batch("x"), lambda c: c.save_result("x", table), lambda c: c.save_rejects("x", table)),
        lambda c: c.save_partial("x", table),
        *(lambda c: c.endpoints(), lambda c: c.endpoint("x"), lambda c: c.add_endpoint({}), lambda c: c.change_endpoint("x", {})),
        *(lambda c: c.remove_endpoint("x"), lambda c: c.rotate_secret("x"), lambda c: c.end_old_secrets("x")),
        *(lambda c: c.deliveries("x"), lambda c: c.replay("x")),
    )
    made = set()
    for call in calls:
        seen = line.says(problem(400, "no"))
        with pytest.raises(ApiError, match="no"):
            call(line.client)
        made.add(re.sub(r"/x(?=/|$)", "/{}", seen[0][0].partition("?")[0].replace("/voc/v1", "/v1")))
    paths: dict[str, Any] = DOCUMENT["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods if path.startswith("/v1/")}
    assert made == {f"{method} {re.sub(r'{.+?}', '{}', path)}" for method, path in described if not path.startswith("/v1/hooks/")}


@pytest.mark.parametrize(
    ("refusals", "waits"),
    [
        ((problem(503, "store_unavailable", Retry_After="7"),), [7.0]),
        ((problem(429, "rate_limited", Retry_After="2"), problem(409, "idempotency_busy", Retry_After="1")), [2.0, 1.0]),
        (((502, {}, b"<html>"), (504, {}, b"")), None),
        ((None, None), None),
    ],
    ids=["asked", "twice", "proxy", "broken"],
)
def test_what_may_help_is_tried_again_under_the_same_name(line: Line, refusals: Sequence[Any], waits: list[float] | None) -> None:
    seen = line.says(*refusals, RECEIPT)
    assert line.client.send("x").record == "rec_1"
    assert len(seen) == len(refusals) + 1 and len({headers["idempotency-key"] for _, headers, _ in seen}) == 1
    assert line.waited == waits if waits else all(0.25 <= wait <= 1.0 for wait in line.waited)
    assert {(path, headers["authorization"]) for path, headers, _ in seen} == {("POST /voc/v1/feedback", "Bearer voc_k_s")}


@pytest.mark.parametrize(
    "refusal",
    [
        problem(422, "empty_text"),
        problem(409, "batch_ended"),
        problem(500, "internal_error"),
        problem(503, "stopping", Retry_After="3600"),
        (302, {"Location": "http://127.0.0.1:9/"}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"{}"),
    ],
    ids=lambda refusal: str(refusal[0]),
)
def test_what_cannot_help_is_tried_once_and_no_redirect_is_followed(line: Line, refusal: tuple[int, dict[str, str], bytes]) -> None:
    seen = line.says(refusal)
    with pytest.raises(ApiError):
        line.client.send("x")
    assert len(seen) == 1 and line.waited == []


def test_a_refusal_is_read_though_the_service_did_not_take_the_whole_body(line: Line, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 20 * 1024**2)
    with refusing(problem(413, "body_too_large")) as (port, asked):
        client = Client(f"http://127.0.0.1:{port}", sleep=line.waited.append)
        for send in (lambda: client.send("x" * 20 * 1024**2), lambda: client.label_file(tmp_path / "a.csv")):
            with pytest.raises(ApiError) as refused:
                send()
            assert (refused.value.code, refused.value.status) == ("body_too_large", 413)
    assert (asked, line.waited) == (["POST /v1/feedback", "POST /v1/batches?name=a.csv&mapping=%7B%7D&options=%7B%7D"], [])


def test_a_file_is_not_sent_again_after_a_broken_connection_but_where_it_was_refused(line: Line, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("text\nx\n")
    seen = line.says(problem(429, "too_many_batches", Retry_After="30"), None)
    with pytest.raises(ApiError) as failed:
        line.client.label_file(table)
    assert failed.value.code == "unreachable" and line.waited == [30.0]
    assert [body for _, _, body in seen] == [b"text\nx\n"] * 2


def test_a_download_is_there_whole_or_not_at_all(line: Line, tmp_path: Path) -> None:
    half, table = (200, {"Content-Length": "9"}, b"half"), tmp_path / "out.csv"
    seen = line.says(half, (200, {}, b"whole"))
    line.client.save_result("x", table)
    assert (table.read_bytes(), len(seen)) == (b"whole", 2)
    line.says(*[half] * 4)
    with pytest.raises(ApiError) as failed:
        line.client.save_result("x", table)
    assert failed.value.code == "unreachable" and [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert table.read_bytes() == b"whole"


def test_a_file_of_ones_own_that_fails_is_no_failure_of_the_service(line: Line, tmp_path: Path) -> None:
    seen = line.says()
    with pytest.raises(FileNotFoundError):
        line.client.label_file(tmp_path / "missing.csv")
    with pytest.raises(FileNotFoundError):
        line.client.save_result("x", tmp_path / "missing" / "out.csv")
    assert (seen, line.waited) == ([], [])


def test_a_disk_that_is_full_is_no_failure_of_the_service(line: Line, tmp_path: Path) -> None:
    (tmp_path / "out.csv.partial").symlink_to("/dev/full")
    seen = line.says((200, {}, b"x" * 100_000))
    with pytest.raises(OSError, match="Errno"):
        line.client.save_result("x", tmp_path / "out.csv")
    assert (len(seen), line.waited, list(tmp_path.iterdir())) == (1, [], [])


def test_tries_end(line: Line) -> None:
    seen = line.says(*[problem(503, "queue_full", Retry_After="5")] * 4)
    with pytest.raises(ApiError) as refused:
        line.client.send("x")
    assert (refused.value.code, refused.value.retry_after, len(seen)) == ("queue_full", 5.0, 4)


@pytest.mark.parametrize("url", ["ftp://a", "a.example", "https://", "https://u:p@a", "https://a?b=c", "file:///etc"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Client(url)


@pytest.mark.parametrize("key", ["voc_secret\n", "voc_secret\r\nX: y", "voc_secrét"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Client("https://a.example", key)
    assert "voc_secr" not in str(refused.value)


def test_an_analysis_comes_back_as_it_went() -> None:
    rules = (RuleHit("r", "review", "Angry", "sentiment = -2", (), "desk"),)
    made = analysis(rules=rules, abstained=(Withheld("flags.praise", 0.4, "rule:r"),), warnings=("truncated",))
    talk = analysis(conversation=conversation(("customer", "The app crashed."), ("agent", "Sorry.")))
    timed = analysis(conversation=conversation(("customer", "Hello?"), ("agent", "Hi."), at=("00:00:01", "00:00:03.500")))
    for one in (made, talk, timed):
        assert read_analysis(json.loads(json.dumps(one.to_dict()))) == one
