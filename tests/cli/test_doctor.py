"""Tests of `voc doctor`: each fault is found, has a remedy, and gives exit code 1."""

import json
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import FakePipeline, analysis, fake_analyser, has_current_bundle, saved

from vocservice import api
from vocservice.cli import doctor
from vocservice.errors import BundleError
from vocservice.records import Analysis, RawVerbatim, Rejected, Sentiment

from .conftest import Ran, Voc

NAMES = ["python", "packages", "disk", "settings", "threads", "redaction", "bundle", "hashes", "taxonomy", "analysis", "sentiment"]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A bundle that loads, and knows good from bad."""
    monkeypatch.setattr(FakePipeline, "_result", lambda _, record: scored(record, 0.9 if record.text == doctor.PRAISE else -0.9))
    monkeypatch.setattr(api, "load", lambda *_, **__: fake_analyser())
    return tmp_path


def scored(record: RawVerbatim, score: float) -> Analysis:
    """An analysis of a record, of this sentiment."""
    return analysis(record.text or "", id=record.id, sentiment=Sentiment(round(2 * score), score))


def checks(ran: Ran) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(ran.out)["checks"]}


def test_all_is_well(voc: Voc, loaded: Path) -> None:
    ran = voc("doctor", "--bundle", loaded, "--json")
    assert ran.code == 0 and json.loads(ran.out)["ok"] and list(checks(ran)) == NAMES
    assert checks(ran)["analysis"]["found"].endswith("ms")
    shown = voc("doctor", "--bundle", loaded).out
    assert shown.count("ok    ") == len(NAMES) and "WRONG" not in shown


def wrong(ran: Ran, name: str) -> dict[str, Any]:
    assert ran.code == 1
    found = [check for check in checks(ran).values() if not check["is_ok"]]
    assert [check["name"] for check in found] == [name]
    return found[0]


def test_a_missing_bundle(voc: Voc) -> None:
    assert "nowhere-9" in wrong(voc("doctor", "--bundle", "nowhere-9", "--json"), "bundle")["found"]
    assert "WRONG bundle" in voc("doctor", "--bundle", "nowhere-9").out


def test_a_damaged_bundle(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: Any, **__: Any) -> None:
        raise BundleError("bundle v1: encoder.onnx is damaged", remedy=BundleError.RENEW)

    monkeypatch.setattr(api, "load", damaged)
    found = wrong(voc("doctor", "--bundle", loaded, "--json"), "hashes")
    assert (found["found"], found["remedy"]) == ("bundle v1: encoder.onnx is damaged", BundleError.RENEW)


@pytest.mark.parametrize("score", [0.4, -0.4, 0.0])
def test_a_model_that_cannot_tell_praise_from_a_complaint(score: float, voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePipeline, "_result", lambda _, record: scored(record, score))
    found = wrong(voc("doctor", "--bundle", loaded, "--json"), "sentiment")
    assert f"{score:+.2f}" in found["found"] and found["remedy"] == BundleError.RENEW


def test_another_taxonomy(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = fake_analyser()
    other = replace(other, taxonomy=replace(other.taxonomy, version="9.9"))
    monkeypatch.setattr(api, "load", lambda *_, **__: other)
    assert wrong(voc("doctor", "--bundle", loaded, "--json"), "taxonomy")["remedy"]


def test_a_model_that_rejects(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePipeline, "_result", lambda self, record: Rejected(record.id, "analysis_failed", "the model failed"))
    assert "analysis_failed" in wrong(voc("doctor", "--bundle", loaded, "--json"), "analysis")["found"]


def test_wrong_settings(voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_CHUNK", "0")
    assert "chunk" in wrong(voc("doctor", "--json"), "settings")["found"]


def test_more_threads_than_cores(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_THREADS", "1000")
    wrong(voc("doctor", "--bundle", loaded, "--json"), "threads")


def test_a_missing_package(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "surely-not-installed"))
    assert wrong(voc("doctor", "--bundle", loaded, "--json"), "packages")["found"] == "missing: surely-not-installed"


def test_a_package_that_cannot_be_imported(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ImportError("libsomething.so: cannot open", name="onnxruntime")

    monkeypatch.setattr(api, "load", broken)
    assert wrong(voc("doctor", "--bundle", loaded, "--json"), "hashes")["found"] == "onnxruntime cannot be imported"


def test_wrong_redaction_rules(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "config_path", lambda name: saved(loaded, name, "kinds = ["))
    found = wrong(voc("doctor", "--bundle", loaded, "--json"), "redaction")
    assert "TOML" in found["found"] and "redaction.toml" in found["remedy"]


def test_a_full_disk(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(10, 10, 0))
    wrong(voc("doctor", "--bundle", loaded, "--json"), "disk")


def test_an_old_python(voc: Voc, loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_PYTHON", (9, 9))
    wrong(voc("doctor", "--bundle", loaded, "--json"), "python")


@pytest.mark.skipif(not has_current_bundle(), reason="models/current does not exist yet: no bundle has been trained")
def test_the_real_bundle_is_well(voc: Voc) -> None:
    ran = voc("doctor", "--json")
    assert ran.code == 0 and list(checks(ran)) == NAMES
