"""Tests of `shares`: large requests that still come hold a share of the threads and no more."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from types import SimpleNamespace
from typing import Any

import pytest
from builders import MODEL, FakePipeline
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from vocservice.api import Analyser
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.settings import Settings
from vocservice.taxonomy import load_taxonomy
from vocservice.web.app import create_app
from vocservice.web.serving import shares
from vocservice.web.serving.server import THREADS
from web.sending import check_problem

COMING = {"gunicorn.socket": SimpleNamespace(is_coming=True)}
SECONDS = 30
ONE = {"text": "It crashed."}


@pytest.mark.parametrize("threads", [4, 8, THREADS, 256])
def test_threads_are_left_to_what_is_short(threads: int) -> None:
    assert 0 < shares.coming(threads) <= threads // 4


@pytest.mark.parametrize("threads", [1, 2])
def test_with_few_threads_everything_is_served(threads: int) -> None:
    assert shares.coming(threads) == 1


class Slow(FakePipeline):
    """Analyses when it may, and tells that it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = Semaphore(0), Event()

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **options: object) -> Iterator[Result]:
        self.asked.release()
        assert self.may.wait(SECONDS)
        return super().analyse(records, **options)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def client(slow: Slow) -> FlaskClient:
    """Of a server with a thread for one large request."""
    return create_app(Analyser(slow, MODEL, load_taxonomy()), Settings(), threads=4).test_client()


def sent(client: FlaskClient, record: object, **more: Any) -> TestResponse:
    return client.post("/v1/analyse", json=record, **more)


def test_a_large_request_more_than_may_come_is_refused_unread(slow: Slow, client: FlaskClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(sent, client.application.test_client(), ONE, environ_base=COMING)
        assert slow.asked.acquire(timeout=SECONDS)
        for path in ("/v1/batches", "/v1/feedback", "/v1/analyse", "/login", "/"):
            answer = client.post(path, data=b"x", environ_base=COMING)
            assert check_problem(answer, 503, "uploads_full") and answer.headers["Retry-After"].isdigit()
        assert client.post("/v1/analyse", data=b"{", content_type="application/json").status_code == 400
        slow.may.set()
        assert begun.result(SECONDS).status_code == 200
    for body in (b'{"text": "It crashed."}', b"{", b"[]"):
        answer = client.post("/v1/analyse", data=body, content_type="application/json", environ_base=COMING)
        assert answer.status_code in {200, 400}
