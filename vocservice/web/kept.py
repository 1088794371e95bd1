"""An expensive look-up in, its cached value out."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A value cached for `seconds`; errors of the look-up are not cached."""

    def __init__(self, look: Callable[[], T], *, seconds: float):
        self._look, self._seconds = look, seconds
        self._lock = Lock()
        self._held: tuple[float, T] | None = None

    def value(self) -> T:
        """The value, at most `seconds` old."""
        with self._lock:
            if self._held is None or monotonic() - self._held[0] > self._seconds:
                self._held = (monotonic(), self._look())
            return self._held[1]
