"""A store and a bundle loader in, finished work out, chunk by chunk, until it is stopped.

One thread analyses; a second one runs small jobs (`errands`), a third one batch and one watch at a time; a fourth renews
leases. The serving bundle is read with every claim, so a promotion takes effect from the next chunk.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event, Thread
from time import monotonic

from vocservice.api import Analyser
from vocservice.errors import StoreError
from vocservice.jobs import alerting, batches, erasing, fetching, outbound, reanalysis, retaining, watching
from vocservice.jobs.analysing import Analysing
from vocservice.jobs.backoff import full_jitter
from vocservice.jobs.batches import Batches
from vocservice.jobs.digests import Digests
from vocservice.jobs.errands import Errand, Errands, log_error
from vocservice.jobs.guard import Policy
from vocservice.jobs.heartbeat import Heartbeat
from vocservice.jobs.model import Load, Model
from vocservice.jobs.wake import Alarm, listen
from vocservice.jobs.watching import Watching
from vocservice.settings import Settings
from vocservice.store import jobs
from vocservice.store.accounts import workspaces
from vocservice.store.analysed import analyses, own, packed, promotions, watches, words
from vocservice.store.analysed.outbound import DELIVER
from vocservice.store.analysed.previews import PREVIEW
from vocservice.store.analysed.promotions import REANALYSE
from vocservice.store.analysed.watches import NOW, WATCH
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.received import retention
from vocservice.store.received.batches import BATCH
from vocservice.store.received.erasure import ERASE_FILES
from vocservice.store.received.idempotency import prune
from vocservice.store.received.records import ANALYSE, FETCH
from vocservice.store.received.retention import RETAIN
from vocservice.store.review.alerts import ALERT, TRY
from vocservice.taxonomy import Taxonomy
from vocservice.text.rules import RedactionRules

log = logging.getLogger("vocservice.jobs")

_SWEEP_SECONDS = 30.0
_PRUNE_SECONDS = 3600.0
_PACKS = 20  # of a thousand records each; faster than anything analyses
_SHORTEST_SLEEP = 0.05


def errands_of(store: Store, settings: Settings, load_bundle: Load) -> Mapping[str, Errand]:
    """The kinds of small jobs and their functions."""
    policy, told = Policy(settings.outbound.allow_http, settings.outbound.allow_private), alerting.Alerting(store, settings)
    return {
        FETCH: Errand(fetching.MAX_ATTEMPTS, fetching.Fetching(store, policy).run),
        DELIVER: Errand(outbound.MAX_ATTEMPTS, outbound.Outbound(store, policy).run),
        ALERT: Errand(alerting.MAX_ATTEMPTS, told.run),
        TRY: Errand(alerting.MAX_ATTEMPTS, told.try_out),
        REANALYSE: Errand(reanalysis.MAX_ATTEMPTS, reanalysis.Reanalysis(store).run),
        ERASE_FILES: Errand(erasing.MAX_ATTEMPTS, erasing.Erasing(store, settings.batches).run),
        RETAIN: Errand(retaining.MAX_ATTEMPTS, retaining.Retaining(store).run),
        PREVIEW: Errand(reanalysis.PREVIEW_ATTEMPTS, reanalysis.Previewing(store, load_bundle).run),
    }


class Worker:
    """Claims and does work.

    Args:
        load_bundle: returns the analyser of a bundle by name.
        bundle: use this one, whatever is promoted.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        load_bundle: Load,
        rules: RedactionRules,
        *,
        bundle: str | None = None,
        errands: Mapping[str, Errand] | None = None,
    ):
        self._store, self._settings, self._bundle = store, settings, bundle
        self._lease = Lease(_owner(), settings.jobs.lease_seconds, settings.jobs.max_attempts)
        self._beat = Heartbeat(store.database, self._lease)
        self._model = Model(load_bundle)
        self._analysing = Analysing(store, rules, self._beat, self._lease, keeps_vectors=settings.themes.keeps_vectors)
        self._errands = Errands(store.database, errands_of(store, settings, load_bundle) if errands is None else errands, self._beat)
        self._stop = Event()
        self._batches = Batches(store, settings, self._analyser, self._beat, self._stop)
        whole = {BATCH: Errand(batches.MAX_ATTEMPTS, self._batches.run)}
        self._files = Errands(store.database, whole, self._beat, slots=1)
        watch = Watching(store, settings, self._taxonomy)
        looks = {WATCH: Errand(watching.MAX_ATTEMPTS, watch.run), NOW: Errand(watching.MAX_ATTEMPTS, watch.now)}
        self._looks = Errands(store.database, looks, self._beat, slots=1, rest=watch.rest)
        self._digests = Digests(store.database, settings.reports)
        self._alarms = (Alarm(), Alarm(), Alarm())
        self._swept = self._pruned = 0.0

    def run(self, *, once: bool = False) -> None:
        """Work until stopped, or with `once` until nothing is due."""
        with self._beat:
            if once:
                self._drain()
            else:
                self._serve()
        self._errands.close()
        self._files.close()
        self._looks.close()
        log.info("worker stopped")

    def stop(self) -> None:
        """Finish current work, then return from `run`; may be called from a signal handler."""
        self._stop.set()
        for alarm in self._alarms:
            alarm.ring()

    def release(self) -> None:
        """Return held jobs unfinished.

        Raises:
            StoreError: the database does not answer; the leases expire.
        """
        held = self._beat.held()
        self._beat.drop(held)
        with self._store.database.write() as connection:
            jobs.release(connection, self._lease, held)

    def turn(self) -> bool:
        """Analyse one chunk; False if there is nothing to analyse, or no model.

        Raises:
            StoreError: the database does not answer.
        """
        self._sweep()
        served = self._serving()
        analyser = self._model.get(served)
        if analyser is None or self._stop.is_set():
            return False
        claimed = self._claim()
        if not claimed:
            return False
        kept = self._analysing.run(claimed, analyser, served=None if self._bundle else served)
        self._alarms[1].ring()  # for the events of stored results
        log.info("chunk", extra={"fields": {"records": len(claimed), "kept": kept, "model": analyser.model}})
        return True

    def _serve(self) -> None:
        bell = listen(self._settings.redis_url.get_secret_value(), self._alarms, self._stop)
        errands = Thread(target=self._loop, args=(self._errands.turn, self._alarms[1]), name="errands", daemon=True)
        files = Thread(target=self._loop, args=(self._turn_files, self._alarms[2]), name="batches", daemon=True)
        errands.start()
        files.start()
        self._loop(self.turn, self._alarms[0])
        errands.join()
        files.join()
        if bell is not None:
            bell.join(3.0)

    def _loop(self, turn: Callable[[], bool], alarm: Alarm) -> None:
        """Loop with a pause when idle, and backoff while the database is unavailable."""
        failures = 0
        while not self._stop.is_set():
            try:
                busy = turn()
            except StoreError as error:
                failures += 1
                log.warning("the store does not answer: %s", error.code)
                alarm.sleep(_SHORTEST_SLEEP + full_jitter(failures, first=0.5, most=30.0))
                continue
            failures = 0
            if not busy:
                alarm.sleep(self._settings.jobs.poll_seconds)

    def _drain(self) -> None:
        """Until neither a record nor a small job is due."""
        busy = True
        while busy and not self._stop.is_set():
            busy = self.turn()
            busy = self._errands.turn() or busy
            self._errands.finish()
            busy = self._turn_files() or busy
            self._files.finish()
            self._looks.finish()

    def _turn_files(self) -> bool:
        """Start a batch and a watch, if none is running and there is a model; False if nothing was started.

        Due reports are made first.
        """
        analyser = self._analyser()
        if analyser is None:
            return False
        self._beside(lambda: self._digests.turn(analyser.taxonomy), "reports")
        found = [self._files.turn(), self._looks.turn()]
        return any(found)

    def _taxonomy(self) -> Taxonomy | None:
        analyser = self._analyser()
        return analyser.taxonomy if analyser else None

    def _analyser(self) -> Analyser | None:
        return self._model.get(self._serving())

    def _serving(self) -> str:
        with self._store.database.read() as connection:
            return self._bundle or promotions.serving(connection) or self._settings.bundle

    def _claim(self) -> list[Job]:
        with self._store.database.write() as connection:
            claimed = jobs.claim(connection, self._lease, limit=self._settings.jobs.chunk, kinds=(ANALYSE,))
        self._beat.hold(job.id for job in claimed)
        return claimed

    def _sweep(self) -> None:
        """Periodic work: mark what no worker will retry as failed, pack changes, delete expired data.

        Custom fields to keep are chosen once a day.
        """
        if self._swept and monotonic() - self._swept < _SWEEP_SECONDS:
            return
        self._swept = monotonic()
        with self._store.database.write() as connection:
            if failed := analyses.give_up(connection):
                log.error("records given up", extra={"fields": {"records": failed}})
            watches.await_all(connection)
            retention.await_all(connection)
        self._batches.tidy()
        self._pack()
        self._prune()
        self._beside(partial(own.choose_due, self._store.database), "own fields")
        self._beside(partial(words.forget, self._store.database), "words")

    def _beside(self, chore: Callable[[], object], name: str) -> None:
        """Run optional work: its errors must not stop the worker."""
        try:
            chore()
        except StoreError:
            raise
        except Exception as error:
            log_error("left undone", error, chore=name)

    def _pack(self) -> None:
        """Pack waiting records of each workspace, in part if there are many, so that pages need not after an import."""
        with self._store.database.read() as connection:
            names = [workspace.id for workspace in workspaces.listed(connection)]
        for name in names:
            self._beside(partial(self._pack_some, name), "packing")

    def _pack_some(self, workspace_id: str) -> None:
        for _ in range(_PACKS):
            if packed.catch_up(self._store.database, workspace_id) < packed.AT_ONCE:
                break

    def _prune(self) -> None:
        """Periodically delete expired answers stored under an Idempotency-Key."""
        if self._pruned and monotonic() - self._pruned < _PRUNE_SECONDS:
            return
        self._pruned = monotonic()
        with self._store.database.write() as connection:
            if pruned := prune(connection):
                log.info("answers dropped", extra={"fields": {"answers": pruned}})


def _owner() -> str:
    """Unique owner of leases, across machines."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(4)}"
