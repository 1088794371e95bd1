"""The name of the serving bundle in, its analyser out: loaded on first use, and again after a promotion."""

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic

from vocservice.api import Analyser, load
from vocservice.errors import BundleError, ConfigError
from vocservice.jobs.backoff import full_jitter
from vocservice.settings import Settings

log = logging.getLogger("vocservice.jobs")

Load = Callable[[str], Analyser]


def loader(settings: Settings) -> Load:
    """Loads a bundle by name, with the settings."""
    return lambda name: load(name, settings=settings)


class Model:
    """The analyser shared by a worker's threads. If a bundle cannot be loaded there is none; loading is retried with backoff."""

    def __init__(self, load_bundle: Load):
        self._load = load_bundle
        self._name: str | None = None
        self._analyser: Analyser | None = None
        self._failures, self._next_try = 0, 0.0
        self._lock = Lock()

    def get(self, name: str) -> Analyser | None:
        """The analyser of a bundle; None if it cannot be loaded: no other bundle is used instead."""
        with self._lock:
            if name != self._name:
                self._name, self._analyser, self._failures, self._next_try = name, None, 0, 0.0
            if self._analyser is None and monotonic() >= self._next_try:
                self._try(name)
            return self._analyser

    def _try(self, name: str) -> None:
        try:
            self._analyser = self._load(name)
        except (BundleError, ConfigError) as error:
            self._failures += 1
            self._next_try = monotonic() + full_jitter(self._failures, first=2.0, most=60.0)
            log.error("no model: %s", error.message)
            return
        self._failures = 0
        log.info("model loaded: %s", self._analyser.model)
