"""Tests of `/livez`, `/readyz`, `/v1/taxonomy` and of `state`: with a model, without, and when one arrives."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import MODEL
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import event

from vocservice.api import Analyser
from vocservice.errors import BundleError
from vocservice.settings import Settings, StoreSettings
from vocservice.taxonomy import load_taxonomy, parse_taxonomy_json
from vocservice.web import state
from vocservice.web.app import create_app
from vocservice.web.state import Model
from web.sending import ANALYSE, check_problem
from web.storing import Door


def missing(*_: object, **__: object) -> Analyser:
    raise BundleError("no current bundle: models/current is missing")


@pytest.fixture
def without_bundle(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(state, "load", missing)
    return create_app(settings=Settings()).test_client()


def test_with_a_model_all_is_well(client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/livez").get_json() == {"status": "ok"}
    monkeypatch.chdir(tmp_path)
    assert client.get("/readyz").get_json() == {"status": "ready", "model": MODEL, "taxonomy": "voc/1.0.0", "store": "absent"}


def test_without_a_bundle_the_process_lives_but_is_not_ready(without_bundle: FlaskClient) -> None:
    assert without_bundle.get("/livez").status_code == 200
    for answer in (without_bundle.get("/readyz"), without_bundle.post(ANALYSE, json={"text": "x"})):
        assert check_problem(answer, 503, "bundle_invalid")["detail"].startswith("no current bundle")
        assert answer.headers["Retry-After"].isdigit()


def test_the_taxonomy_is_there_with_and_without_a_model(client: FlaskClient, without_bundle: FlaskClient) -> None:
    for asked in (client, without_bundle):
        answer = asked.get("/v1/taxonomy")
        assert answer.content_type == "application/json"
        assert parse_taxonomy_json(answer.data) == load_taxonomy()


def test_a_bundle_that_arrives_is_found(fake: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(None, Settings(), retry_seconds=0)
    monkeypatch.setattr(state, "load", missing)
    with pytest.raises(BundleError):
        model.analyser()
    monkeypatch.setattr(state, "load", lambda **_: fake)
    assert model.analyser() is fake


def test_a_missing_bundle_is_not_looked_for_at_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def counted(**_: object) -> Analyser:
        tries.append(1)
        return missing()

    monkeypatch.setattr(state, "load", counted)
    model = Model(None, Settings(), retry_seconds=60)
    for _ in range(3):
        with pytest.raises(BundleError):
            model.analyser()
    assert len(tries) == 1


def test_a_model_is_loaded_once(fake: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    monkeypatch.setattr(state, "load", lambda **_: tries.append(1) or fake)
    client = create_app(settings=Settings()).test_client()
    assert [client.get("/readyz").status_code for _ in range(3)] == [200] * 3
    assert len(tries) == 1


@pytest.fixture
def allow_pages(door: Door) -> Iterator[Callable[[int], None]]:
    """How many pages the file of the store may have; every connection is told."""
    most = [2**30]

    @event.listens_for(door.database.engine, "connect")
    def _tell(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[0]}")

    def allow(pages: int) -> None:
        most[0] = pages
        door.database.engine.dispose()

    yield allow
    event.remove(door.database.engine, "connect", _tell)


def test_27_a_full_disk_refuses_feedback_is_not_ready_and_heals_without_a_restart(door: Door, allow_pages: Callable[[int], None]) -> None:
    key, path = door.key(), door.source("generic")[1]

    def send(name: str) -> Any:
        body = b'{"id": "%s", "text": "It crashed.", "filling": "%s"}' % (name.encode(), os.urandom(100_000).hex().encode())
        return door.client.post(path, data=body, content_type="application/json")

    assert send("before").status_code == 202
    with door.database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    allow_pages(pages + 5)
    for refused in (send("refused"), door.client.get("/readyz")):
        check_problem(refused, 503, "store_unavailable")
        assert refused.headers["Retry-After"].isdigit()
    assert door.client.get("/livez").status_code == 200
    assert [item["source_record"] for item in door.client.get("/v1/feedback", headers=key).get_json()["items"]] == ["before"]
    allow_pages(2**30)
    assert (send("after").status_code, door.client.get("/readyz").status_code) == (202, 200)


def test_35_a_store_of_another_version_is_not_ready_and_the_remedy_is_told(fake: Analyser, door: Door, tmp_path: Path) -> None:
    with door.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store = StoreSettings(url=SecretStr(f"sqlite:///{tmp_path / 'voc.db'}"), keys=(SecretStr(door.sealing_key),))
    client = create_app(fake, Settings(store=store)).test_client()
    for asked in (client.get("/readyz"), client.get("/v1/feedback", headers=door.key())):
        assert "voc db upgrade" in check_problem(asked, 503, "schema_mismatch")["detail"]
    assert client.get("/livez").status_code == 200


def test_27_a_store_is_not_ready_before_its_disk_is_full_to_the_last_byte(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1024**2))
    assert "1 MiB left" in check_problem(door.client.get("/readyz"), 503, "store_unavailable")["detail"]
    assert door.client.get("/livez").status_code == 200
