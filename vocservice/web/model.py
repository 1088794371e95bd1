"""Settings and the promoted bundle in, the shared analyser out: loaded on first use, and replaced in the background.

A thread looks up the promoted bundle every few seconds: no request waits for the store or for another bundle to load.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from time import monotonic

from vocservice.api import Analyser, configured_bundle, load
from vocservice.errors import BundleError, ConfigError, CrowdedError, StoreError
from vocservice.paths import config_path
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.rules.ruleset import Rule, load_ruleset
from vocservice.settings import Settings
from vocservice.taxonomy import Taxonomy, load_taxonomy
from vocservice.web.gather import Gatherer
from vocservice.web.serving import shares
from vocservice.web.serving.server import THREADS

log = logging.getLogger("vocservice.web")

RETRY_SECONDS = 5.0
LOOK_SECONDS = 5.0
LOOK_AFTER_FAILURE_SECONDS = 60.0  # trying an unusable bundle costs as much as loading a usable one
MOST_RECORDS = 64
MOST_CHARACTERS = 32_000  # an estimate of tokens
PASSES = 2  # the text steps of one pass overlap with the encoder pass of another


class Model:
    """One analyser for all threads; without one, loading is retried every few seconds at most.

    Args:
        analyser: use this one, whatever is promoted; None for the bundle promoted last, else that of the settings.
        promoted: looks up the name of the bundle promoted last; None if there was none, or there is no store.
        most: requests that may use it, or wait for it, at a time; further threads stay free for requests that need no model.
    """

    def __init__(
        self,
        analyser: Analyser | None,
        settings: Settings,
        *,
        promoted: Callable[[], str | None] = lambda: None,
        retry_seconds: float = RETRY_SECONDS,
        most: int = shares.analyses(THREADS),
    ):
        self._analyser, self._settings, self._promoted, self._retry_seconds = analyser, settings, promoted, retry_seconds
        self._is_fixed, self._name = analyser is not None, ""
        self._lock, self._looking = Lock(), Lock()
        self._gatherer = Gatherer(self._analysed, size=_size, most_items=MOST_RECORDS, most_size=MOST_CHARACTERS, passes=PASSES)
        self._free = BoundedSemaphore(most)
        self._failure: BundleError | None = None
        self._tried_at = 0.0
        self._look_at = 0.0

    def analyser(self) -> Analyser:
        """The analyser.

        Raises:
            BundleError: there is no usable bundle.
        """
        if self._analyser is not None:
            self._look_again()
            return self._analyser
        with self._lock:
            if self._analyser is None:
                self._analyser = self._first()
            return self._analyser

    def result(self, record: RawVerbatim | Rejected) -> Result:
        """Analyse one record, in a pass that other requests may share.

        Raises:
            BundleError: there is no usable bundle.
            CrowdedError: too many requests use the model.
        """
        self.analyser()
        with self._turn():
            return self._gatherer.result(record)

    def results(self, records: Sequence[RawVerbatim | Rejected]) -> list[Result]:
        """Analyse the records of one request, in order.

        Raises:
            BundleError: there is no usable bundle.
            CrowdedError: too many requests use the model.
        """
        analyser = self.analyser()
        with self._turn():
            return list(analyser.stream(records))

    def taxonomy(self) -> Taxonomy:
        """The taxonomy of the bundle, or the configured one without a bundle."""
        try:
            return self.analyser().taxonomy
        except BundleError:
            return load_taxonomy(Path(self._settings.taxonomy) if self._settings.taxonomy else None)

    def installed_rules(self) -> tuple[Rule, ...] | None:
        """The rules of the installation; None while their file is invalid, which prevents the next start but no page."""
        try:
            return load_ruleset(config_path("rules.toml"), self.taxonomy())
        except ConfigError:
            return None

    def configured(self) -> str:
        """The name of the bundle that serves if none was ever promoted.

        Raises:
            BundleError: the settings name no existing bundle.
        """
        return configured_bundle(self._settings)

    def check(self, name: str) -> str:
        """Return the id of a bundle if it can be loaded here.

        Raises:
            BundleError: it cannot be loaded.
            ConfigError: the taxonomy file or the rules are wrong for it.
        """
        return load(name, settings=self._settings).model

    def follow(self) -> None:
        """Switch to a newly promoted bundle; the current one serves while that loads, fails, or the store is unavailable."""
        self._look_at = monotonic() + LOOK_SECONDS
        try:
            name = self._promoted() or self._settings.bundle
            if name != self._name:
                self._analyser, self._name = self._loaded(name), name
        except StoreError as error:
            log.warning("the store does not say which bundle serves: %s", error.code)
        except (BundleError, ConfigError) as error:
            log.error("the promoted model cannot be loaded: %s", error.message)
            self._look_at = monotonic() + LOOK_AFTER_FAILURE_SECONDS

    def _look_again(self) -> None:
        """Start a look-up if one is due and none is running."""
        if self._is_fixed or monotonic() < self._look_at or not self._looking.acquire(blocking=False):
            return
        Thread(target=self._look, name="promoted", daemon=True).start()

    def _look(self) -> None:
        try:
            self.follow()
        finally:
            self._looking.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise CrowdedError("too many requests are being analysed", remedy="send it again")
        try:
            yield
        finally:
            self._free.release()

    def _analysed(self, records: Sequence[RawVerbatim | Rejected]) -> list[Result]:
        return list(self.analyser().stream(records))

    def _first(self) -> Analyser:
        if not self._settings.http.loads_model:
            raise BundleError("this process serves no model (http.loads_model is off)", code="model_elsewhere")
        if self._failure and monotonic() - self._tried_at < self._retry_seconds:
            raise BundleError(self._failure.message, code=self._failure.code)
        self._tried_at = monotonic()
        self._look_at = monotonic() + LOOK_SECONDS
        self._name = self._wanted()
        try:
            return self._loaded(self._name)
        except BundleError as error:
            self._failure = error
            log.error("no model: %s", error.message)
            raise

    def _wanted(self) -> str:
        """The bundle to start with: the promoted one, or that of the settings if the store is unavailable."""
        try:
            return self._promoted() or self._settings.bundle
        except StoreError as error:
            log.warning("the bundle of the settings serves until the store answers: %s", error.code)
            return self._settings.bundle

    def _loaded(self, name: str) -> Analyser:
        found = load(name, settings=self._settings)
        log.info("model loaded: %s", found.model)
        return found


def _size(record: RawVerbatim | Rejected) -> int:
    if isinstance(record, Rejected):
        return 0
    return len(record.text or "") + sum(len(turn.text) for turn in record.turns)
