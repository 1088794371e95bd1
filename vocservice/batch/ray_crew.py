"""Shards in, results in order of completion out: the workers of a cluster, and their replacement.

A lost worker is replaced and its shard redone; nothing of an unfinished shard is kept.
"""

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from vocservice.batch.plan import Maker
from vocservice.batch.ray_worker import Loaded, Worker
from vocservice.errors import EngineError

log = logging.getLogger("vocservice.batch")

MAX_TRIES = 3
SECONDS_BETWEEN_WARNINGS = 60.0


@dataclass(frozen=True, slots=True)
class Shard:
    """Records as lines, and the number of attempts."""

    number: int
    lines: bytes
    tries: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    """A worker's current task: a shard, or loading its model."""

    actor: Any
    shard: Shard | None = None


class Crew:
    """A number of workers, each with one shard at a time.

    Args:
        ray: the library, connected to a cluster.
        recipe: of the workers' analyser, as JSON.
        expected: the required labeller; a worker with another release, model or configuration ends the run.
        workers: their number.
        threads: CPUs per worker.
    """

    def __init__(self, ray: Any, recipe: bytes, *, expected: Maker, workers: int, threads: int):
        self._ray, self._recipe, self._expected = ray, recipe, expected
        self._actors = ray.remote(Worker).options(num_cpus=threads, max_restarts=0, max_task_retries=0)
        self._workers, self._stillborn = workers, 0
        self._calls: dict[Any, _Call] = {}
        self._free: deque[Any] = deque()
        self._waiting: deque[Shard] = deque()
        for _ in range(workers):
            self._hire()

    def submit(self, shard: Shard) -> None:
        """Start a shard; returns at once."""
        self._waiting.append(shard)
        self._assign()

    def finished(self) -> tuple[int, bytes]:
        """Wait for the next finished shard; return its number and one line per result.

        Raises:
            EngineError: a worker differs from this process (`worker_mismatch`), or workers keep dying (`workers_lost`).
            VocError: a worker cannot load the model, with the code of its own error.
        """
        while True:
            self._assign()
            found = self._answer(self._next())
            if found is not None:
                return found

    def dismiss(self) -> None:
        """End every worker."""
        for actor in [*self._free, *(call.actor for call in self._calls.values())]:
            self._ray.kill(actor)
        self._free.clear()
        self._calls.clear()

    def _hire(self) -> None:
        actor = self._actors.remote(self._recipe)
        self._calls[actor.load.remote()] = _Call(actor)

    def _assign(self) -> None:
        while self._free and self._waiting:
            actor, shard = self._free.popleft(), self._waiting.popleft()
            self._calls[actor.work.remote(shard.lines)] = _Call(actor, shard)

    def _next(self) -> Any:
        while True:
            ready, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=SECONDS_BETWEEN_WARNINGS)
            if ready:
                return ready[0]
            if all(call.shard is None for call in self._calls.values()):
                log.warning("no worker is ready yet: each needs free CPUs of the cluster, and loads the model first")

    def _answer(self, ref: Any) -> tuple[int, bytes] | None:
        call = self._calls.pop(ref)
        try:
            answer: bytes = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._replace(call, type(error).__name__)
            return None
        if call.shard is None:
            self._check(Loaded.model_validate_json(answer))
        self._free.append(call.actor)
        return (call.shard.number, answer) if call.shard is not None else None

    def _check(self, loaded: Loaded) -> None:
        self._stillborn = 0
        if loaded.maker is None:
            raise EngineError(f"a worker cannot load the model: {loaded.message}", code=loaded.code)
        if loaded.maker != self._expected:
            remedy = "install the same release, bundle and config/ on every machine"
            raise EngineError(f"a worker has {_difference(loaded.maker, self._expected)}: {remedy}", code="worker_mismatch")

    def _replace(self, call: _Call, reason: str) -> None:
        """Replace a lost worker; its shard is next."""
        self._ray.kill(call.actor)
        if call.shard is None:
            self._stillborn += 1
        else:
            self._waiting.appendleft(replace(call.shard, tries=call.shard.tries + 1))
            log.warning("a worker was lost in shard %s (%s); the shard is done again", call.shard.number, reason)
        if self._stillborn >= MAX_TRIES * self._workers or (self._waiting and self._waiting[0].tries >= MAX_TRIES):
            remedy = "see the memory of the workers' machines and Ray's own logs; use --resume to continue"
            raise EngineError(f"workers die again and again ({reason}): {remedy}", code="workers_lost")
        self._hire()


def _difference(found: Maker, expected: Maker) -> str:
    names = {"program": "another release of the program", "model": "another model", "settings": "another configuration"}
    return next(words for part, words in names.items() if getattr(found, part) != getattr(expected, part))
