"""Tests of `shares`: large requests that still come, and analyses, hold a share of the threads and no more."""

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
ONE, TWO = {"text": "It crashed."}, [{"text": "It crashed."}, {"text": "Support was lovely."}]


@pytest.mark.parametrize("threads", [4, 8, THREADS, 256])
def test_threads_are_left_to_what_is_short(threads: int) -> None:
    assert threads - shares.coming(threads) - shares.analyses(threads) >= threads // 4


@pytest.mark.parametrize("threads", [1, 2])
def test_with_few_threads_everything_is_served(threads: int) -> None:
    assert (shares.coming(threads), shares.analyses(threads)) == (1, 1)


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
    """Of a server with threads for one large request and two analyses."""
    return create_app(Analyser(slow, MODEL, load_taxonomy()), Settings(), threads=4).test_client()


def sent(client: FlaskClient, record: object, **more: Any) -> TestResponse:
    return client.post("/v1/analyse", json=record, **more)


@pytest.mark.parametrize("record", [ONE, TWO], ids=["one", "two"])
def test_who_finds_the_model_crowded_is_told_to_come_again(record: object, slow: Slow, client: FlaskClient) -> None:
    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(sent, client.application.test_client(), TWO) for _ in range(2)]
        assert slow.asked.acquire(timeout=SECONDS) and slow.asked.acquire(timeout=SECONDS)
        answer = sent(client, record)
        assert check_problem(answer, 503, "analyses_full") and answer.headers["Retry-After"].isdigit()
        page = client.post("/", data={"text": "It crashed."})
        assert (page.status_code, page.mimetype) == (503, "text/html") and "send it again" in page.text
        assert client.get("/livez").status_code == 200
        slow.may.set()
        assert [one.result(SECONDS).status_code for one in begun] == [200, 200]
    assert [sent(client, record).status_code for _ in range(3)] == [200] * 3


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
