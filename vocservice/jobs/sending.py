"""A checked target, headers and a body in, the status of the answer out: one POST, no redirect, fifteen seconds in total."""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer

from vocservice.jobs.backoff import retry_after
from vocservice.jobs.guard import Target

TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an endpoint; `status` is None without one, `retry_after` the requested delay in seconds."""

    status: int | None
    retry_after: float | None = None


Send = Callable[[Target, Mapping[str, str], bytes], Answer]


class _Checked(http.client.HTTPConnection):
    """Connects to the checked address, and verifies the certificate for the requested name."""

    def __init__(self, target: Target, timeout: float):
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target
        self.default_port = http.client.HTTPS_PORT if target.scheme == "https" else http.client.HTTP_PORT

    def connect(self) -> None:
        self.sock = socket.create_connection((self._target.address, self._target.port), self.timeout)
        if self._target.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._target.host)


def post(target: Target, headers: Mapping[str, str], body: bytes, *, timeout: float = TIMEOUT) -> Answer:
    """Send; the body of the answer is not read."""
    connection = _Checked(target, timeout)
    deadline = Timer(timeout, _cut, (connection,))
    deadline.daemon = True
    deadline.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, retry_after(answer.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(None)
    finally:
        deadline.cancel()
        connection.close()


def exchange(
    target: Target, method: str, headers: Mapping[str, str], body: bytes | None = None, *, most_bytes: int
) -> tuple[int, bytes] | None:
    """Request and read the answer: status and body; None if it is late or too large."""
    connection = _Checked(target, TIMEOUT)
    deadline = Timer(TIMEOUT, _cut, (connection,))
    deadline.daemon = True
    deadline.start()
    try:
        connection.request(method, target.path, body, dict(headers))
        answer = connection.getresponse()
        content = answer.read(most_bytes + 1)
        return (answer.status, content) if len(content) <= most_bytes else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        deadline.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    """Cuts off an endpoint that answers too slowly."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
