"""Tests of `/livez`, `/readyz`, `/v1/taxonomy` and of `state`: with a model, without, and when one arrives."""

from pathlib import Path

import pytest
from builders import MODEL
from flask.testing import FlaskClient

from vocservice.api import Analyser
from vocservice.errors import BundleError
from vocservice.settings import Settings
from vocservice.taxonomy import load_taxonomy, parse_taxonomy_json
from vocservice.web import state
from vocservice.web.app import create_app
from vocservice.web.state import Model
from web.sending import ANALYSE, check_problem


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
