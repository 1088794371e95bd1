"""Single pieces of work of many requests in, their outcomes out: those that come while one is at work share the next pass.

So records share a pass of the model, and deliveries a transaction. Nobody waits for company: what finds nobody at work goes at
once. There is no thread of its own; a request that finds nobody at work takes along whatever waits, up to a budget.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

from vocservice.errors import StoreError

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Sequence[T]], Sequence[R]]


@dataclass(eq=False, slots=True)
class _Waiting(Generic[T, R]):
    """An item and, once its pass is over, what came of it. `told` wakes its request: to take the outcome, or to begin a pass."""

    item: T
    told: Event = field(default_factory=Event)
    leads: bool = False
    outcome: tuple[R] | Exception | None = None


class Gatherer(Generic[T, R]):
    """Few passes at a time; thread-safe."""

    def __init__(
        self,
        work: Work[T, R],
        *,
        size: Callable[[T], int],
        most_items: int,
        most_size: int,
        passes: int = 1,
        patience: float | None = None,
        ours: tuple[type[Exception], ...] = (),
    ):
        """Args:
        work: does several items, one outcome each.
        size: of an item; the sum of a pass stays within `most_size`, unless one item alone is beyond it.
        passes: how many may go on at a time.
        patience: seconds that an item waits for its pass to begin.
        ours: errors that no single item can be at fault of; after any other each item of the pass goes alone.
        """
        self._work, self._size = work, size
        self._most_items, self._most_size = most_items, most_size
        self._patience, self._ours = patience, ours
        self._lock = Lock()
        self._free = passes
        self._queue: deque[_Waiting[T, R]] = deque()

    def result(self, item: T) -> R:
        """The outcome of one item, from a pass that it may share; what is raised for it alone is raised here.

        Raises:
            StoreError: no pass began with it in time; nothing was done.
        """
        mine: _Waiting[T, R] = _Waiting(item)
        with self._lock:
            self._queue.append(mine)
            self._appoint()
        if not mine.told.wait(self._patience) and self._withdrawn(mine):
            raise StoreError("too much is being written; try again")
        mine.told.wait()
        if mine.leads:
            self._lead(mine)
        if isinstance(mine.outcome, tuple):
            return mine.outcome[0]
        assert mine.outcome is not None  # noqa: S101 - whoever is told has an outcome, or made one
        raise mine.outcome

    def _appoint(self) -> None:
        """Let the first in the queue begin a pass, where one is free; under the lock."""
        if self._free and self._queue:
            self._free -= 1
            first = self._queue.popleft()
            first.leads = True
            first.told.set()

    def _withdrawn(self, mine: _Waiting[T, R]) -> bool:
        """Whether an item could still be taken back; one whose pass has begun cannot."""
        with self._lock:
            if mine not in self._queue:
                return False
            self._queue.remove(mine)
            return True

    def _lead(self, mine: _Waiting[T, R]) -> None:
        """Do one pass with whoever waits by now, and hand on to the next."""
        with self._lock:
            shared = [mine, *self._company(mine)]
        outcomes: Sequence[tuple[R] | Exception] = [RuntimeError("the pass was broken off")] * len(shared)
        try:
            outcomes = self._outcomes(shared)
        finally:
            for waiting, outcome in zip(shared, outcomes, strict=True):
                waiting.outcome = outcome
                waiting.told.set()
            with self._lock:
                self._free += 1
                self._appoint()

    def _company(self, mine: _Waiting[T, R]) -> list[_Waiting[T, R]]:
        """Those who came first, within the budget."""
        found: list[_Waiting[T, R]] = []
        size = self._size(mine.item)
        while self._queue and len(found) + 1 < self._most_items:
            size += self._size(self._queue[0].item)
            if size > self._most_size:
                break
            found.append(self._queue.popleft())
        return found

    def _outcomes(self, shared: Sequence[_Waiting[T, R]]) -> list[tuple[R] | Exception]:
        """One outcome each; where the pass fails as a whole each item goes alone, so that one does not take the others along."""
        try:
            found = self._work([waiting.item for waiting in shared])
            if len(found) == len(shared):
                return [(one,) for one in found]
            error: Exception = RuntimeError("a pass gave another number of outcomes than items")
        except self._ours as raised:
            return [raised] * len(shared)
        except Exception as raised:
            error = raised
        return [error] if len(shared) == 1 else [outcome for waiting in shared for outcome in self._outcomes([waiting])]
