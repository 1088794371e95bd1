"""Tests of workers as processes: killed, told to stop, killed by a record, two at a time, without Redis; nothing is lost or done twice."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from vocservice.jobs import worker
from vocservice.jobs.wake import Alarm, Ringer, listen
from vocservice.settings import Settings
from vocservice.store.opened import Store

from .processes import DEADLY
from .stores import WorkerProcess, add, analyses_each, codes, job_states, make_due, statuses, wait_for, worker_of

Start = Callable[..., WorkerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def run(**options: object) -> WorkerProcess:
        started.append(WorkerProcess(tmp_path, **options))  # type: ignore[arg-type]
        return started[-1]

    yield run
    for process in started:
        process.end()


def all_are(store: Store, status: str) -> bool:
    return set(statuses(store).values()) == {status}


def test_a_worker_killed_before_it_commits_has_its_work_done_once_by_another(store: Store, start: Start) -> None:
    add(store, *(f"text {number}" for number in range(20)))
    killed = start(failpoint="after_analysis_before_commit")
    assert killed.wait() == -signal.SIGKILL
    assert analyses_each(store) == [0] * 20 and {state for state, *_ in job_states(store)} == {"running"}
    other = start()
    wait_for(lambda: all_are(store, "analysed"))
    assert analyses_each(store) == [1] * 20 and job_states(store) == []
    assert other.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_finishes_its_chunk(how: signal.Signals, store: Store, start: Start, tmp_path: Path) -> None:
    add(store, *(f"text {number}" for number in range(6)))
    worker = start(model="slow")
    wait_for((tmp_path / "begun").exists)
    assert worker.stop(how) == 0
    assert all_are(store, "analysed") and job_states(store) == []
    assert "Traceback" not in worker.log.read_text()


def test_a_worker_that_cannot_finish_in_time_gives_its_work_back(store: Store, start: Start, tmp_path: Path) -> None:
    add(store, "text", "text too")
    worker = start(model="stuck", lease=600.0)
    wait_for((tmp_path / "begun").exists)
    assert worker.stop() == 0
    assert job_states(store) == [("queued", 0, None)] * 2 and all_are(store, "pending")


def test_a_slow_chunk_outlives_its_lease_as_it_is_renewed(store: Store, settings: Settings, start: Start) -> None:
    add(store, *(f"text {number}" for number in range(10)))
    first = start(model="slow", lease=1.0)
    wait_for(lambda: any(state == "running" for state, *_ in job_states(store)))
    second = start(lease=1.0)
    wait_for(lambda: all_are(store, "analysed"))
    assert analyses_each(store) == [1] * 10
    assert (first.stop(), second.stop()) == (0, 0)
    assert first.has_logged("chunk") and not second.has_logged("chunk")


def test_two_workers_do_every_record_once(store: Store, start: Start) -> None:
    add(store, *(f"text {number}" for number in range(300)))
    workers = [start(), start()]
    wait_for(lambda: all_are(store, "analysed"))
    assert analyses_each(store) == [1] * 300
    assert [worker.stop() for worker in workers] == [0, 0]


def test_a_record_that_kills_its_worker_is_put_aside_and_its_neighbours_are_done(
    store: Store, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_SWEEP_SECONDS", 0.2)  # processes are forked: theirs too
    add(store, "before", DEADLY, "after")

    for _ in range(3):
        assert start(model="deadly").wait() == 9
        make_due(store)  # no lease has to run out: other tests wait for that
    last = start(model="deadly")
    wait_for(lambda: "pending" not in statuses(store).values())
    assert last.stop() == 0
    assert statuses(store) == {"r-0": "analysed", "r-1": "failed", "r-2": "analysed"}
    assert codes(store)["r-1"] == "worker_lost" and job_states(store) == [("dead", 3, "worker_lost")]


def test_polling_goes_on_without_redis(store: Store, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    assert not Ringer(url).ring() and not Ringer("").ring()
    worker = worker_of(store, settings.model_copy(update={"redis_url": type(settings.redis_url)(url)}))
    add(store, "text")
    thread = Thread(target=worker.run)
    thread.start()
    try:
        wait_for(lambda: all_are(store, "analysed"))
        time.sleep(0.2)  # until it sleeps, and only a look of its own can tell it of more
        add(store, "text", name="later")
        wait_for(lambda: len(statuses(store)) == 2 and all_are(store, "analysed"))
    finally:
        worker.stop()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed")
def test_a_ring_wakes_and_a_dead_redis_does_not_hurt(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(["redis-server", "--port", str(port), "--dir", str(tmp_path), "--save", ""], stdout=subprocess.DEVNULL)  # noqa: S607
    alarm, stop, ringer = Alarm(), Event(), Ringer(f"redis://127.0.0.1:{port}/0")
    heard = listen(f"redis://127.0.0.1:{port}/0", (alarm,), stop)
    try:
        wait_for(ringer.ring)
        assert alarm._event.wait(5)
        server.kill()
        server.wait(10)
        assert not ringer.ring()
    finally:
        stop.set()
        server.kill()
    assert heard is not None
    heard.join(35)
    assert not heard.is_alive()
