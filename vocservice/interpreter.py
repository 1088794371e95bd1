"""A block of code in, the same with the interpreter set for many live records and busy threads out.

Otherwise the collector would scan all that is alive, the loaded libraries included, every few thousand records, while every thread
waits; and a thread of the encoder could wait five milliseconds for another one to let go of Python's lock.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

ALLOCATIONS = 200_000
SWITCH_SECONDS = 0.0005
_lock = Lock()
_inside = 0
_usual = gc.get_threshold(), sys.getswitchinterval()


@contextmanager
def under_load() -> Iterator[None]:
    """Within the block, garbage is collected after 200,000 new objects, and threads take turns every half millisecond.

    Blocks of several threads may overlap.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _usual
    with _lock:
        if not _inside:
            _usual = gc.get_threshold(), sys.getswitchinterval()
            gc.set_threshold(ALLOCATIONS, *_usual[0][1:])
            sys.setswitchinterval(SWITCH_SECONDS)
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside:
            gc.set_threshold(*_usual[0])
            sys.setswitchinterval(_usual[1])
