"""Tests of `paced`: what is gathered without a thread, how long it is waited for, and what a thread reads of it then."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from vocservice.web.serving import paced
from vocservice.web.serving.paced import GATHERED_BYTES, Measure, PacedSocket

POST = b"POST /v1/feedback HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[PacedSocket, socket.socket]]:
    """A connection on which a request is about to come, and its client."""
    ours, client = socket.socketpair()
    connection = PacedSocket(fileno=ours.detach())
    connection.begin()
    with connection, client:
        yield connection, client


@pytest.mark.parametrize(
    ("begun", "rest"),
    [
        (b"GET /livez HTTP/1.1\r\n\r\n", 0),
        (b"\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 0),
        (POST + b"Content-Length: 7\r\n\r\n", 7),
        (POST + b"CONTENT-LENGTH:7\r\nX-Other: Content-Length: 9\r\n\r\n", 7),
        (POST + b"Content-Length: 7\r\n\r\n{}", 5),
        (POST + b"Content-Length: none\r\n\r\n", 0),
        (POST + b"Content-Length: 00000007\r\n\r\n", 7),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", 0),
        (CHUNKED + b"2;of=3\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n", 0),
        (CHUNKED + b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", 0),
        (CHUNKED + b"no chunk\r\n", 0),
    ],
)
def test_a_request_is_as_long_as_its_head_or_its_chunks_say(begun: bytes, rest: int) -> None:
    assert Measure().size_of(begun) == len(begun) + rest
    measure = Measure()  # the same, told byte by byte
    told = [size for end in range(1, len(begun) + 1) if (size := measure.size_of(begun[:end])) is not None]
    assert set(told) == {len(begun) + rest}


@pytest.mark.parametrize(
    "begun",
    [b"", POST, POST + b"\r", CHUNKED, CHUNKED + b"2", CHUNKED + b"5\r\n0\r\n\r\n", CHUNKED + b"0\r\nX-Trailer: y\r\n", b"\r\n\r\n"],
)
def test_what_does_not_tell_yet_is_waited_for(begun: bytes) -> None:
    assert Measure().size_of(begun) is None


@pytest.mark.parametrize("line", [b"Expect: 100-continue", b"Content-Length: " + b"9" * 5000])
def test_who_waits_for_a_thread_or_sends_without_measure_is_not_waited_for(line: bytes) -> None:
    assert (Measure().size_of(POST + line + b"\r\n\r\n") or 0) > GATHERED_BYTES


class Counted(bytes):
    """Bytes that count how many of them are searched."""

    looked = 0

    def find(self, end: bytes, start: int = 0) -> int:  # type: ignore[override]
        Counted.looked += len(self) - start
        return super().find(end, start)


@pytest.mark.parametrize(
    "sent",
    [b"x" * 4000, CHUNKED + b"1\r\nx\r\n" * 800, CHUNKED + b"1;" + b"x" * 4000, CHUNKED + b"0\r\n" + b"X-Trailer: y\r\n" * 300],
    ids=["head", "chunks", "line", "trailer"],
)
def test_what_comes_byte_by_byte_is_looked_at_once(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counted, "looked", 0)
    measure = Measure()
    for end in range(1, len(sent) + 1):
        assert measure.size_of(Counted(sent[:end])) is None
    assert Counted.looked < 5 * len(sent)


def test_a_request_is_gathered_piece_by_piece_and_read_as_it_came(pair: tuple[PacedSocket, socket.socket]) -> None:
    connection, client = pair
    whole = POST + b"Content-Length: 2\r\n\r\n{}"
    for at in range(len(whole)):
        assert not connection.gather()
        client.sendall(whole[at : at + 1])
    assert connection.gather() and not connection.is_coming and not connection.has_ended
    connection.setblocking(True)
    assert connection.recv(10) + connection.recv(1000) == whole


def test_of_two_requests_at_once_the_second_is_kept_for_its_turn(pair: tuple[PacedSocket, socket.socket]) -> None:
    connection, client = pair
    first, second = (f"GET /{name} HTTP/1.1\r\n\r\n".encode() for name in ("first", "second"))
    client.sendall(first + second)
    assert connection.gather() and connection.recv(len(first)) == first
    connection.begin(connection.ahead())
    assert connection.gather() and connection.recv(1000) == second


def test_a_large_request_is_left_to_a_thread_at_once(pair: tuple[PacedSocket, socket.socket]) -> None:
    connection, client = pair
    client.sendall(POST + f"Content-Length: {GATHERED_BYTES}\r\n\r\n".encode())
    assert connection.gather() and connection.is_coming


def test_a_head_without_an_end_is_gathered_up_to_the_limit(pair: tuple[PacedSocket, socket.socket]) -> None:
    connection, client = pair
    client.settimeout(5)
    for _ in range(GATHERED_BYTES // 4096):
        assert not connection.gather()
        client.sendall(b"x" * 4096)
    while not connection.gather():
        pass
    assert connection.has_long_head


@pytest.mark.parametrize(("sent", "patience"), [(b"", "SILENCE_SECONDS"), (POST, "PATIENCE_SECONDS")])
def test_who_is_too_slow_counts_as_gone(
    sent: bytes, patience: str, pair: tuple[PacedSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, client = pair
    client.sendall(sent)
    assert not connection.gather()
    monkeypatch.setattr(paced, patience, -1.0)
    assert connection.gather() and connection.has_ended and connection.was_silent == (not sent)
    client.sendall(b"too late")
    assert connection.recv(1000) + connection.recv(1000) == sent


def test_who_went_is_not_waited_for(pair: tuple[PacedSocket, socket.socket]) -> None:
    connection, client = pair
    client.close()
    assert connection.gather() and connection.was_silent and connection.recv(1000) == b""


def test_who_takes_nothing_of_its_answer_counts_as_gone_and_who_takes_it_has_it_whole(
    pair: tuple[PacedSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, client = pair
    connection.setblocking(True)
    answer = bytes(range(256)) * 16_384
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(lambda: b"".join(iter(lambda: client.recv(65_536), b"")))
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        assert taken.result(30) == answer
    ours, client = socket.socketpair()
    monkeypatch.setattr(paced, "TAKE_SECONDS", 0.1)
    with PacedSocket(fileno=ours.detach()) as connection, client, pytest.raises(ConnectionResetError, match="takes nothing"):
        connection.sendall(answer)


def test_whoever_has_its_answer_is_given_a_moment_to_close(
    pair: tuple[PacedSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, client = pair
    connection.leave()
    assert client.recv(1) == b""
    client.sendall(b"what it still had to say")
    assert not connection.has_left() and not connection.has_left()
    with monkeypatch.context() as later:
        later.setattr(paced, "LEAVE_SECONDS", 0.0)
        assert connection.has_left()
    client.close()
    assert connection.has_left()
