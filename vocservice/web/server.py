"""Where to listen and how many threads in, a running server out: gunicorn where it is installed, else werkzeug's, with a warning."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from vocservice.settings import Settings

log = logging.getLogger("vocservice.web")

SERVERS: Mapping[str, str] = {"gunicorn": "vocservice.web.with_gunicorn", "werkzeug": "vocservice.web.with_werkzeug"}
FALLBACK = "werkzeug"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where and how to serve."""

    host: str
    port: int
    workers: int = 1
    threads: int = 4

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def serve(plan: Plan, settings: Settings) -> None:
    """Serve until stopped; every worker loads the model for itself."""
    import_module(SERVERS[choose()]).run(plan, share_cores(settings, workers=plan.workers))


def choose() -> str:
    """The server to use: gunicorn needs a POSIX system."""
    return "gunicorn" if os.name == "posix" and find_spec("gunicorn") else FALLBACK


def share_cores(settings: Settings, *, workers: int) -> Settings:
    """Several workers with "every core" each would get in each other's way: give each its share."""
    if workers == 1 or settings.threads:
        return settings
    return settings.model_copy(update={"threads": max(1, (os.cpu_count() or 1) // workers)})
