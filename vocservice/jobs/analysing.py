"""A chunk of jobs in, its labelled records out: one pass of the model, then a short transaction per record.

Failures affect one record only: a text that cannot be decrypted waits, one that the model fails on is stored as
failed with its code, without labels.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vocservice.api import Analyser
from vocservice.batch.failpoints import reached
from vocservice.errors import StoreError, VocError
from vocservice.jobs.backoff import full_jitter
from vocservice.jobs.cleaned import cleaned
from vocservice.jobs.errands import log_failure
from vocservice.jobs.heartbeat import Heartbeat
from vocservice.jobs.persistence import persistently
from vocservice.records import Analysis, Rejected, Result
from vocservice.store import jobs
from vocservice.store.analysed import analyses, results
from vocservice.store.analysed.analyses import Cleaned, Task
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.text.rules import RedactionRules

log = logging.getLogger("vocservice.jobs")

FAILPOINT = "after_analysis_before_commit"
MODEL_FAULT = "bundle_invalid"


@dataclass(frozen=True, slots=True)
class Done:
    """A record with its result and what is stored of it."""

    task: Task
    result: Result
    cleaned: Cleaned | None


class Analysing:
    """Analyses claimed jobs."""

    def __init__(self, store: Store, rules: RedactionRules, beat: Heartbeat, lease: Lease, *, keeps_vectors: bool = True):
        self._store, self._rules, self._beat, self._lease = store, rules, beat, lease
        self._keeps_vectors = keeps_vectors

    def run(self, claimed: Sequence[Job], analyser: Analyser, *, served: str | None = None) -> int:
        """Analyse a chunk; return the number of stored records. `served` as in `analyses.save`.

        Raises:
            StoreError: the database did not answer for long; the remaining leases expire.
        """
        kept = 0
        try:
            tasks = persistently(lambda: self._loaded(claimed))
            for one in self._analysed(tasks, analyser):
                kept += self._save(one, analyser.model, served)
                self._store.database.give_way()
        except StoreError:
            raise
        except Exception as error:
            self._failed(claimed, error)
        finally:
            self._beat.drop(job.id for job in claimed)
        return kept

    def _loaded(self, claimed: Sequence[Job]) -> list[Task]:
        """Load the texts; jobs with nothing left to do are finished. A write transaction is opened only if there are such."""
        tasks: list[Task] = []
        left: list[tuple[Job, StoreError | None]] = []
        with self._store.database.read() as connection:
            for job in claimed:
                try:
                    task = analyses.load_task(connection, self._store.vault, job)
                except StoreError as error:
                    if error.code != "key_missing":
                        raise
                    left.append((job, error))
                    continue
                if task is None:
                    left.append((job, None))
                else:
                    tasks.append(task)
        if left:
            self._settle(left)
        return tasks

    def _settle(self, left: Sequence[tuple[Job, StoreError | None]]) -> None:
        """Finish successful jobs, postpone failed ones."""
        with self._store.database.write() as connection:
            for job, error in left:
                if error is None:
                    jobs.finish(connection, self._lease, job.id)
                else:
                    log_failure(error, job)
                    jobs.fail(connection, self._lease, job, code=error.code, delay=wait_after(job))

    def _analysed(self, tasks: Sequence[Task], analyser: Analyser) -> Iterator[Done]:
        found = analyser.stream([task.verbatim for task in tasks])
        for task, result in zip(tasks, found, strict=True):
            yield self._cleaned(task, result)

    def _cleaned(self, task: Task, result: Result) -> Done:
        if not isinstance(result, Analysis):
            return Done(task, result, None)
        try:
            return Done(task, result, cleaned(task.verbatim, result, self._rules, keeps_vector=self._keeps_vectors))
        except Exception as error:
            log_failure(error, task.job)
            return Done(task, Rejected(result.id, "analysis_failed", "what is kept of this record could not be redacted"), None)

    def _save(self, one: Done, bundle: str, served: str | None) -> bool:
        """Store one result in its own transaction: deliveries wait while the store is written."""
        try:
            kept = persistently(lambda: self._keep(one, bundle, served))
        except StoreError:
            raise
        except Exception as error:
            self._failed([one.task.job], error)
            return False
        self._beat.drop([one.task.job.id])
        return kept

    def _keep(self, one: Done, bundle: str, served: str | None) -> bool:
        job, kept = one.task.job, False
        with self._store.database.write() as connection:
            if self._may_pass(one):
                jobs.fail(connection, self._lease, job, code=MODEL_FAULT, delay=wait_after(job))
            else:
                found = (one.task, one.result, one.cleaned)
                kept = results.keep(connection, self._lease, *found, bundle=bundle, served=served)
            reached(FAILPOINT)
        return kept

    def _may_pass(self, one: Done) -> bool:
        """Whether the model failed, not the record, and an attempt is left."""
        return isinstance(one.result, Rejected) and one.result.code == MODEL_FAULT and one.task.job.attempts < self._lease.max_attempts

    def _failed(self, claimed: Sequence[Job], error: Exception) -> None:
        """An unexpected error: each record is retried alone, and given up after its last attempt."""
        code = error.code if isinstance(error, VocError) else "internal_error"
        held = set(self._beat.held())
        for job in claimed:
            if job.id in held:
                log_failure(error, job)
                persistently(lambda job=job: self._retry(job, code))  # type: ignore[misc]

    def _retry(self, job: Job, code: str) -> None:
        with self._store.database.write() as connection:
            jobs.fail(connection, self._lease, job, code=code, delay=wait_after(job))
        self._beat.drop([job.id])


def wait_after(job: Job) -> float:
    """Seconds until a record is retried."""
    return full_jitter(job.attempts, first=2.0, factor=4.0, most=600.0)
