"""A costly look in, its answer out, kept for a moment."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A value that is looked up again once it is older than `seconds`; what the look raises is not kept."""

    def __init__(self, look: Callable[[], T], *, seconds: float):
        self._look, self._seconds = look, seconds
        self._lock = Lock()
        self._held: tuple[float, T] | None = None

    def value(self) -> T:
        """The value, at most so many seconds old."""
        with self._lock:
            if self._held is None or monotonic() - self._held[0] > self._seconds:
                self._held = (monotonic(), self._look())
            return self._held[1]
