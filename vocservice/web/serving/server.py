"""Where to listen and how many threads in, a running server out: gunicorn where it is installed, else werkzeug's, with a warning."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from tempfile import mkdtemp

from vocservice.settings import Settings

log = logging.getLogger("vocservice.web")

SERVERS: Mapping[str, str] = {"gunicorn": "vocservice.web.serving.with_gunicorn", "werkzeug": "vocservice.web.serving.with_werkzeug"}
FALLBACK = "werkzeug"
THREADS = 32  # most of them wait for the store or a client
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_KILL_AFTER = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where and how to serve."""

    host: str
    port: int
    workers: int = 1
    threads: int = THREADS
    job_workers: int = 0

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def serve(plan: Plan, settings: Settings) -> None:
    """Serve until stopped; every worker loads its own model. Job workers run alongside, and end with the server."""
    shared = share_cores(settings, workers=plan.workers + plan.job_workers)
    with metrics_folder(), job_workers(plan.job_workers, shared):
        import_module(SERVERS[choose()]).run(plan, shared)


@contextmanager
def job_workers(count: int, settings: Settings) -> Iterator[None]:
    """Run job workers, supervised by a separate process, from start to end of a server."""
    if not count:
        yield
        return
    command = (sys.executable, "-m", "vocservice", "worker", "--processes", str(count), "--parent", str(os.getpid()))
    environment = {**os.environ, "VOC_THREADS": str(settings.threads)}
    supervisor = subprocess.Popen(command, env=environment)  # noqa: S603
    owner = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == owner:  # not in a forked worker of the server
            _end(supervisor, settings.jobs.grace_seconds + _KILL_AFTER)


def _end(supervisor: "subprocess.Popen[bytes]", seconds: float) -> None:
    supervisor.terminate()
    try:
        supervisor.wait(seconds)
    except subprocess.TimeoutExpired:
        supervisor.kill()


@contextmanager
def metrics_folder() -> Iterator[None]:
    """Folder for the metrics of all server processes, so that each can report all; deleted at the end."""
    if METRICS_FOLDER in os.environ:
        yield
        return
    folder, owner = mkdtemp(prefix="voc-metrics-"), os.getpid()
    os.environ[METRICS_FOLDER] = folder
    try:
        yield
    finally:
        if os.getpid() == owner:
            os.environ.pop(METRICS_FOLDER, None)
            shutil.rmtree(folder, ignore_errors=True)


def choose() -> str:
    """The server to use: gunicorn needs a POSIX system."""
    return "gunicorn" if os.name == "posix" and find_spec("gunicorn") else FALLBACK


def share_cores(settings: Settings, *, workers: int) -> Settings:
    """Several workers using every core would compete: give each its share."""
    if workers == 1 or settings.threads:
        return settings
    return settings.model_copy(update={"threads": max(1, (os.cpu_count() or 1) // workers)})
