"""Tests of `limits` and `kept`: buckets fill evenly, callers do not share them, and a Redis that is gone limits nobody."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from builders import fake_analyser
from databases import url_in
from pydantic import SecretStr

from vocservice.settings import Settings, StoreSettings
from vocservice.web.app import create_app
from vocservice.web.kept import Kept
from vocservice.web.requests import limits
from vocservice.web.requests.limits import MOST_CALLERS, Limiter, OwnBuckets, RedisBuckets, limiter
from web.storing import Door
from web.visiting import Office


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def allowed(made: Limiter, caller: str, times: int) -> int:
    return sum(1 for _ in range(times) if (spent := made.spend(caller)) is None or spent.is_allowed)


def test_a_bucket_fills_evenly() -> None:
    clock = Clock()
    made = Limiter(60, OwnBuckets(clock))
    assert allowed(made, "a", 100) == 60
    assert allowed(made, "b", 1) == 1
    clock.now = 5.5
    assert allowed(made, "a", 100) == 5
    clock.now = 3600
    assert allowed(made, "a", 100) == 60


def test_it_is_told_when_to_come_again() -> None:
    clock = Clock()
    made = Limiter(6, OwnBuckets(clock))
    allowed(made, "a", 6)
    spent = made.spend("a")
    assert spent and not spent.is_allowed and spent.retry_seconds == 10
    assert dict(spent.headers) == {"RateLimit-Limit": "6", "RateLimit-Remaining": "0", "RateLimit-Reset": "60"}


def test_no_limit_is_none() -> None:
    assert limiter(0, redis_url="").spend("a") is None


def test_threads_share_a_bucket() -> None:
    made, counts = Limiter(100, OwnBuckets(Clock())), []
    threads = [Thread(target=lambda: counts.append(allowed(made, "a", 50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100


def test_only_so_many_callers_are_remembered() -> None:
    buckets = OwnBuckets(Clock())
    for number in range(MOST_CALLERS + 10):
        buckets.take(str(number), limit=1)
    assert len(buckets._held) == MOST_CALLERS


def test_22_while_redis_is_gone_there_is_no_limit_and_it_is_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Limiter(1, RedisBuckets(f"redis://127.0.0.1:{port}/0"))
    assert allowed(made, "a", 5) == 5
    assert made.opened == 5


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """Of a server of our own that answers."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--dir", str(tmp_path), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(600):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            break
        time.sleep(0.1)
    yield f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()


def test_22_processes_share_the_buckets_of_redis_and_callers_do_not(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_CONNECT_SECONDS", 20.0)  # a busy machine may take long to answer
    here, there = (limiter(2, redis_url=redis_url) for _ in range(2))
    first, second = here.spend("a"), there.spend("a")
    assert first and second and first.level == 1 and second.level < 1  # one comes back in half a minute
    other = here.spend("b")
    assert other and other.level == 1
    strict = Limiter(3, RedisBuckets(redis_url))
    answers = [strict.spend("c") for _ in range(4)]
    assert [answer and answer.is_allowed for answer in answers] == [True, True, True, False]
    assert (here.opened, there.opened, strict.opened) == (0, 0, 0)


def test_22_a_redis_that_is_gone_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    clock, buckets = Clock(), RedisBuckets("redis://127.0.0.1:1/0")

    def gone() -> None:
        asked.append(clock.now)
        raise OSError

    monkeypatch.setattr(limits, "monotonic", clock)
    monkeypatch.setattr(buckets, "_script", gone)
    for clock.now in (100.0, 101.0, 104.9, 105.1, 106.0):
        assert buckets.take("a", limit=1) is None
    assert asked == [100.0, 105.1]


def test_22_a_redis_that_does_not_answer_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made, began = Limiter(1, RedisBuckets(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")), time.monotonic()
        assert made.spend("a") is None and made.opened == 1
    assert time.monotonic() - began < 3  # the client would wait for five by itself


def test_22_feedback_is_still_taken_while_redis_is_gone_and_the_metric_says_so(door: Door) -> None:
    held = door.app.extensions["vocservice"].limiter
    held._buckets = RedisBuckets("redis://127.0.0.1:1/0")
    assert door.client.post("/v1/feedback", json={"text": "It broke."}, headers=door.key("feedback:write")).status_code == 202
    assert "voc_unlimited_requests_total 1.0" in door.client.get("/metrics").get_data(as_text=True)


def test_29_pages_and_intake_work_while_redis_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, monkeypatch)
    store = StoreSettings(url=SecretStr(url_in(tmp_path)), keys=(SecretStr(office.door.sealing_key),))
    office.app = create_app(fake_analyser(), Settings(store=store, redis_url=SecretStr("redis://127.0.0.1:1/0")), office.database)
    record, browser = office.record(), office.browser("admin")
    for path in ("/desk", f"/desk/{record}", "/workbench", "/admin/sources"):
        assert browser.client.get(path).status_code == 200, path
    assert browser.send(f"/desk/{record}", f"/desk/{record}", {"decision": "confirm"}).status_code == 303
    taken = office.app.test_client().post("/v1/feedback", json={"text": "It broke."}, headers=office.door.key("feedback:write"))
    assert taken.status_code == 202
    office.door.close()


def test_what_is_kept_is_looked_up_again_when_it_is_old_and_failures_are_not_kept() -> None:
    answers = iter([1, RuntimeError(), 2])

    def look() -> int:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    kept = Kept(look, seconds=60)
    assert [kept.value(), kept.value()] == [1, 1]
    kept._seconds = -1
    with pytest.raises(RuntimeError):
        kept.value()
    assert kept.value() == 2
