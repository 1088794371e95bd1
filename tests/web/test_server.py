"""Tests of `server`, gunicorn's options, and a server that runs: it answers, refuses nonsense, tells nothing, and stops when told."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from builders import CANARY
from sqlalchemy import select
from store.bench import furnished

from vocservice.settings import Settings
from vocservice.store import migrate, sources
from vocservice.store.database import Database
from vocservice.store.schema import records
from vocservice.web import server
from vocservice.web.server import Plan
from vocservice.web.with_gunicorn import options_of

TESTS = Path(__file__).parents[1]
START = """
import sys, time
sys.path.insert(0, sys.argv[1])
from vocservice.settings import HttpLimits, Settings, StoreSettings
from vocservice.store import intake
from vocservice.web import draining, server, state
state.load = lambda **_: __import__("builders").fake_analyser()
server.choose = lambda: sys.argv[2]
draining.LINGER_SECONDS = float(sys.argv[4])
stored, accept_all = (StoreSettings(url=sys.argv[5], keys=(sys.argv[6],)) if len(sys.argv) > 5 else StoreSettings()), intake.accept_all
if len(sys.argv) > 7:
    intake.accept_all = lambda *given: (time.sleep(float(sys.argv[7])), accept_all(*given))[1]
plan = server.Plan("127.0.0.1", int(sys.argv[3]), threads=16)
server.serve(plan, Settings(http=HttpLimits(max_body_bytes=1 << 20), store=stored))
"""
SECONDS = 120  # a busy machine takes long to import spaCy; an idle one needs two


class Running:
    """A server in a process of its own."""

    def __init__(self, name: str, log: Path, *more: str, linger: float = 0.0):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.log = log
        with log.open("wb") as errors:
            arguments = [sys.executable, "-c", START, str(TESTS), name, str(self.port), str(linger), *more]
            self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=errors, cwd=TESTS.parent)
        self._wait()

    def ask(self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    def ask_whole(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Message, str]:
        """The same with the headers of the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request(method, path, body, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read().decode()
        connection.close()
        return found

    def send(self, raw: bytes) -> bytes:
        """Whatever the server answers to bytes that need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                return b"".join(iter(lambda: connection.recv(65536), b""))
        return b""

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(SECONDS)

    def _wait(self) -> None:
        for _ in range(10 * SECONDS):
            with suppress(ConnectionRefusedError, TimeoutError):
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        raise AssertionError("the server does not become ready")


@pytest.fixture(scope="module", params=["gunicorn", "werkzeug"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = Running(request.param, tmp_path_factory.mktemp("server") / "log")
    yield started
    started.process.kill()
    started.process.wait(SECONDS)


def test_it_analyses(running: Running) -> None:
    status, body = running.ask("POST", "/v1/analyse", b'{"id": "1", "text": "The app crashed."}', Content_Type="application/json")
    assert (status, json.loads(body)["id"]) == (200, "1")


def test_a_chunked_body_is_read_and_one_too_large_is_refused(running: Running) -> None:
    for size, expected in ((10, 200), (2 << 20, 413)):
        pieces = iter([b'{"text": "', *(b"x" * 1024 for _ in range(max(1, size // 1024))), b'"}'])
        status, body = running.ask("POST", "/v1/analyse", pieces, Content_Type="application/json")
        assert status == expected, body
    assert running.ask("GET", "/livez")[0] == 200


def test_a_declared_body_that_is_too_large_is_refused(running: Running) -> None:
    status, body = running.ask("POST", "/v1/analyse", b"x" * (1 << 20) + b"y", Content_Type="application/json")
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /" + CANARY.encode() + b" HTTP/9.9\r\n\r\n",
        CANARY.encode() + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/analyse HTTP/1.1\r\nHost: x\r\nContent-Length: " + CANARY.encode() + b"\r\n\r\n",
        b"POST /v1/analyse HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + CANARY.encode(),
        b"POST /v1/analyse HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n" + CANARY.encode(),
        b"GET /livez HTTP/1.1\r\n" + CANARY.encode() * 10_000 + b"\r\n\r\n",
        b"GET //" + CANARY.encode() + b"//x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + CANARY.encode(),
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_not_http_harms_nobody_and_is_not_logged(running: Running, raw: bytes) -> None:
    answer = running.send(raw)
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Type: application/problem+json" in head
        assert int(head.split()[1]) == json.loads(body)["status"] >= 400
    assert CANARY not in answer.decode().lower()
    assert running.ask("GET", "/livez")[0] == 200
    log = running.log.read_text()
    assert CANARY not in log.lower() and "Traceback" not in log


def test_its_log_is_json_lines(running: Running) -> None:
    running.ask("GET", "/livez")
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert {"request", "model loaded: fake-1"} <= {line["event"] for line in lines}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told(how: signal.Signals, tmp_path: Path) -> None:
    started = Running("gunicorn", tmp_path / "log")
    assert started.stop(how) == 0
    assert not {"Traceback", "terminate", "SIGABRT"} & set(started.log.read_text().split())


class Storing(Running):
    """A server over a store of its own, with one source; `slow`: seconds that storing takes."""

    def __init__(self, name: str, folder: Path, *, slow: float = 0.0, linger: float = 0.0):
        url = f"sqlite:///{folder / 'voc.db'}"
        self.database = Database(url)
        migrate.upgrade(self.database)
        bench = furnished(self.database)
        with self.database.write() as connection:
            _, token = sources.create(connection, bench.vault, bench.workspace, name="hooks", adapter="generic", actor="test")
        self.path = f"/v1/hooks/{token}"
        super().__init__(name, folder / "log", url, bench.key, str(slow), linger=linger)

    def post(self, name: str) -> tuple[int, str]:
        return self.ask("POST", self.path, json.dumps({"id": name, "text": "It crashed."}).encode(), Content_Type="application/json")

    def stored(self) -> set[str]:
        with self.database.read() as connection:
            return set(connection.scalars(select(records.c.source_record)))


@pytest.fixture(params=["gunicorn", "werkzeug"])
def slowly(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storing]:
    """A server that takes a second and a half to store anything, and as long to go after it was told to."""
    started = Storing(request.param, tmp_path, slow=1.5, linger=3.0)
    yield started
    started.process.kill()
    started.process.wait(SECONDS)
    started.database.close()


def test_told_to_stop_it_finishes_what_it_began_and_takes_nothing_more(slowly: Storing) -> None:
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(slowly.post, "begun")
        time.sleep(0.7)
        slowly.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        refused = [slowly.ask_whole("POST", path, b"{}") for path in (slowly.path, "/v1/feedback", "/v1/analyse", "/login")]
        refused += [slowly.ask_whole("DELETE", "/v1/feedback/rec_1"), slowly.ask_whole("GET", "/readyz")]
        assert slowly.ask("GET", "/livez")[0] == 200
        assert begun.result(SECONDS)[0] == 202
    for status, headers, body in refused:
        assert (status, json.loads(body)["code"], headers["Content-Type"]) == (503, "stopping", "application/problem+json")
        assert headers["Retry-After"].isdigit()
    assert slowly.process.wait(SECONDS) == 0
    assert slowly.stored() == {"begun"}
    assert "Traceback" not in slowly.log.read_text()


def test_whatever_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    started = Storing("gunicorn", tmp_path)
    acknowledged: list[str] = []

    def send(thread: int) -> None:
        with suppress(OSError, HTTPException):
            for number in range(10_000):
                if started.post(f"{thread}-{number}")[0] == 202:
                    acknowledged.append(f"{thread}-{number}")

    with ThreadPoolExecutor(8) as pool:
        for thread in range(8):
            pool.submit(send, thread)
        while len(acknowledged) < 100:
            time.sleep(0.01)
        for child in children(started.process.pid):
            os.kill(child, signal.SIGKILL)
        started.process.kill()
    started.process.wait(SECONDS)
    assert set(acknowledged) <= started.stored()
    started.database.close()


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("localhost", "localhost:80")])
def test_an_address_is_written_as_servers_take_it(host: str, address: str) -> None:
    assert Plan(host, 80).address == address


@pytest.mark.parametrize(("name", "found", "chosen"), [("posix", True, "gunicorn"), ("posix", False, "werkzeug"), ("nt", True, "werkzeug")])
def test_gunicorn_is_taken_where_it_runs(name: str, found: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda _: object() if found else None)
    monkeypatch.setattr(server.os, "name", name)
    assert server.choose() == chosen


@pytest.mark.parametrize(("threads", "workers", "share"), [(0, 1, 0), (0, 4, 2), (0, 16, 1), (3, 4, 3)])
def test_workers_share_the_cores(threads: int, workers: int, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert server.share_cores(Settings(threads=threads), workers=workers).threads == share


def test_gunicorn_gets_the_plan() -> None:
    options = options_of(Plan("127.0.0.1", 9000, workers=2, threads=8), Settings(log_level="warning"))
    named = {name: options[name] for name in ("bind", "workers", "threads", "loglevel")}
    assert named == {"bind": "127.0.0.1:9000", "workers": 2, "threads": 8, "loglevel": "warning"}
