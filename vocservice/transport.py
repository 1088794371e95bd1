"""A request in, the value of its answer out: the HTTP layer of the client, with retries.

It retries after 429, 502, 503 or 504, after 409 for a request still being answered, and after a broken
connection if the request is idempotent. `Retry-After` is honoured.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from vocservice.errors import ApiError, ConfigError
from vocservice.jobs.backoff import half_jitter, retry_after

AGAIN = frozenset({429, 502, 503, 504})
TOO_LARGE = 413
BUSY = "idempotency_busy"
JSON = "application/json"
_PIECE = 1024**2
_CONNECTIONS: Mapping[str, type[http.client.HTTPConnection]] = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `is_repeatable` if it is idempotent."""

    method: str
    path: str
    body: bytes | BinaryIO | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """A service with retry settings; holds no connection.

    `tries` per request, `timeout` in seconds per step, `longest_wait` in seconds between two tries: if a service
    asks for a longer pause, there is no retry.
    """

    url: str
    key: str = field(default="", repr=False)
    tries: int = 4
    timeout: float = 30.0
    longest_wait: float = 60.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _CONNECTIONS or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError("the URL of a service is http:// or https:// with a host, perhaps a port and a path")
        if not (self.key.isascii() and self.key.isprintable()):
            raise ConfigError("an API key is one line of plain letters, digits and signs")  # http.client would quote it in its error

    def _answer(self, request: Request, *, into: BinaryIO | None = None) -> Any:
        """Return the value of the answer, with retries; with `into` the body is written there.

        Raises:
            ApiError: the service refused, or could not be reached (`unreachable`, status 503).
            OSError: the file cannot be written.
        """
        for attempt in range(1, self.tries + 1):
            try:
                return self._tried(request, into)
            except ApiError as error:
                pause = (
                    half_jitter(attempt, first=0.5, factor=2.0, most=self.longest_wait) if error.retry_after is None else error.retry_after
                )
                if attempt == self.tries or not _may_help(error, request) or pause > self.longest_wait:
                    raise
            self.sleep(pause)
        raise AssertionError("tries is at least one")

    def _tried(self, request: Request, into: BinaryIO | None) -> Any:
        parts = urlsplit(self.url)
        with closing(_CONNECTIONS[parts.scheme](parts.hostname or "", parts.port, timeout=self.timeout)) as connection:
            with _reached():
                _send(connection, request, parts.path.rstrip("/"), {"Authorization": f"Bearer {self.key}"} if self.key else {})
                answer = connection.getresponse()
                if answer.status >= http.client.MULTIPLE_CHOICES:
                    raise _refusal(answer.status, answer.headers.get("Retry-After"), answer.read())
                if into is None:
                    return _value(answer.read())
            return _save(answer, into)


@contextmanager
def _reached() -> Iterator[None]:
    """Treat errors in the block as connection errors."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise ApiError(f"the service cannot be reached ({type(error).__name__})", code="unreachable") from None


def _send(connection: http.client.HTTPConnection, request: Request, prefix: str, key: Mapping[str, str]) -> None:
    """Send a request; a service may refuse it before reading everything and close the connection: its answer is still read."""
    if request.body and not isinstance(request.body, bytes):
        request.body.seek(0)
    try:
        connection.request(request.method, prefix + request.path, request.body, {"Accept": JSON, **key, **request.headers})
    except (BrokenPipeError, ConnectionResetError):
        if connection.sock is None:
            raise


def _save(answer: http.client.HTTPResponse, file: BinaryIO) -> None:
    """Write an answer over an earlier attempt's; a full disk is not a connection error."""
    file.seek(0)
    file.truncate()
    while piece := _piece(answer):
        file.write(piece)


def _piece(answer: http.client.HTTPResponse) -> bytes:
    """Read the next bytes of an answer, detecting premature ends, which chunked reading would miss."""
    with _reached():
        piece = answer.read(_PIECE)
        if not piece and answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        return piece


def _value(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise ApiError("the service did not answer with JSON; is it one of this kind?", code="answer_unreadable") from None


def _refusal(status: int, pause: str | None, body: bytes) -> ApiError:
    """The problem in an answer; a proxy may return another kind of answer."""
    try:
        problem = json.loads(body)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = f"http_{status}", f"the answer has status {status} and is no problem+json"
    return ApiError(detail, code=code, status=status, retry_after=retry_after(pause))


def _may_help(error: ApiError, request: Request) -> bool:
    if error.code in ("unreachable", "answer_unreadable"):
        return error.code == "unreachable" and request.is_repeatable
    return error.status in AGAIN or error.code == BUSY
