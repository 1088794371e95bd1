"""Settings and perhaps an analyser in, the analyser that requests share out; one that is missing is looked for again.

Lives in `app.extensions`; every request reaches it by `state()`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic

from flask import Flask, current_app

from vocservice.api import Analyser, load
from vocservice.errors import BundleError
from vocservice.jobs.wake import Ringer
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.settings import BatchSettings, HttpLimits, Settings, ThemeSettings
from vocservice.taxonomy import Taxonomy, load_taxonomy
from vocservice.web.gather import Gatherer
from vocservice.web.limits import Limiter
from vocservice.web.stored import Stored
from vocservice.web.tally import Tally

log = logging.getLogger("vocservice.web")

RETRY_SECONDS = 5.0
MOST_RECORDS = 64
MOST_CHARACTERS = 32_000  # they stand for tokens
PASSES = 2  # the text steps of one pass go on while the encoder is at another
_NAME = "vocservice"


class Model:
    """One analyser for all threads; while there is none, loading is tried again every few seconds at most."""

    def __init__(self, analyser: Analyser | None, settings: Settings, *, retry_seconds: float = RETRY_SECONDS):
        self._analyser, self._settings, self._retry_seconds = analyser, settings, retry_seconds
        self._lock = Lock()
        self._gatherer = Gatherer(self._analysed, size=_size, most_items=MOST_RECORDS, most_size=MOST_CHARACTERS, passes=PASSES)
        self._failure: BundleError | None = None
        self._tried_at = 0.0

    def analyser(self) -> Analyser:
        """The analyser.

        Raises:
            BundleError: there is no usable bundle.
        """
        with self._lock:
            if self._analyser is None:
                self._analyser = self._load()
            return self._analyser

    def result(self, record: RawVerbatim | Rejected) -> Result:
        """The result of one record, in a pass that other requests may share.

        Raises:
            BundleError: there is no usable bundle.
        """
        self.analyser()
        return self._gatherer.result(record)

    def taxonomy(self) -> Taxonomy:
        """The taxonomy of the bundle, or the configured one while there is none."""
        try:
            return self.analyser().taxonomy
        except BundleError:
            return load_taxonomy(Path(self._settings.taxonomy) if self._settings.taxonomy else None)

    def _analysed(self, records: Sequence[RawVerbatim | Rejected]) -> list[Result]:
        return list(self.analyser().stream(records))

    def _load(self) -> Analyser:
        if not self._settings.http.loads_model:
            raise BundleError("this process serves no model (http.loads_model is off)", code="model_elsewhere")
        if self._failure and monotonic() - self._tried_at < self._retry_seconds:
            raise BundleError(self._failure.message, code=self._failure.code)
        self._tried_at = monotonic()
        try:
            loaded = load(settings=self._settings)
        except BundleError as error:
            self._failure = error
            log.error("no model: %s", error.message)
            raise
        log.info("model loaded: %s", loaded.model)
        return loaded


def _size(record: RawVerbatim | Rejected) -> int:
    if isinstance(record, Rejected):
        return 0
    return len(record.text or "") + sum(len(turn.text) for turn in record.turns)


@dataclass(frozen=True, slots=True)
class State:
    """What requests share."""

    model: Model
    limits: HttpLimits
    stored: Stored
    limiter: Limiter
    ringer: Ringer
    batches: BatchSettings
    sends_mail: bool = False
    tally: Tally = field(default_factory=Tally)
    themes: ThemeSettings = ThemeSettings()


def attach(app: Flask, state: State) -> None:
    """Give an application its state."""
    app.extensions[_NAME] = state


def state() -> State:
    """The state of the application that answers this request."""
    found: State = current_app.extensions[_NAME]
    return found
