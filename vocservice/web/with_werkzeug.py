"""A plan in, werkzeug's threaded server out: for a trial where gunicorn is missing."""

import logging
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from vocservice.settings import Settings
from vocservice.web.app import create_app
from vocservice.web.logs import configure_logs
from vocservice.web.problems import bare_answer
from vocservice.web.server import Plan

log = logging.getLogger("vocservice.web")


class QuietHandler(WSGIRequestHandler):
    """Logs nothing by itself: its lines hold paths and whatever it could not parse; its own errors are problems."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True
        self.wfile.write(bare_answer(code))


def run(plan: Plan, settings: Settings) -> None:
    """Serve until interrupted."""
    configure_logs(settings.log_level)
    log.warning("gunicorn is not installed: serving with werkzeug, which is meant for trials; install gunicorn for production")
    server = make_server(plan.host, plan.port, create_app(settings=settings), threaded=True, request_handler=QuietHandler)
    log.info("listening on http://%s", plan.address)
    server.serve_forever()
