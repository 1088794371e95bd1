"""A listening socket in, connections out on which a request must keep coming: who sends too slowly counts as gone.

What comes is gathered without a thread: a thread that waited for it could be held by anybody who sends nothing, and as many senders
as there are threads could stop a process. Only a request too large to be gathered is read by its thread as it comes.
"""

import errno
import re
import select
import socket
from time import monotonic
from typing import Any

SILENCE_SECONDS = 5.0  # for the first byte
PATIENCE_SECONDS = 15.0  # for what comes at no speed at all
BYTES_PER_SECOND = 4096  # each this many more that came give a second more
GATHERED_BYTES = 64 * 1024
TAKE_SECONDS = 30.0  # without a byte of the answer taken
LEAVE_SECONDS = 2.0  # for a client to hear the answer and to close
_LONGEST_NUMBER = 15
_BODY_SIZE = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_IN_CHUNKS = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"


class PacedSocket(socket.socket):
    """A connection whose requests are waited for as long as they keep their pace.

    Attributes:
        is_coming: the request is too large to be gathered whole, and still comes.
        has_ended: nothing more is read from it: its sender went, or was too slow.
        has_long_head: as many bytes as are gathered hold no whole head.
    """

    def begin(self, ahead: bytes = b"") -> None:
        """A request is about to come; these bytes of it, and then those not read yet, have come with the one before."""
        self.setblocking(False)
        self._gathered = bytearray(ahead) + getattr(self, "_gathered", b"")
        self._began, self._received = monotonic(), len(self._gathered)
        self._size: int | None = None
        self.is_coming = self.has_ended = self.has_long_head = False

    @property
    def was_silent(self) -> bool:
        """Whether it ended before anything came."""
        return self.has_ended and not self._received

    def gather(self) -> bool:
        """Take what has come, without waiting; whether that is all that can be waited for without a thread."""
        if len(self._gathered) < GATHERED_BYTES:
            self._take()
        self.has_ended = self.has_ended or not self._left()
        self._size = self._size or size_of(bytes(self._gathered))
        is_full = len(self._gathered) >= GATHERED_BYTES
        is_whole = self.has_ended or (self._size is not None and self._size <= len(self._gathered))
        self.has_long_head = is_full and _END not in self._gathered
        self.is_coming = not is_whole and (is_full or (self._size or 0) > GATHERED_BYTES)
        return is_whole or self.is_coming

    def resume(self) -> None:
        """A thread reads on; the time until there was one does not count."""
        self._began = monotonic()

    def ahead(self) -> bytes:
        """What was gathered and not read yet: the begin of the next request."""
        found, self._gathered = bytes(self._gathered), bytearray()
        return found

    def recv(self, size: int, flags: int = 0) -> bytes:
        """What came; nothing, as from a sender who went, when the request comes too slowly. Other time-outs hold beside."""
        if self._gathered:
            data = bytes(self._gathered[:size])
            del self._gathered[:size]
            return data
        if self.has_ended or (self.gettimeout() is None and not self._is_ready(select.POLLIN, self._left())):
            self.has_ended = True
            return b""
        data = super().recv(size, flags)
        self._received += len(data)
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send an answer.

        Raises:
            ConnectionResetError: its client takes nothing of it, and counts as gone.
        """
        left = memoryview(data)
        while left:
            if not self._is_ready(select.POLLOUT, TAKE_SECONDS if self.gettimeout() is None else 0.0):
                raise ConnectionResetError(errno.ECONNRESET, "the client takes nothing of its answer")
            left = left[self.send(left, flags | socket.MSG_DONTWAIT) :]

    def leave(self) -> None:
        """Nothing more is said; the client is given time to hear what was."""
        self.setblocking(False)
        self._began = monotonic()
        try:
            self.shutdown(socket.SHUT_WR)
        except OSError:
            self._began -= LEAVE_SECONDS

    def has_left(self) -> bool:
        """Whether the client closed too, or had its time; what it sends is passed over, as closing on it would take back the answer."""
        if monotonic() >= self._began + LEAVE_SECONDS:
            return True
        try:
            return not super().recv(GATHERED_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _take(self) -> None:
        try:
            data = super().recv(GATHERED_BYTES - len(self._gathered))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._gathered += data
        self._received += len(data)
        self.has_ended = not data

    def _left(self) -> float:
        """Seconds for which more is waited for."""
        allowed = PATIENCE_SECONDS + self._received / BYTES_PER_SECOND if self._received else SILENCE_SECONDS
        return max(0.0, self._began + allowed - monotonic())

    def _is_ready(self, event: int, seconds: float) -> bool:
        waiting = select.poll()
        waiting.register(self, event)
        return bool(waiting.poll(1000 * seconds))


class PacedListener:
    """A listening socket whose connections are paced."""

    def __init__(self, listener: socket.socket):
        self._listener = listener

    def accept(self) -> tuple[PacedSocket, Any]:
        """The next connection, and who it is from."""
        accepted, address = self._listener.accept()
        return PacedSocket(fileno=accepted.detach()), address

    def getsockname(self) -> Any:
        """Where it listens."""
        return self._listener.getsockname()


def size_of(begun: bytes) -> int | None:
    """Bytes of a request, head and body; None while those that came do not tell."""
    end = begun.find(_END, 2)  # one empty line may come first
    if end < 0:
        return None
    head, body = begun[: end + 2], end + len(_END)
    if _EXPECTS.search(head):
        return body + GATHERED_BYTES  # more is sent only once a thread has asked for it
    if _IN_CHUNKS.search(head):
        return _end_of_chunks(begun, body)
    found = _BODY_SIZE.search(head)
    digits = found[1] if found else b"0"
    return body + (int(digits) if len(digits) <= _LONGEST_NUMBER else GATHERED_BYTES)


def _end_of_chunks(begun: bytes, at: int) -> int | None:
    """Where the last of the chunks ends that begin here; what are none is for whoever reads them to refuse."""
    while at < len(begun):
        found = _CHUNK.match(begun, at)
        if found is None:
            return None if b"\r\n" not in begun[at:] else len(begun)
        size = int(found[1], 16)
        if not size:
            end = begun.find(_END, found.end() - 2)
            return None if end < 0 else end + len(_END)
        at = found.end() + size + 2
    return None
