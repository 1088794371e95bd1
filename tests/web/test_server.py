"""Tests of `server`, gunicorn's options, and a server that runs: it answers, refuses nonsense, tells nothing, and stops when told."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from builders import CANARY

from vocservice.settings import Settings
from vocservice.web import server
from vocservice.web.server import Plan
from vocservice.web.with_gunicorn import options_of

TESTS = Path(__file__).parents[1]
START = """
import sys
sys.path.insert(0, sys.argv[1])
from vocservice.settings import HttpLimits, Settings
from vocservice.web import server, state
state.load = lambda **_: __import__("builders").fake_analyser()
server.choose = lambda: sys.argv[2]
server.serve(server.Plan("127.0.0.1", int(sys.argv[3])), Settings(http=HttpLimits(max_body_bytes=1 << 20)))
"""
SECONDS = 120  # a busy machine takes long to import spaCy; an idle one needs two


class Running:
    """A server in a process of its own."""

    def __init__(self, name: str, log: Path):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.log = log
        with log.open("wb") as errors:
            arguments = [sys.executable, "-c", START, str(TESTS), name, str(self.port)]
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
