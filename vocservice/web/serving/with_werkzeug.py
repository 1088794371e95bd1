"""A plan in, werkzeug's threaded server out: for trials without gunicorn."""

import logging
import signal
from threading import Condition, Timer
from types import FrameType
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from vocservice.settings import Settings
from vocservice.web.app import create_app
from vocservice.web.logs import configure_logs
from vocservice.web.problems import bare_answer
from vocservice.web.serving import draining
from vocservice.web.serving.server import Plan

log = logging.getLogger("vocservice.web")

GRACEFUL_SECONDS = 30.0


class Begun:
    """Number of requests being answered."""

    def __init__(self) -> None:
        self._number = 0
        self._changed = Condition()

    def __enter__(self) -> None:
        self._add(1)

    def __exit__(self, *_: object) -> None:
        self._add(-1)

    def finish(self, seconds: float) -> None:
        """Wait until there is none, up to a time limit."""
        with self._changed:
            self._changed.wait_for(lambda: not self._number, seconds)

    def _add(self, number: int) -> None:
        with self._changed:
            self._number += number
            self._changed.notify_all()


BEGUN = Begun()


class QuietHandler(WSGIRequestHandler):
    """Logs nothing: its lines contain paths and unparsed input; its errors are answered as problems."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def run_wsgi(self) -> None:
        with BEGUN:
            super().run_wsgi()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        self.wfile.write(bare_answer(code))


def run(plan: Plan, settings: Settings) -> None:
    """Serve until stopped; after SIGTERM, requests in progress are finished."""
    configure_logs(settings.log_level)
    log.warning("gunicorn is not installed: serving with werkzeug, which is meant for trials; install gunicorn for production")
    app = create_app(settings=settings, threads=plan.threads)
    server = make_server(plan.host, plan.port, app, threaded=True, request_handler=QuietHandler)

    def told(_: int, __: FrameType | None) -> None:
        draining.begin()
        Timer(draining.LINGER_SECONDS, server.shutdown).start()

    signal.signal(signal.SIGTERM, told)
    log.info("listening on http://%s", plan.address)
    server.serve_forever()
    BEGUN.finish(GRACEFUL_SECONDS)
