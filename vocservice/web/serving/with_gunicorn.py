"""A plan in, gunicorn with threads out, its logs and its own errors in the service's form."""

import os
from collections.abc import Mapping
from contextlib import suppress
from socket import socket
from threading import Timer
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import TConn, ThreadWorker

from vocservice.settings import Settings
from vocservice.web.app import create_app
from vocservice.web.logs import configure_logs, log_failure
from vocservice.web.problems import bare_answer
from vocservice.web.serving import draining
from vocservice.web.serving.paced import PacedListener
from vocservice.web.serving.server import Plan

GRACEFUL_SECONDS = 30
TIMEOUT_SECONDS = 120
KEEP_ALIVE_SECONDS = 5
STATUSES: Mapping[type, int] = {errors.LimitRequestLine: 414, errors.LimitRequestHeaders: 431, errors.UnsupportedTransferCoding: 501}


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger with our lines in place of its own, which would quote a request that it cannot read."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        configure_logs(cfg.loglevel)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads; what they cannot read is answered as a problem, where gunicorn would quote it in HTML.

    Told to stop, it still listens for a moment, and tells who comes with work to go elsewhere. A request that comes too slowly
    is given up, as gunicorn's threads would wait for it without end.
    """

    def accept(self, listener: socket) -> None:
        super().accept(PacedListener(listener))

    def handle(self, conn: TConn) -> Any:
        conn.sock.begin()
        return super().handle(conn)

    def handle_exit(self, sig: int, frame: Any) -> None:
        draining.begin()
        last = Timer(draining.LINGER_SECONDS, super().handle_exit, (sig, frame))
        last.daemon = True
        last.start()

    def handle_error(self, req: Any, client: socket, addr: Any, exc: Exception) -> None:
        status = status_of(exc)
        if status < 500:
            self.log.warning("invalid request: %s", type(exc).__name__)
        else:
            log_failure(exc)
        with suppress(OSError):
            write_nonblock(client, bare_answer(status))


class Application(BaseApplication):  # type: ignore[misc]
    """The service under gunicorn: each worker makes its own application, and with it loads its own model."""

    def __init__(self, plan: Plan, settings: Settings):
        self._plan, self._settings = plan, settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in options_of(self._plan, self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(settings=self._settings)


def leave(_: object, worker: Worker) -> None:
    """End a worker that has served: nothing is left to save, and taking the interpreter down takes seconds with spaCy in it."""
    if worker.booted:
        os._exit(0)


def status_of(error: Exception) -> int:
    """The status of what gunicorn raised before the application was reached."""
    return STATUSES.get(type(error), 400 if isinstance(error, errors.ParseException) else 500)


def options_of(plan: Plan, settings: Settings) -> dict[str, object]:
    """gunicorn's settings."""
    return {
        "bind": plan.address,
        "workers": plan.workers,
        "threads": plan.threads,
        "worker_class": Worker,
        "timeout": TIMEOUT_SECONDS,
        "graceful_timeout": GRACEFUL_SECONDS,
        "keepalive": KEEP_ALIVE_SECONDS,
        "loglevel": settings.log_level,
        "logger_class": JsonLogger,
        "control_socket_disable": True,
        "worker_exit": leave,
    }


def run(plan: Plan, settings: Settings) -> None:
    """Serve until stopped."""
    Application(plan, settings).run()
