"""Tests of the supervisor: as many workers as were asked for, a dead one anew, none left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread

import pytest

from vocservice.jobs import supervisor
from vocservice.jobs.supervisor import Supervisor
from vocservice.settings import Settings
from vocservice.web.serving import server

from .stores import wait_for

# Notes its own id in a folder, then waits for the end, or dies at once.
WAITS = "import os, sys, time; open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close(); time.sleep(600)"
DIES = WAITS.replace("time.sleep(600)", "sys.exit(3)")


def command(code: str, folder: Path) -> tuple[str, ...]:
    return sys.executable, "-c", code, str(folder)


def started(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}/stat").exists() and Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"


@pytest.fixture
def supervised(tmp_path: Path) -> Callable[..., tuple[Supervisor, Thread]]:
    def run(code: str, processes: int, parent: int | None = None) -> tuple[Supervisor, Thread]:
        made = Supervisor(processes, command=command(code, tmp_path), parent=parent, grace=5.0)
        thread = Thread(target=made.run)
        thread.start()
        return made, thread

    return run


def test_it_keeps_as_many_as_asked_for_and_ends_them(supervised: Callable[..., tuple[Supervisor, Thread]], tmp_path: Path) -> None:
    made, thread = supervised(WAITS, 2)
    wait_for(lambda: len(started(tmp_path)) == 2)
    killed = started(tmp_path)[0]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: len(started(tmp_path)) == 3)
    made.stop()
    thread.join(30)
    assert not thread.is_alive() and not any(is_alive(process) for process in started(tmp_path))


def test_one_that_dies_at_once_is_started_again(supervised: Callable[..., tuple[Supervisor, Thread]], tmp_path: Path) -> None:
    made, thread = supervised(DIES, 1)
    wait_for(lambda: len(started(tmp_path)) >= 2)
    made.stop()
    thread.join(30)
    assert not thread.is_alive() and made._places[0].deaths >= 1


def test_it_ends_when_its_parent_is_another(supervised: Callable[..., tuple[Supervisor, Thread]], tmp_path: Path) -> None:
    _, thread = supervised(WAITS, 1, parent=os.getpid())
    thread.join(30)
    assert not thread.is_alive() and not any(is_alive(process) for process in started(tmp_path))


def test_a_server_starts_its_workers_and_ends_them_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Sequence[str]] = []
    real = subprocess.Popen

    def popen(given: Sequence[str], **options: object) -> "subprocess.Popen[bytes]":
        calls.append(given)
        return real([sys.executable, "-c", "import time; time.sleep(600)"])

    monkeypatch.setattr(server.subprocess, "Popen", popen)
    with server.job_workers(2, Settings()):
        assert calls[0][-4:] == ("--processes", "2", "--parent", str(os.getpid()))
    with server.job_workers(0, Settings()):
        assert len(calls) == 1


def test_workers_give_way_to_what_else_wants_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(supervisor.os, "setpriority", lambda _, pid, niceness: seen.append((pid, niceness)))
    place = supervisor.Place()
    kept = supervisor.Supervisor(1, command=(sys.executable, "-c", "pass"))
    kept._look_after(place)
    assert place.process is not None and seen == [(place.process.pid, supervisor.NICENESS)]
    place.process.wait(20)
