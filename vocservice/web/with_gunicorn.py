"""A plan in, gunicorn with threads out, its logs in the service's form."""

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from vocservice.settings import Settings
from vocservice.web.app import create_app
from vocservice.web.logs import configure_logs
from vocservice.web.server import Plan

GRACEFUL_SECONDS = 30
TIMEOUT_SECONDS = 120
KEEP_ALIVE_SECONDS = 5


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger with our lines in place of its own, which would quote a request that it cannot read."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        configure_logs(cfg.loglevel)


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


def options_of(plan: Plan, settings: Settings) -> dict[str, object]:
    """gunicorn's settings."""
    return {
        "bind": plan.address,
        "workers": plan.workers,
        "threads": plan.threads,
        "worker_class": "gthread",
        "timeout": TIMEOUT_SECONDS,
        "graceful_timeout": GRACEFUL_SECONDS,
        "keepalive": KEEP_ALIVE_SECONDS,
        "loglevel": settings.log_level,
        "logger_class": JsonLogger,
        "control_socket_disable": True,
    }


def run(plan: Plan, settings: Settings) -> None:
    """Serve until stopped."""
    Application(plan, settings).run()
