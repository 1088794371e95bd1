"""Tests of `/metrics`: requests by the route's pattern, the store's figures, and nothing that a customer or caller sent."""

import subprocess
import sys
from pathlib import Path

import pytest
from builders import CANARY, fake_analyser
from flask.testing import FlaskClient
from jobs.stores import add, made_store, settings_in, worker_of
from prometheus_client.parser import text_string_to_metric_families

from vocservice.store import jobs
from vocservice.web.app import create_app

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(client: FlaskClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def test_requests_are_counted_by_pattern_method_and_status(client: FlaskClient) -> None:
    client.get(f"/v1/feedback/{CANARY}")
    client.post("/v1/analyse", json={"text": "Good."})
    client.get(f"/{CANARY}")
    client.open("/livez", method="BREW")
    text = client.get("/metrics").get_data(as_text=True)
    assert CANARY not in text and "BREW" not in text
    found = scraped(client)
    assert found["voc_requests_total", (("method", "POST"), ("route", "/v1/analyse"), ("status", "200"))] == 1
    assert found["voc_requests_total", (("method", "GET"), ("route", "none"), ("status", "404"))] == 1
    assert found["voc_request_seconds_count", (("method", "POST"), ("route", "/v1/analyse"))] == 1


def test_two_applications_count_for_themselves(client: FlaskClient, steps_client: FlaskClient) -> None:
    client.get("/livez")
    assert not any(name == "voc_requests_total" for name, _ in scraped(steps_client))


def test_a_service_without_a_store_says_so(client: FlaskClient) -> None:
    assert scraped(client)["voc_store_up", ()] == 0


def test_the_store_s_figures_are_those_of_now(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    store = made_store(tmp_path, settings)
    add(store, "text", "poison", "waits")
    with store.database.write() as connection:
        jobs.claim(connection, jobs.Lease("other", 600.0, 3), limit=1, kinds=("analyse",))
    worker = worker_of(store, settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"chunk": 1})}))
    assert worker.turn()
    found = scraped(create_app(fake_analyser(), settings, store.database).test_client())
    assert found["voc_store_up", ()] == 1
    assert found["voc_jobs", (("kind", "analyse"), ("state", "queued"))] == 1
    assert found["voc_jobs", (("kind", "analyse"), ("state", "running"))] == 1
    assert found["voc_records", (("status", "pending"),)] == 2
    assert found["voc_records", (("status", "failed"),)] == 1
    assert found["voc_oldest_due_seconds", (("kind", "analyse"),)] >= 0


def test_processes_of_one_server_tell_all_their_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; sys.path[:0] = ['tests']; from builders import fake_analyser; from vocservice.settings import Settings; "
    code += "from vocservice.web.app import create_app; c = create_app(fake_analyser(), Settings()).test_client(); c.get('/livez'); "
    code += "print(c.get('/metrics').get_data(as_text=True))"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    outputs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    line = 'voc_requests_total{method="GET",route="/livez",status="200"}'
    assert f"{line} 1.0" in outputs[0] and f"{line} 2.0" in outputs[1]
