"""Work items of many requests in, their outcomes out: items that arrive during a pass share the next one.

So records share a pass of the model, and deliveries share a transaction. No item waits to form a batch: if no pass is running
it starts at once. Beside others a pass starts once as many items wait as are being processed: more passes of fewer items would only
compete for the cores. There is no separate thread: a request that starts a pass takes whatever waits, up to a budget.
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
    """An item and, after its pass, its outcome. `told` wakes its request to take the outcome or to begin a pass."""

    item: T
    told: Event = field(default_factory=Event)
    leads: bool = False
    outcome: tuple[R] | Exception | None = None


class Gatherer(Generic[T, R]):
    """Runs few passes at a time; thread-safe."""

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
        work: processes several items, one outcome each.
        size: of an item; the total of a pass is at most `most_size`, unless a single item exceeds it.
        passes: how many may run at a time.
        patience: seconds that an item may wait for its pass to begin.
        ours: errors that no single item can cause; after any other error the items of the pass are retried one by one.
        """
        self._work, self._size = work, size
        self._most_items, self._most_size = most_items, most_size
        self._patience, self._ours = patience, ours
        self._lock = Lock()
        self._free = passes
        self._running = 0  # items being processed
        self._is_beginning = False  # a pass has been appointed that has not taken its items yet
        self._queue: deque[_Waiting[T, R]] = deque()

    def result(self, item: T) -> R:
        """Return the outcome of one item, possibly from a shared pass; its own error is raised here.

        Raises:
            StoreError: no pass began in time; nothing was done.
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
        """Let the first in the queue begin a pass, if one is free and enough wait; called under the lock."""
        if self._free and self._queue and not self._is_beginning and len(self._queue) >= self._running:
            self._free -= 1
            self._is_beginning = True
            first = self._queue.popleft()
            first.leads = True
            first.told.set()

    def _withdrawn(self, mine: _Waiting[T, R]) -> bool:
        """Withdraw an item; false if its pass has begun."""
        with self._lock:
            if mine not in self._queue:
                return False
            self._queue.remove(mine)
            return True

    def _lead(self, mine: _Waiting[T, R]) -> None:
        """Run one pass with all waiting items, and hand over to the next."""
        with self._lock:
            shared = [mine, *self._company(mine)]
            self._running += len(shared)
            self._is_beginning = False
            self._appoint()
        outcomes: Sequence[tuple[R] | Exception] = [RuntimeError("the pass was broken off")] * len(shared)
        try:
            outcomes = self._outcomes(shared)
        finally:
            for waiting, outcome in zip(shared, outcomes, strict=True):
                waiting.outcome = outcome
                waiting.told.set()
            with self._lock:
                self._free += 1
                self._running -= len(shared)
                self._appoint()

    def _company(self, mine: _Waiting[T, R]) -> list[_Waiting[T, R]]:
        """The first items, within the budget."""
        found: list[_Waiting[T, R]] = []
        size = self._size(mine.item)
        while self._queue and len(found) + 1 < self._most_items:
            size += self._size(self._queue[0].item)
            if size > self._most_size:
                break
            found.append(self._queue.popleft())
        return found

    def _outcomes(self, shared: Sequence[_Waiting[T, R]]) -> list[tuple[R] | Exception]:
        """One outcome each; if the pass fails as a whole, each item is retried alone, so that one cannot fail the others."""
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
