"""Tests of `server`, gunicorn's options, and a server that runs: it answers, refuses nonsense, tells nothing, and stops when told."""

import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from builders import CANARY
from sqlalchemy import select
from store import templates
from store.bench import furnished

from vocservice.settings import Settings
from vocservice.store.database import Database
from vocservice.store.received import sources
from vocservice.store.schema import records
from vocservice.web.serving import server, with_gunicorn
from vocservice.web.serving.server import Plan
from vocservice.web.serving.with_gunicorn import options_of

TESTS = Path(__file__).parents[1]
START = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from vocservice.settings import HttpLimits, Settings, StoreSettings
from vocservice.store.received import intake
from vocservice.web import model
from vocservice.web.serving import draining
from vocservice.web.serving import paced
from vocservice.web.serving import server
from vocservice.web.serving import with_gunicorn
model.load = lambda *_, **__: __import__("builders").fake_analyser()
server.choose = lambda: sys.argv[2]
draining.LINGER_SECONDS = float(sys.argv[4])
paced.PATIENCE_SECONDS = paced.SILENCE_SECONDS = 4.0
stored, accept_all = (StoreSettings(url=sys.argv[5], keys=(sys.argv[6],)) if len(sys.argv) > 5 else StoreSettings()), intake.accept_all
if len(sys.argv) > 7:
    intake.accept_all = lambda *given: (time.sleep(float(sys.argv[7])), accept_all(*given))[1]
with_gunicorn.YIELD_SECONDS = 0.2  # a busy machine may keep the other process from accepting for longer than usual
plan = server.Plan("127.0.0.1", int(sys.argv[3]), workers=int(os.environ.get("PROCESSES", "1")), threads=4)
server.serve(plan, Settings(http=HttpLimits(max_body_bytes=1 << 20), store=stored))
"""
PATIENCE, SOON = 4.0, 1.0
SECONDS = 120  # a busy machine takes long to import spaCy; an idle one needs two


class Running:
    """A server in a process of its own."""

    def __init__(self, name: str, log: Path, *more: str, linger: float = 0.0, processes: int = 1):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.log = log
        with log.open("wb") as errors:
            arguments = [sys.executable, "-c", START, str(TESTS), name, str(self.port), str(linger), *more]
            environment = {**os.environ, "PROCESSES": str(processes)}
            self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=errors, cwd=TESTS.parent, env=environment)
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
            with suppress(OSError):  # a server that has had enough is gone already
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
    """A server over a store of its own, by default in a file, with one source; `slow`: seconds that storing takes."""

    def __init__(self, name: str, folder: Path, *, url: str = "", slow: float = 0.0, linger: float = 0.0):
        url = url or templates.place(folder)
        self.database = Database(url)
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


def test_whatever_was_acknowledged_is_there_after_a_kill(placed: str, tmp_path: Path) -> None:
    started = Storing("gunicorn", tmp_path, url=placed)
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


@pytest.fixture(params=["gunicorn", "werkzeug"])
def storing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storing]:
    """A server over a store, for whom a request that has not come after four seconds never does."""
    started = Storing(request.param, tmp_path)
    yield started
    started.process.kill()
    started.process.wait(SECONDS)
    started.database.close()


HEAD = "POST PATH HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n"
SLOW = f'{{"id": "slow", "text": "{CANARY}'
# What has come of requests that do not end, and of one whose sender does not close after the answer.
DAWDLING = (
    "",
    HEAD[:60],
    HEAD,
    HEAD + SLOW,
    HEAD.replace("Content-Length: 200", "Transfer-Encoding: chunked") + "ff\r\n" + SLOW,
    "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
)


def begun(server: Storing, sent: str) -> socket.socket:
    """A connection on which a request has begun to come."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
    connection.sendall(sent.replace("PATH", server.path).encode())
    return connection


def check_nobody_waits(server: Storing) -> None:
    """A delivery is stored and a page answered at once."""
    began = time.monotonic()
    assert (server.post("quick")[0], server.ask("GET", "/livez")[0]) == (202, 200)
    assert time.monotonic() - began < SOON


def test_19_senders_that_dawdle_stop_nobody_and_leave_nothing(storing: Storing) -> None:
    dawdling = [begun(storing, sent) for sent in DAWDLING for _ in range(8)]
    time.sleep(0.3)
    check_nobody_waits(storing)
    for connection in dawdling:
        connection.close()
    assert storing.stored() == {"quick"}
    check_calm(storing)


def test_19_senders_that_are_given_up_stop_nobody_either(tmp_path: Path) -> None:
    server = Storing("gunicorn", tmp_path)
    try:
        dawdling = [begun(server, HEAD + SLOW) for _ in range(24)]
        end = time.monotonic() + PATIENCE + 0.7  # those who take leave of them do so by then
        while time.monotonic() < end:
            time.sleep(0.3)
            for connection in dawdling:
                with suppress(OSError):
                    connection.sendall(b"x")
        check_nobody_waits(server)
        for connection in dawdling:
            assert b" 400 " in connection.recv(1000)
            connection.close()
        assert server.stored() == {"quick"}
        check_calm(server)
    finally:
        server.process.kill()
        server.process.wait(SECONDS)
        server.database.close()


def test_19_large_requests_that_come_slowly_leave_threads_to_others(tmp_path: Path) -> None:
    server = Storing("gunicorn", tmp_path)
    try:
        large = HEAD.replace("PATH", "/v1/analyse").replace("200", "500000") + SLOW
        first = begun(server, large)
        time.sleep(0.3)
        for connection in [begun(server, large) for _ in range(12)]:
            answer = connection.recv(1000)
            assert b" 503 " in answer and b"Retry-After" in answer
            connection.close()
        check_nobody_waits(server)
        assert b" 400 " in first.recv(1000)  # given up in the end
        first.close()
        assert server.stored() == {"quick"}
        assert server.ask("POST", "/v1/analyse", b" " * 100_000, Content_Type="application/json")[0] == 400
    finally:
        server.process.kill()
        server.process.wait(SECONDS)
        server.database.close()


@pytest.mark.parametrize(
    "sent", ["", '{"id": "gone"', '{"id": "gone", "text": "It crashed."}'], ids=["no body", "half", "less than declared"]
)
def test_19_a_sender_that_goes_half_way_leaves_nothing(storing: Storing, sent: str) -> None:
    for _ in range(40):
        begun(storing, HEAD + sent).close()
    assert storing.post("stays")[0] == 202
    assert storing.stored() == {"stays"}
    check_calm(storing)


def check_calm(server: Running) -> None:
    """It answers, and logged no fault of its own and nothing that was sent."""
    assert server.ask("GET", "/livez")[0] == 200
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line for line in lines if line["level"] == "error" or line.get("status", 0) >= 500] == []
    assert "Traceback" not in log and CANARY not in log


def memory(server: Running, what: str) -> int:
    """Kilobytes of a server's processes: `VmRSS` now, `VmHWM` at most so far."""
    processes = (server.process.pid, *children(server.process.pid))
    found = [re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in processes]
    return sum(int(one[1]) for one in found if one)


def handles(server: Running) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in (server.process.pid, *children(server.process.pid)))


def ask_all(server: Storing, asked: Sequence[tuple[str, str, bytes | None]]) -> Counter[int]:
    """How often eight clients, each on a connection of its own, had each status."""

    def work(first: int) -> list[int]:
        connection, found = HTTPConnection("127.0.0.1", server.port, timeout=SECONDS), []
        for method, path, body in asked[first::8]:
            connection.request(method, path, body, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            found.append(answer.status)
        connection.close()
        return found

    with ThreadPoolExecutor(8) as pool:
        return Counter(status for found in pool.map(work, range(8)) for status in found)


def test_36_ten_thousand_requests_of_eight_clients_leave_no_memory_no_file_and_no_thread_of_sqlite_s(tmp_path: Path) -> None:
    server = Storing("gunicorn", tmp_path)
    try:
        record = [("POST", server.path, json.dumps({"id": f"r-{number % 500}", "text": "It crashed."}).encode()) for number in range(800)]
        assert ask_all(server, record) == {202: 500, 200: 300}
        many = [("GET", "/readyz", None), ("GET", server.path, None), ("POST", "/v1/hooks/nothing", b"{}"), ("POST", "/v1/analyse", b"{")]
        asked = [*many * 2200, *record[:400]]
        ask_all(server, asked[:1000])
        before, open_before = memory(server, "VmRSS"), handles(server)
        assert ask_all(server, asked) == {200: 2 * 2200 + 400, 401: 2200, 400: 2200}
        assert memory(server, "VmRSS") - before < 16 * 1024
        assert handles(server) <= open_before + 8
        assert len(server.stored()) == 500
        assert "SQLite objects" not in server.log.read_text() and "Traceback" not in server.log.read_text()
    finally:
        server.process.kill()
        server.process.wait(SECONDS)
        server.database.close()


def shares_of(server: Running, clients: int) -> list[int]:
    """How many of some clients that stay connected each process has."""
    processes = children(server.process.pid)
    before = [sockets(pid) for pid in processes]
    connections = [HTTPConnection("127.0.0.1", server.port, timeout=SECONDS) for _ in range(clients)]
    for connection in connections:
        connection.request("GET", "/livez")
        assert connection.getresponse().read()
    found = [sockets(pid) - old for pid, old in zip(processes, before, strict=True)]
    for connection in connections:
        connection.close()
    end = time.monotonic() + SECONDS
    while any(sockets(pid) > old for pid, old in zip(processes, before, strict=True)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def sockets(pid: int) -> int:
    return sum("socket:" in os.path.realpath(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd"))


def test_processes_have_equally_many_of_the_clients_that_stay_connected(tmp_path: Path) -> None:
    server = Running("gunicorn", tmp_path / "log", processes=2)
    try:
        end = time.monotonic() + SECONDS
        while 0 in shares_of(server, 2) and time.monotonic() < end:
            time.sleep(0.2)  # one of the two is still loading
        assert all(min(shares_of(server, 20)) >= 9 for _ in range(4))
    finally:
        server.process.kill()
        server.process.wait(SECONDS)


def test_17_bodies_over_the_limit_take_no_memory(running: Running) -> None:
    def send(is_chunked: bool) -> int:
        body = (b" " * 65536 for _ in range(256)) if is_chunked else b" " * (16 << 20)
        return running.ask("POST", "/v1/analyse", body, Content_Type="application/json")[0]

    assert {send(True), send(False)} == {413}
    for pid in (running.process.pid, *children(running.process.pid)):
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the most so far is what there is now
    before = memory(running, "VmHWM")
    assert {send(bool(number % 2)) for number in range(12)} == {413}
    assert memory(running, "VmHWM") - before < 24 * 1024
    assert running.ask("GET", "/livez")[0] == 200


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


def test_what_a_process_has_loaded_is_never_searched_for_garbage_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(with_gunicorn, "create_app", lambda **_: "app")
    try:
        assert with_gunicorn.Application(Plan("127.0.0.1", 9000), Settings()).load() == "app"
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()


def test_gunicorn_gets_the_plan() -> None:
    options = options_of(Plan("127.0.0.1", 9000, workers=2, threads=8), Settings(log_level="warning"))
    named = {name: options[name] for name in ("bind", "workers", "threads", "loglevel")}
    assert named == {"bind": "127.0.0.1:9000", "workers": 2, "threads": 8, "loglevel": "warning"}
