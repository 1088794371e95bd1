"""A block of code in, the same with rare garbage collection out: for work with many live records and no cyclic garbage.

The collector would scan all that is alive, the loaded libraries included, every few thousand records, while every thread waits.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

ALLOCATIONS = 200_000
_lock = Lock()
_inside = 0
_usual = gc.get_threshold()


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Within the block, objects are scanned after 200,000 new ones; blocks of several threads may overlap."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _usual
    with _lock:
        if not _inside:
            _usual = gc.get_threshold()
            gc.set_threshold(ALLOCATIONS, *_usual[1:])
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside:
            gc.set_threshold(*_usual)
