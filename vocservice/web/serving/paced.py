"""A listening socket in, connections out on which a request must keep coming: who sends too slowly counts as gone.

A thread waits for the request that it reads. Without an end to that, as many senders as there are threads could stop a process.
"""

import select
import socket
from time import monotonic
from typing import Any

PATIENCE_SECONDS = 15.0  # for what comes at no speed at all
BYTES_PER_SECOND = 4096  # each this many more that came give a second more


class PacedSocket(socket.socket):
    """A connection whose requests are waited for as long as they keep their pace."""

    def begin(self) -> None:
        """A request is about to be read."""
        self._began, self._received = monotonic(), 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """What came; nothing, as from a sender who went, when the request comes too slowly. Other time-outs hold beside."""
        if self.gettimeout() is None and not self._has_come():
            return b""
        data = super().recv(size, flags)
        self._received += len(data)
        return data

    def _has_come(self) -> bool:
        allowed = PATIENCE_SECONDS + self._received / BYTES_PER_SECOND
        waiting = select.poll()
        waiting.register(self, select.POLLIN)
        return bool(waiting.poll(1000 * max(0.0, self._began + allowed - monotonic())))


class PacedListener:
    """A listening socket whose connections are paced."""

    def __init__(self, listener: socket.socket):
        self._listener = listener

    def accept(self) -> tuple[PacedSocket, Any]:
        """The next connection, and who it is from."""
        accepted, address = self._listener.accept()
        paced = PacedSocket(fileno=accepted.detach())
        paced.begin()
        return paced, address

    def getsockname(self) -> Any:
        """Where it listens."""
        return self._listener.getsockname()
