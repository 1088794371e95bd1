"""A fresh store in, latencies and throughput of the running service out, as ratios to the obvious alternatives.

    python -m benchmarks.http [--rate 100] [--seconds 20] [--clients 32] [--workers 1] [--memory 5000 50000]

- Webhooks at a fixed rate while a worker with a loaded model analyses: milliseconds until they are acknowledged.
- Maximum webhook throughput, against texts analysed within the request, one after another and in shared passes.
- `POST /v1/analyse` of single texts by one client, against all clients at once, whose texts share passes of the model, in turns; all
  clients also against themselves with each text in a pass of its own; against the same texts in batches in this process, without
  requests, which no number of clients can exceed; and against the bare model in this process: tokens, one forward pass and the heads,
  on cleaned and segmented texts.
- Processor time of the server for a single analysis, and of its parts: the same texts in batches, and a request without a model.
- With `--memory`, the memory of the web process after few and many distinct webhooks, without a worker.

Server, worker and clients share the machine.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.throughput import sample
from vocservice.api import load
from vocservice.errors import RecordError
from vocservice.pipeline import prepare
from vocservice.records import RawVerbatim, Segment, Verbatim
from vocservice.tables import parse_record
from vocservice.text.rules import shipped_rules
from vocservice.text.segment import segments_of

BARE = 200
MANY = 1000
ROUNDS = 3  # of one client and all clients, in turns
THREADS = "64"  # half of them may analyse: as many as clients
VOC = (sys.executable, "-m", "vocservice")
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """Result of a run of requests.

    latencies: sorted, in milliseconds; rate: requests per second; costs: milliseconds of processor time of each web process for a
    request, if measured.
    """

    latencies: Sequence[float]
    rate: float
    costs: Sequence[float] = ()

    @property
    def cost(self) -> float:
        """Milliseconds of processor time for a request."""
        return sum(self.costs)

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


class Connection:
    """A minimal connection that posts JSON: time spent in the client is taken from the server."""

    def __init__(self, address: str):
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._socket.close()

    def post(self, path: str, body: bytes) -> int:
        """Send a body, read the whole answer; return its status."""
        head = f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode("ascii") + body)
        first = self._answers.readline()
        if not first:
            raise ConnectionError("the service closed the connection")
        status = int(first.split(None, 2)[1])
        length = 0
        while (line := self._answers.readline()) not in (b"\r\n", b""):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        self._answers.read(length)
        return status


def send(address: str, path: str, bodies: Sequence[bytes], *, clients: int, rate: float = 0.0) -> Sent:
    """Send every body once over `clients` open connections, at `rate` requests a second or as fast as answered.

    Raises:
        RuntimeError: an answer was not 2xx or 422 (another language), or missing.
    """
    started, found, faults = time.perf_counter(), [], []

    def work(first: int) -> None:
        with Connection(address) as connection:
            for number in range(first, len(bodies), clients):
                if rate:
                    time.sleep(max(0.0, started + number / rate - time.perf_counter()))
                began = time.perf_counter()
                status = connection.post(path, bodies[number])
                taken = time.perf_counter() - began
                if status >= 300 and status != 422:
                    faults.append(status)
                    return
                found.append(1000 * taken)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) < len(bodies):
        raise RuntimeError(f"answered {faults[0]}" if faults else "the service closed a connection")
    return Sent(sorted(found), len(found) / (time.perf_counter() - started))


def bodies(count: int, first: int = 0) -> list[bytes]:
    """Distinct records from the sample's sentences."""
    texts = sample(400)
    return [json.dumps({"id": f"b-{n}", "text": f"{texts[n % 400]} {n}"}).encode() for n in range(first, first + count)]


@dataclass(frozen=True, slots=True)
class Compared:
    """Maximum throughput without a worker.

    webhooks, together, apart: of all clients: webhooks, and single analyses in shared passes of the model and each in its own; alone: of
    one client; model: the bare model on the texts of `alone`; batches: the texts of `together` without requests; empty: requests of one
    client that are rejected before the model.
    """

    webhooks: Sent
    alone: Sent
    together: Sent
    apart: Sent
    model: Sent
    batches: Sent
    empty: Sent


@dataclass(frozen=True, slots=True)
class Served:
    """A running service: its address, the path of a generic source, and its main process."""

    address: str
    path: str
    process: int


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    """The service over a fresh store."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    environment = {
        **os.environ,
        "VOC_STORE__URL": f"sqlite:///{folder / 'voc.db'}",
        "VOC_STORE__KEY_FILE": str(folder / "voc.key"),
        "VOC_HTTP__RATE_PER_MINUTE": "0",
        "VOC_LOG_LEVEL": "error",
    }
    subprocess.run([*VOC, "init"], env=environment, check=True, capture_output=True)  # noqa: S603
    add = [*VOC, "source", "add", "benchmark", "--adapter", "generic"]
    told = subprocess.run(add, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603
    path = urlsplit(next(line for line in told.splitlines() if "/v1/hooks/" in line)).path
    server = subprocess.Popen([*VOC, "serve", "--bind", address, "--threads", THREADS, *arguments], env=environment)  # noqa: S603
    try:
        _wait(address, server)
        yield Served(address, path, server.pid)
    finally:
        server.terminate()
        server.wait(60)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    _until(lambda: server.poll() is not None or _answer(address, "/readyz")[0] == 200, "the service did not start")
    if server.poll() is not None:
        raise RuntimeError("the service did not start")


def _answer(address: str, path: str) -> tuple[int, bytes]:
    """Status and body; 0 without an answer."""
    try:
        connection = http.client.HTTPConnection(address, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""


def _until(so: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not so():
        if time.monotonic() > end:
            raise RuntimeError(otherwise)
        time.sleep(0.3)


def analysed(address: str) -> None:
    """Wait until a worker has loaded its model and emptied the queue."""

    def is_done() -> bool:
        status, body = _answer(address, "/metrics")
        return status == 200 and b'voc_jobs{kind="analyse"' not in body

    _until(is_done, "not all was analysed")


def acknowledged(*, rate: float, seconds: float, workers: int = 1) -> Sent:
    """Webhooks at a rate, beside a busy worker with a loaded model."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), "--workers", str(workers)) as service:
        send(service.address, service.path, bodies(50), clients=8)
        analysed(service.address)
        return send(service.address, service.path, bodies(round(rate * seconds), 50), clients=16, rate=rate)


def compared(clients: int, *, workers: int = 1) -> Compared:
    """Measure everything that needs no worker; one client and all clients in turns."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), "--no-worker", "--workers", str(workers)) as service:
        singles, many = bodies(BARE, 2000), bodies(MANY, 4000)
        send(service.address, "/v1/analyse", bodies(20 * workers), clients=4 * workers)
        webhooks = send(service.address, service.path, bodies(2000), clients=clients)
        turns = (
            (singles, 1),
            (many, clients),
            ([b"[%b]" % body for body in many], clients),  # a list has a pass of its own
        )
        alone, together, apart = map(joined, zip(*([analyses(service, *turn) for turn in turns] for _ in range(ROUNDS)), strict=True))
        empty = analyses(service, [b'{"text": ""}'] * MANY, 1)
        return Compared(webhooks, alone, together, apart, bare(singles), batched(many), empty)


def analyses(service: Served, bodies: Sequence[bytes], clients: int) -> Sent:
    """Analyses as fast as answered, with their processor time."""
    before = spent(service.process)
    sent = send(service.address, "/v1/analyse", bodies, clients=clients)
    after = spent(service.process)
    return replace(sent, costs=tuple(1000 * (after[process] - before[process]) / len(bodies) for process in before))


def joined(runs: Sequence[Sent]) -> Sent:
    """Several runs of the same length as one."""
    latencies = sorted(taken for run in runs for taken in run.latencies)
    costs = tuple(sum(costs) / len(runs) for costs in zip(*(run.costs for run in runs), strict=True))
    return Sent(latencies, len(runs) / sum(1 / run.rate for run in runs), costs)


def bare(bodies: Sequence[bytes]) -> Sent:
    """The same texts through the model alone, one after another; rejected ones are left out."""
    engine: Any = load().pipeline.engine  # type: ignore[attr-defined]
    entries = [*_prepared(bodies)]
    for verbatim, segments in entries[:20]:
        engine.score([verbatim], [segments])
    found, started = [], time.perf_counter()
    for verbatim, segments in entries:
        began = time.perf_counter()
        engine.score([verbatim], [segments])
        found.append(1000 * (time.perf_counter() - began))
    return Sent(sorted(found), len(found) / (time.perf_counter() - started))


def batched(bodies: Sequence[bytes]) -> Sent:
    """The same analysis in batches, on all cores, without requests; latencies are not measured."""
    analyser, records = load(), [json.loads(body) for body in bodies]
    for _ in analyser.stream(records[:50], ahead=True):
        pass
    started, before = time.perf_counter(), time.process_time()
    found = sum(1 for _ in analyser.stream(records, ahead=True))
    return Sent((), found / (time.perf_counter() - started), (1000 * (time.process_time() - before) / found,))


def _prepared(bodies: Sequence[bytes]) -> Iterator[tuple[Verbatim, list[Segment]]]:
    rules = shipped_rules()
    for body in bodies:
        record = parse_record(json.loads(body), default_id="")
        with suppress(RecordError):
            assert isinstance(record, RawVerbatim)  # noqa: S101
            verbatim = prepare(record, redaction=rules)
            yield verbatim, segments_of(verbatim)


def intake_memory(few: int, many: int) -> tuple[float, float]:
    """Resident memory of the web process in MiB after few and many distinct webhooks, without a worker."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), "--no-worker") as service:
        send(service.address, service.path, bodies(few), clients=16)
        first = resident(service.process)
        send(service.address, service.path, bodies(many - few, few), clients=16)
        return first, resident(service.process)


def resident(process: int) -> float:
    """Resident memory of a process and its children, in MiB; Linux only."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    own = int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024
    return own + sum(map(resident, _children(process)))


def spent(process: int) -> dict[int, float]:
    """Seconds of processor time that each child of a process has used; Linux only."""
    ticks = {
        child: Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13] for child in _children(process)
    }
    return {child: sum(map(int, used)) / os.sysconf("SC_CLK_TCK") for child, used in ticks.items()}


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()]


def report(beside: Sent, found: Compared, *, clients: int) -> str:
    """The table of the page on workers.

    Args:
        beside: webhooks at a rate, beside a worker.
        found: everything else.
        clients: how many there were.
    """
    webhooks, alone, together, model = found.webhooks, found.alone, found.together, found.model
    rows = [
        (f"webhooks at {beside.rate:.0f} a second, a worker analysing: median", f"{beside.percentile(0.5):.1f} ms", ""),
        ("the same, 99th percentile", f"{beside.percentile(0.99):.1f} ms", "50 ms"),
        (f"webhooks without a worker, {clients} clients", f"{webhooks.rate:.0f} a second", ""),
        ("the same against the model in the request, one after another", f"{webhooks.rate / alone.rate:.1f} times", "5 times"),
        (f"the same against the model in the request, {clients} clients", f"{webhooks.rate / together.rate:.1f} times", ""),
        (f"single analyses of {clients} clients against one client", f"{together.rate / alone.rate:.2f} times", "3 times"),
        (f"the same against {clients} clients, each text in a pass of its own", f"{together.rate / found.apart.rate:.2f} times", ""),
        ("the same texts in batches, without requests, against one client", f"{found.batches.rate / alone.rate:.2f} times", ""),
        ("single analysis, one client: median", f"{alone.percentile(0.5):.1f} ms", ""),
        ("the bare model on the same texts: median", f"{model.percentile(0.5):.1f} ms", ""),
        ("the first over the second", f"{alone.percentile(0.5) / model.percentile(0.5):.2f} times", "2 times at most"),
        (f"processor time of the server for a single analysis, {clients} clients", f"{together.cost:.2f} ms", ""),
        ("the same, one client", f"{alone.cost:.2f} ms", ""),
        ("the same, in batches, without requests", f"{found.batches.cost:.2f} ms", ""),
        ("the same, rejected before the model", f"{found.empty.cost:.2f} ms", ""),
        (f"cores that {clients} clients keep busy", f"{together.cost * together.rate / 1000:.2f}", ""),
        ("share of the busiest web process", f"{max(together.costs) / together.cost:.0%}", ""),
    ]
    return "\n".join(["| what | measured | goal |", "|---|---|---|", *map(_row, rows)])


def memory_row(counts: tuple[int, int], found: tuple[float, float]) -> str:
    """A further row of the table."""
    few, many = found
    what = f"memory of the web process after {counts[1]:,} webhooks over that after {counts[0]:,}"
    return _row((what, f"{many / few:.2f} times ({few:,.0f} and {many:,.0f} MiB)", "flat"))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


@click.command()
@click.option("--rate", type=float, default=100.0, show_default=True, help="Webhooks a second.")
@click.option("--seconds", type=float, default=20.0, show_default=True, help="How long they come.")
@click.option("--clients", type=int, default=32, show_default=True, help="Connections at once.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Web processes.")
@click.option("--memory", nargs=2, type=click.IntRange(min=1), metavar="FEW MANY", help="Also the memory after so many webhooks; minutes.")
def main(rate: float, seconds: float, clients: int, workers: int, memory: tuple[int, int] | None) -> None:
    """Measure and print."""
    beside = acknowledged(rate=rate, seconds=seconds, workers=workers)
    click.echo(report(beside, compared(clients, workers=workers), clients=clients))
    if memory is not None:
        click.echo(memory_row(memory, intake_memory(*memory)))


if __name__ == "__main__":
    main()
