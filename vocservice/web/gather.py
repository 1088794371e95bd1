"""Single records of many requests in, their results out: those that come while the model is busy share its next pass.

Nobody waits for company: a record that finds the model free goes at once. There is no thread of its own; the first request
that finds nobody at work takes along whatever waits, up to a budget of characters, which stand for tokens.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Condition

from vocservice.records import RawVerbatim, Rejected, Result

MOST_RECORDS = 64
MOST_CHARACTERS = 32_000

Analyse = Callable[[Iterable[RawVerbatim | Rejected]], Iterable[Result]]


@dataclass(eq=False, slots=True)
class _Waiting:
    """A record and, once its pass is over, what came of it."""

    record: RawVerbatim | Rejected
    analyse: Analyse
    outcome: Result | Exception | None = None


class Gatherer:
    """One pass of the model at a time; thread-safe."""

    def __init__(self, *, most_records: int = MOST_RECORDS, most_characters: int = MOST_CHARACTERS):
        self._most_records, self._most_characters = most_records, most_characters
        self._turn = Condition()
        self._queue: deque[_Waiting] = deque()
        self._is_busy = False

    def result(self, record: RawVerbatim | Rejected, analyse: Analyse) -> Result:
        """The result of one record, from a pass that it may share; what `analyse` raises for it alone is raised here."""
        mine = _Waiting(record, analyse)
        with self._turn:
            self._queue.append(mine)
        while True:
            with self._turn:
                self._turn.wait_for(lambda: mine.outcome is not None or not self._is_busy)
                if mine.outcome is not None:
                    break
                self._is_busy, shared = True, self._taken()
            self._pass(shared)
        if isinstance(mine.outcome, Exception):
            raise mine.outcome
        return mine.outcome

    def _taken(self) -> list[_Waiting]:
        """Those who came first, for the same model, within the budget; at least one."""
        shared = [self._queue.popleft()]
        size = _size(shared[0].record)
        while self._queue and len(shared) < self._most_records and self._queue[0].analyse == shared[0].analyse:
            size += _size(self._queue[0].record)
            if size > self._most_characters:
                break
            shared.append(self._queue.popleft())
        return shared

    def _pass(self, shared: Sequence[_Waiting]) -> None:
        outcomes: Sequence[Result | Exception] = [RuntimeError("the pass was broken off")] * len(shared)
        try:
            outcomes = _outcomes(shared)
        finally:
            with self._turn:
                for waiting, outcome in zip(shared, outcomes, strict=True):
                    waiting.outcome = outcome
                self._is_busy = False
                self._turn.notify_all()


def _outcomes(shared: Sequence[_Waiting]) -> list[Result | Exception]:
    """One outcome each; where the pass fails as a whole each record goes alone, so that one does not take the others along."""
    try:
        found = list(shared[0].analyse([waiting.record for waiting in shared]))
        if len(found) == len(shared):
            return [*found]
        error: Exception = RuntimeError("the model gave another number of results than records")
    except Exception as raised:
        error = raised
    return [error] if len(shared) == 1 else [outcome for waiting in shared for outcome in _outcomes([waiting])]


def _size(record: RawVerbatim | Rejected) -> int:
    if isinstance(record, Rejected):
        return 0
    return len(record.text or "") + sum(len(turn.text) for turn in record.turns)
