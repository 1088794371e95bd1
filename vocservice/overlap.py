"""Items and a function in, results in order out: several items at a time, each in its own thread."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


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
