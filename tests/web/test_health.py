"""Tests of `/livez`, `/readyz`, `/v1/taxonomy` and of `model`: with a model, without, when one arrives, and when another is promoted."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from builders import MODEL, FakePipeline
from databases import url_in
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import event

from vocservice.api import Analyser
from vocservice.errors import BundleError, StoreError
from vocservice.records import Analysis, RawVerbatim, Rejected, Result
from vocservice.settings import Settings, StoreSettings
from vocservice.store.analysed import promotions
from vocservice.taxonomy import load_taxonomy, parse_taxonomy_json
from vocservice.web import model
from vocservice.web.app import create_app
from vocservice.web.model import Model
from web.sending import ANALYSE, check_problem
from web.storing import Door


def missing(*_: object, **__: object) -> Analyser:
    raise BundleError("no current bundle: models/current is missing")


@pytest.fixture
def without_bundle(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(model, "load", missing)
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
    found = Model(None, Settings(), retry_seconds=0)
    monkeypatch.setattr(model, "load", missing)
    with pytest.raises(BundleError):
        found.analyser()
    monkeypatch.setattr(model, "load", lambda *_, **__: fake)
    assert found.analyser() is fake


def test_a_missing_bundle_is_not_looked_for_at_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def counted(*_: object, **__: object) -> Analyser:
        tries.append(1)
        return missing()

    monkeypatch.setattr(model, "load", counted)
    found = Model(None, Settings(), retry_seconds=60)
    for _ in range(3):
        with pytest.raises(BundleError):
            found.analyser()
    assert len(tries) == 1


def test_a_model_is_loaded_once(fake: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    monkeypatch.setattr(model, "load", lambda *_, **__: tries.append(1) or fake)
    client = create_app(settings=Settings()).test_client()
    assert [client.get("/readyz").status_code for _ in range(3)] == [200] * 3
    assert len(tries) == 1


class Named(FakePipeline):
    """Says which model it is."""

    def __init__(self, name: str):
        super().__init__()
        self._name = name

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        for found in super().analyse(records):
            yield replace(found, model=self._name) if isinstance(found, Analysis) else found


def shelf(name: str, **_: object) -> Analyser:
    """Two bundles that can be loaded, and any number that cannot."""
    if name not in ("one", "two"):
        raise BundleError("there is no such bundle")
    return Analyser(Named(name), name, load_taxonomy())


def promote(door: Door, name: str) -> None:
    with door.database.write() as connection:
        promotions.promote(connection, name, model=name, actor="test", instead_of="one")


def test_the_application_follows_what_is_promoted(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "load", shelf)
    settings = Settings(bundle="one", store=StoreSettings(keys=(SecretStr(door.sealing_key),)))
    app = create_app(None, settings, door.database)
    shared = app.extensions["vocservice"].model

    def used() -> str:
        return str(app.test_client().post(ANALYSE, json={"text": "It crashed."}).get_json()["model"])

    assert used() == "one"
    for name, serves in (("two", "two"), ("three", "two"), ("one", "one")):  # the third cannot be loaded, what served goes on
        promote(door, name)
        shared.follow()
        assert used() == serves
    promote(door, "two")
    assert create_app(None, settings, door.database).test_client().get("/readyz").get_json()["model"] == "two"


def test_nobody_waits_for_the_model_that_is_promoted(monkeypatch: pytest.MonkeyPatch) -> None:
    promoted, may_load, asked = ["one"], Event(), Event()

    def slow(name: str, **_: object) -> Analyser:
        if name == "two":
            asked.set()
            assert may_load.wait(10)
        return shelf(name)

    monkeypatch.setattr(model, "load", slow)
    monkeypatch.setattr(model, "LOOK_SECONDS", 0.0)
    found = Model(None, Settings(), promoted=lambda: promoted[0])
    assert found.analyser().model == "one"
    promoted[0] = "two"
    found.analyser()
    assert asked.wait(10) and found.analyser().model == "one"
    may_load.set()
    while found.analyser().model != "two":
        Event().wait(0.01)


def test_a_store_that_does_not_answer_changes_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise StoreError("gone")

    monkeypatch.setattr(model, "load", shelf)
    found = Model(None, Settings(bundle="one"), promoted=gone)
    assert found.analyser().model == "one"
    found.follow()
    assert found.analyser().model == "one"


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


@pytest.mark.sqlite_only
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
    store = StoreSettings(url=SecretStr(url_in(tmp_path)), keys=(SecretStr(door.sealing_key),))
    client = create_app(fake, Settings(store=store)).test_client()
    for asked in (client.get("/readyz"), client.get("/v1/feedback", headers=door.key())):
        assert "voc db upgrade" in check_problem(asked, 503, "schema_mismatch")["detail"]
    assert client.get("/livez").status_code == 200


@pytest.mark.sqlite_only
def test_27_a_store_is_not_ready_before_its_disk_is_full_to_the_last_byte(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1024**2))
    assert "1 MiB left" in check_problem(door.client.get("/readyz"), 503, "store_unavailable")["detail"]
    assert door.client.get("/livez").status_code == 200
