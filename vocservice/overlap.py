"""Items and a function in, results in order out: several items at a time, each in its own thread."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


class AbandonedError(BaseException):
    """Nobody waits for the result of this thread any more: no fault of what it works on."""


class Turns:
    """A context manager that lets one thread in at a time, and none once the work is abandoned."""

    def __init__(self) -> None:
        self._lock, self._is_over = Lock(), False

    def abandon(self) -> None:
        """Let no thread in from now on: each that tries gets an `AbandonedError`."""
        self._is_over = True

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._is_over:
            self._lock.release()
            raise AbandonedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()


def overlapped(work: Callable[[Item], list[Found]], items: Iterator[Item], *, at_once: int) -> Iterator[Found]:
    """Map `work` over items, in order.

    Args:
        work: may run in several threads; its errors are raised in order.
        items: read in the caller's thread, at most `at_once + 1` ahead of the results; if reading fails,
            earlier results are yielded first.
        at_once: items in progress at a time.
    """
    broken: list[Exception] = []
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="overlap")
    try:
        for found in in_order(pool, work, _until_broken(items, broken), at_once=at_once):
            yield from found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if broken:
        raise broken[0]


def in_order(pool: Executor, work: Callable[[Item], Found], items: Iterable[Item], *, at_once: int) -> Iterator[Found]:
    """Map `work` over items in a pool, in order, where `Executor.map` would read every item first.

    Args:
        pool: has `at_once` workers; one more item is queued, so that none idles.
        work: its errors are raised in order.
        items: read on demand.
        at_once: items in progress at a time.
    """
    waiting: deque[Future[Found]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > at_once:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _until_broken(items: Iterable[Item], broken: list[Exception]) -> Iterator[Item]:
    """The items up to an error, which is stored."""
    try:
        yield from items
    except Exception as error:
        broken.append(error)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
