"""A listening socket in, connections with a minimum pace out: a sender that is too slow counts as disconnected.

Incoming bytes are buffered without a thread; otherwise a client that sends nothing would hold one, and as many clients
as there are threads could block a process. Only a request too large to buffer is read by its thread.
"""

import errno
import re
import select
import socket
from time import monotonic
from typing import Any

SILENCE_SECONDS = 5.0  # for the first byte
PATIENCE_SECONDS = 15.0  # for a request that arrives at no speed at all
BYTES_PER_SECOND = 4096  # this many further bytes add a second
GATHERED_BYTES = 64 * 1024
TAKE_SECONDS = 30.0  # without a byte of the answer taken
LEAVE_SECONDS = 2.0  # for a client to read the answer and close
_LONGEST_NUMBER = 15
_BODY_SIZE = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_IN_CHUNKS = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r\n", re.IGNORECASE)
_LINE, _END = b"\r\n", b"\r\n\r\n"


class PacedSocket(socket.socket):
    """A connection that waits for requests as long as they keep their pace.

    Attributes:
        is_coming: the request is too large to buffer, and still arriving.
        has_ended: nothing more is read: its sender disconnected, or was too slow.
        has_long_head: the buffer is full without a complete head.
    """

    def begin(self, ahead: bytes = b"") -> None:
        """Prepare for the next request; these bytes and the unread rest arrived with the previous one."""
        self.setblocking(False)
        self._gathered = bytearray(ahead) + getattr(self, "_gathered", b"")
        self._began, self._received = monotonic(), len(self._gathered)
        self._measure = Measure()
        self.is_coming = self.has_ended = self.has_long_head = False

    @property
    def was_silent(self) -> bool:
        """Whether it ended before any byte arrived."""
        return self.has_ended and not self._received

    def gather(self) -> bool:
        """Read what has arrived, without blocking; true if no more needs to be awaited without a thread."""
        if len(self._gathered) < GATHERED_BYTES:
            self._take()
        self.has_ended = self.has_ended or not self._left()
        size = self._measure.size_of(self._gathered)
        is_full = len(self._gathered) >= GATHERED_BYTES
        is_whole = self.has_ended or (size is not None and size <= len(self._gathered))
        self.has_long_head = is_full and _END not in self._gathered
        self.is_coming = not is_whole and (is_full or (size or 0) > GATHERED_BYTES)
        return is_whole or self.is_coming

    def resume(self) -> None:
        """A thread takes over; the time spent waiting for one does not count."""
        self._began = monotonic()

    def ahead(self) -> bytes:
        """The buffered, unread bytes: the beginning of the next request."""
        found, self._gathered = bytes(self._gathered), bytearray()
        return found

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive bytes; empty, as after a disconnect, if the request is too slow. Other time-outs still apply."""
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
            ConnectionResetError: the client does not read it, and counts as disconnected.
        """
        left = memoryview(data)
        while left:
            if not self._is_ready(select.POLLOUT, TAKE_SECONDS if self.gettimeout() is None else 0.0):
                raise ConnectionResetError(errno.ECONNRESET, "the client takes nothing of its answer")
            left = left[self.send(left, flags | socket.MSG_DONTWAIT) :]

    def leave(self) -> None:
        """Stop sending; give the client time to read the answer."""
        self.setblocking(False)
        self._began = monotonic()
        try:
            self.shutdown(socket.SHUT_WR)
        except OSError:
            self._began -= LEAVE_SECONDS

    def has_left(self) -> bool:
        """Whether the client has closed or its time is up; its data is discarded, because closing on unread data would drop the answer."""
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
        """Seconds left to wait for more."""
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
        """Accept the next connection, with its address."""
        accepted, address = self._listener.accept()
        return PacedSocket(fileno=accepted.detach()), address

    def getsockname(self) -> Any:
        """Where it listens."""
        return self._listener.getsockname()


class Measure:
    """Finds the length of a request as more of it arrives; bytes are scanned only once."""

    def __init__(self) -> None:
        self._size: int | None = None
        self._from = 2  # where to continue the scan; one empty line may come first
        self._chunk: int | None = None  # start of a chunk, once the head is complete and the body is chunked
        self._is_last = False  # that chunk is the last one

    def size_of(self, begun: bytes | bytearray) -> int | None:
        """Bytes of head and body; None if not yet known."""
        if self._size is None:
            self._size = self._of_head(begun) if self._chunk is None else self._of_chunks(begun)
        return self._size

    def _of_head(self, begun: bytes | bytearray) -> int | None:
        end = self._found(begun, _END)
        if end < 0:
            return None
        head, body = begun[: end + 2], end + len(_END)
        if _EXPECTS.search(head):
            return body + GATHERED_BYTES  # the client sends more only once a thread has asked for it
        if _IN_CHUNKS.search(head):
            self._chunk = self._from = body
            return self._of_chunks(begun)
        found = _BODY_SIZE.search(head)
        digits = found[1] if found else b"0"
        return body + (int(digits) if len(digits) <= _LONGEST_NUMBER else GATHERED_BYTES)

    def _of_chunks(self, begun: bytes | bytearray) -> int | None:
        """End of the last chunk; malformed chunks are left to the reader to refuse."""
        while not self._is_last:
            if self._found(begun, _LINE) < 0:
                return None
            found = _CHUNK.match(begun, self._chunk or 0)
            if found is None:
                return len(begun)
            size = int(found[1], 16)
            self._is_last = not size
            self._chunk = self._from = found.end() + size + len(_LINE) if size else found.end() - len(_LINE)
        end = self._found(begun, _END)
        return None if end < 0 else end + len(_END)

    def _found(self, begun: bytes | bytearray, end: bytes) -> int:
        """Find a terminator, continuing from the last search; -1 if it has not arrived."""
        at = begun.find(end, self._from)
        if at < 0:
            self._from = max(self._from, len(begun) - len(end) + 1)
        return at
