"""A plan in, gunicorn with threads out, with logs and errors in the service's format."""

import gc
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from selectors import EVENT_READ
from socket import socket
from threading import Timer
from time import monotonic, sleep
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
from vocservice.web.serving.siblings import Siblings

GRACEFUL_SECONDS = 30
TIMEOUT_SECONDS = 120
KEEP_ALIVE_SECONDS = 5
CONNECTIONS = 800  # a process is commonly allowed 1,024 open files
LOOK_SECONDS = 0.5
REST_SECONDS = 0.1
YIELD_SECONDS = 0.002
STATUSES: Mapping[type, int] = {errors.LimitRequestLine: 414, errors.LimitRequestHeaders: 431, errors.UnsupportedTransferCoding: 501}


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger with our own lines, because its lines quote unreadable requests."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        configure_logs(cfg.loglevel)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads; unreadable requests are answered as a problem, where gunicorn would quote them in HTML.

    A connection takes a thread once a request has arrived, and none while it is closed: gunicorn's thread would wait for the
    request, and its accepting thread for the client to close. A process with more connections than another lets that one accept
    first. When stopping, it still listens for a moment, and refuses new work.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._siblings: Siblings = self.app.siblings
        self.place = self._siblings.enter()
        self._waiting: dict[TConn, Callable[[], None]] = {}
        self._look_at = 0.0

    def accept(self, listener: socket) -> None:
        if self._siblings.has_more(self.place):
            sleep(YIELD_SECONDS)
        super().accept(PacedListener(listener))
        self._siblings.tell(self.place, self.nr_conns)

    def enqueue_req(self, conn: TConn) -> None:
        """Wait for a request without a thread."""
        conn.data_ready = True
        conn.sock.begin(conn.parser.unreader.take_buffered() if conn.parser else b"")
        self._wait(conn, conn.sock.gather, self._begin)

    def handle(self, conn: TConn) -> Any:
        conn.sock.resume()
        return super().handle(conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Wait for the next request, or for the client to close, without a thread."""
        if fs.cancelled() or fs.exception() or not fs.result() or conn.sock.has_ended:
            self._leave(conn)
            return
        unreader = conn.parser.unreader
        unreader.unread(unreader.take_buffered() + conn.sock.ahead())
        super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Handle connections that have been silent; called after all events."""
        self._siblings.tell(self.place, self.nr_conns)
        if monotonic() < self._look_at:
            return
        self._look_at = monotonic() + LOOK_SECONDS
        for look in tuple(self._waiting.values()):
            look()

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

    def _begin(self, conn: TConn) -> None:
        """A request is ready for a thread, or there is none."""
        if not (conn.sock.was_silent or conn.sock.has_long_head):
            super().enqueue_req(conn)
            return
        if conn.sock.has_long_head:
            self.handle_error(None, conn.sock, conn.client, errors.LimitRequestHeaders("the head"))
        self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        conn.sock.leave()
        self._wait(conn, conn.sock.has_left, self._close)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def _wait(self, conn: TConn, is_over: Callable[[], bool], then: Callable[[TConn], None]) -> None:
        """Continue with a connection when due, checking whenever bytes arrive."""

        def look(_: object = None) -> None:
            if is_over():
                del self._waiting[conn]
                self.poller.unregister(conn.sock)
                then(conn)

        if is_over():
            then(conn)
            return
        self._waiting[conn] = look
        self.poller.register(conn.sock, EVENT_READ, look)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Wait only a moment for unread bytes of an answered request: they have arrived by then, or the connection ends."""
        return bool(keepalive and conn.parser.finish_body(deadline=monotonic() + REST_SECONDS))


class Application(BaseApplication):  # type: ignore[misc]
    """The service under gunicorn: each worker creates its own application and loads its own model."""

    def __init__(self, plan: Plan, settings: Settings):
        self._plan, self._settings = plan, settings
        self.siblings = Siblings(plan.workers)
        super().__init__()

    def load_config(self) -> None:
        for name, value in options_of(self._plan, self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = create_app(settings=self._settings, threads=self._plan.threads)
        gc.collect()
        gc.freeze()  # a full collection, which stops all requests, would search a third of a million objects of the model and its libraries
        return app


def leave(_: object, worker: Worker) -> None:
    """End a finished worker: nothing is left to save, and a regular interpreter exit takes seconds with spaCy loaded."""
    if worker.booted:
        os._exit(0)


def clear(_: object, worker: Worker) -> None:
    """Give back the place of an ended worker; called in the parent."""
    worker.app.siblings.leave(worker.place)


def status_of(error: Exception) -> int:
    """The status of an error that gunicorn raised before the application was reached."""
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
        "worker_connections": CONNECTIONS,
        "keepalive": KEEP_ALIVE_SECONDS,
        "sendfile": False,  # it would wait forever for a client that does not read
        "loglevel": settings.log_level,
        "logger_class": JsonLogger,
        "control_socket_disable": True,
        "worker_exit": leave,
        "child_exit": clear,
    }


def run(plan: Plan, settings: Settings) -> None:
    """Serve until stopped."""
    Application(plan, settings).run()
