"""The processes of a server in, which of them has the fewest open connections out.

All accept from one socket, and a connection stays with the process that took it: without this, one process often has twice the
connections of another, and works while that one idles.
"""

from mmap import mmap

_SIZE = 4  # bytes of a count
_NOBODY = -1


class Siblings:
    """Open connections of each process, in memory that all share. Each writes its own count only, so no lock is needed."""

    def __init__(self, processes: int):
        self._counts = memoryview(mmap(-1, _SIZE * processes)).cast("i")
        self._free = set(range(processes))
        for place in range(processes):
            self.tell(place, _NOBODY)

    def enter(self) -> int | None:
        """A place for a new process, before it is forked; None if there are more than planned, as during a reload."""
        return self._free.pop() if self._free else None

    def leave(self, place: int | None) -> None:
        """Give back the place of an ended process."""
        if place is not None:
            self.tell(place, _NOBODY)
            self._free.add(place)

    def tell(self, place: int | None, connections: int) -> None:
        """Set the open connections of a process that accepts them."""
        if place is not None:
            self._counts[place] = connections

    def has_more(self, place: int | None) -> bool:
        """Whether a process has more connections than another one that accepts them."""
        return place is not None and any(_NOBODY < count < self._counts[place] for count in self._counts)
