"""Settings in, a worker in this process out, until it is stopped.

On SIGTERM and SIGINT the current chunk is finished; what is not done within `jobs.grace_seconds` is returned, and the
process ends with 0 either way.
"""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType

from vocservice.errors import StoreError
from vocservice.jobs.model import Load, loader
from vocservice.jobs.worker import Worker
from vocservice.paths import config_path
from vocservice.settings import Settings
from vocservice.store.opened import open_store
from vocservice.taxonomy import load_taxonomy
from vocservice.text.rules import RedactionRules

log = logging.getLogger("vocservice.jobs")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_worker(settings: Settings, *, bundle: str | None = None, once: bool = False, load_bundle: Load | None = None) -> None:
    """Work until stopped, or with `once` until nothing is due.

    Raises:
        ConfigError: the settings, the keys, the taxonomy file or the redaction rules are wrong.
        StoreError: the store does not exist.
    """
    load_taxonomy(settings.taxonomy)
    store = open_store(settings.store)
    rules = RedactionRules.load(config_path("redaction.toml"))
    worker = Worker(store, settings, load_bundle or loader(settings), rules, bundle=bundle)
    with _stopped_by_signals(worker, settings.jobs.grace_seconds):
        log.info("worker started")
        worker.run(once=once)
    store.database.close()


@contextmanager
def _stopped_by_signals(worker: Worker, grace: float) -> Iterator[None]:
    def told(_: int, __: FrameType | None) -> None:
        worker.stop()
        last = Timer(grace, _leave, (worker,))
        last.daemon = True
        last.start()

    before = {number: signal.signal(number, told) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(worker: Worker) -> None:
    """The grace period is over: return jobs and exit."""
    try:
        worker.release()
        log.warning("worker stopped before its work was done; it was given back")
    except StoreError:
        log.warning("worker stopped before its work was done; its leases run out")
    finally:
        os._exit(0)
