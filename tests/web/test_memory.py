"""Tests of what requests leave in memory: nothing. `test_server` counts the memory and the files of a whole process, coarsely."""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from web.storing import Door

Ask = Callable[[Door, str, int], TestResponse]
ROUND, ROUNDS, BYTES = 25, 4, 512  # a leak of one small buffer a request is more, and in every round


def record(number: int) -> bytes:
    return json.dumps({"id": f"r-{number}", "text": "It crashed."}).encode()


def post(door: Door, path: str, body: bytes, **headers: str) -> TestResponse:
    return door.client.post(path, data=body, content_type="application/json", headers=headers)


ASKED: dict[str, tuple[int, Ask]] = {
    "probe": (200, lambda door, path, _: door.client.head(path)),
    "new delivery": (202, lambda door, path, number: post(door, path, record(number))),
    "new version": (202, lambda door, path, number: post(door, path, json.dumps({"id": "r", "text": f"Words {number}."}).encode())),
    "duplicate": (200, lambda door, path, _: post(door, path, record(-1))),
    "unusable body": (202, lambda door, path, number: post(door, path, b"{" + str(number).encode())),
    "unknown url": (401, lambda door, path, number: post(door, f"/v1/hooks/{number}", b"{}")),
    "unknown path": (404, lambda door, path, number: door.client.get(f"/{number}")),
    "unknown key": (401, lambda door, path, number: post(door, "/v1/feedback", b"{}", Authorization=f"Bearer voc_{number}")),
    "analysis": (200, lambda door, path, number: post(door, "/v1/analyse", record(number))),
    "broken json": (400, lambda door, path, number: post(door, "/v1/analyse", b"{" + str(number).encode())),
    "too large": (413, lambda door, path, _: post(door, "/v1/analyse", b" " * 70_000)),
    "readiness": (200, lambda door, path, _: door.client.get("/readyz")),
}


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("asked", ASKED)
def test_36_a_request_leaves_nothing_in_memory(asked: str, tmp_path: Path) -> None:
    door = Door(tmp_path, max_body_bytes=65_536)
    _, path = door.source("generic")
    post(door, path, record(-1))
    status, ask = ASKED[asked]
    numbers = count()

    def left() -> int:
        """Bytes that more requests leave."""
        before = _held()
        assert {ask(door, path, next(numbers)).status_code for _ in range(ROUND)} == {status}
        return _held() - before

    left()  # what is made once
    assert min(left() for _ in range(ROUNDS)) < BYTES * ROUND
    door.close()


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
