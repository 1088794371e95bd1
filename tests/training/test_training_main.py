"""`python -m training`: what each command is given, what it prints, and its exit codes."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from toys import Toy

from training import __main__ as command
from training.__main__ import main
from training.recipe import Run
from vocservice.errors import BundleError
from vocservice.inference.bundle import default_bundle
from vocservice.paths import config_path
from vocservice.taxonomy import load_taxonomy

TAXONOMY = config_path("taxonomies", "fabsa.toml")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Run, dict[str, Any]]]:
    calls: list[tuple[Run, dict[str, Any]]] = []
    monkeypatch.setattr(command, "train_bundle", lambda run, **named: calls.append((run, named)))
    return calls


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["train", "--help"], ["train", "-h"], ["evaluate", "--help"], ["table", "--help"]], ids=" ".join
)
def test_help_is_shown_and_is_no_failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: voc") and "Options:" in shown


def test_train_is_given_data_version_and_places(trained: list[tuple[Run, dict[str, Any]]], tmp_path: Path) -> None:
    places = ["--runs", str(tmp_path / "r"), "--models", str(tmp_path / "m")]
    assert main(["--threads", "1", "train", "--data", str(tmp_path), "--version", "1.2.3", *places]) == 0
    ((run, named),) = trained
    assert (run.data, run.folder, run.commercial) == (tmp_path, tmp_path / "r" / "1.2.3", False)
    assert run.taxonomy == load_taxonomy()
    assert named == {"version": "1.2.3", "models": tmp_path / "m"}


def test_commercial_is_passed_on(trained: list[tuple[Run, dict[str, Any]]], tmp_path: Path) -> None:
    assert main(["--threads", "1", "train", "--data", str(tmp_path), "--version", "1", "--commercial"]) == 0
    assert trained[0][0].commercial is True


def test_a_run_goes_on_from_a_bundle_or_some_of_its_layers(trained: list[tuple[Run, dict[str, Any]]], tmp_path: Path) -> None:
    arguments = ["--threads", "1", "train", "--data", str(tmp_path), "--version"]
    start = ["--start", str(default_bundle())]
    asked = (["1"], ["2", *start], ["3", *start, "--layers", "0,2,5"], ["4", *start, "--int8"])
    assert [main([*arguments, *rest]) for rest in asked] == [0] * 4
    begun = default_bundle()
    expected = [(None, (), False), (begun, (), False), (begun, (0, 2, 5), False), (begun, (), True)]
    assert [(run.start, run.layers, run.int8) for run, _ in trained] == expected


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--version", "1"], "--data"),
        (["train", "--data", "."], "--version"),
        (["train", "--data", "no-such-place", "--version", "1"], "no-such-place"),
        (["evaluate", "--data", ".", "--bundle", "no-such-bundle"], "no-such-bundle"),
        (["evaluate", "--data", ".", "--colour"], "--colour"),
        (["table", "weather", "--data", ".", "--out", "x.csv"], "weather"),
        (["train", "--data", ".", "--version", "1", "--layers", "0", "--start", ".", "--taxonomy", str(TAXONOMY)], "--taxonomy"),
        (["train", "--data", ".", "--version", "1", "--layers", "0"], "--start"),
        (["train", "--data", ".", "--version", "1", "--int8"], "--start"),
        (["train", "--data", ".", "--version", "1", "--layers", "first"], "--layers"),
        (["train", "--data", ".", "--version", "1", "--start", str(default_bundle()), "--commercial"], "--commercial"),
        (["train", "--data", str(Path(__file__)), "--version", "1", "--taxonomy", str(TAXONOMY), "--commercial"], "--commercial"),
        (["train", "--data", ".", "--version", "1", "--decided", str(TAXONOMY)], "JSON Lines"),
        (["trian"], "trian"),
    ],
)
def test_wrong_arguments_are_named_and_end_with_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert told in shown and "Traceback" not in shown


def test_data_that_is_not_there_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--threads", "1", "train", "--data", str(tmp_path), "--version", "1", "--runs", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("error [config_invalid]: ")
    assert list(tmp_path.iterdir()) == []


def test_a_taxonomy_that_is_wrong_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.toml").write_text('name = "t"\nversion = "1"\n[a]\nkind = "odd"\nlabels = []\n', encoding="utf-8")
    (tmp_path / "t.csv").write_text("id,text\n1,good\n", encoding="utf-8")
    assert main(["train", "--data", str(tmp_path / "t.csv"), "--version", "1", "--taxonomy", str(tmp_path / "t.toml")]) == 2
    assert "error [taxonomy_invalid]: t.toml" in capsys.readouterr().err


def test_an_unexpected_fault_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(command, "train_bundle", fail)
    with pytest.raises(ZeroDivisionError):
        main(["train", "--data", str(tmp_path), "--version", "1"])


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand-ins for the long measurements: what they were asked, and what they answer."""
    calls: dict[str, Any] = {}
    monkeypatch.setattr(command, "load_bundle", lambda folder, **named: calls.update(folder=folder, **named) or _Loaded())
    monkeypatch.setattr(command, "Engine", lambda loaded: loaded)
    monkeypatch.setattr(command, "evaluate_bundle", lambda engine, data, taxonomy: {"dev": {"n": 3}, "data": str(data)})
    monkeypatch.setattr(command, "baseline_figures", lambda data, taxonomy: {"words": {}})
    monkeypatch.setattr(command, "write_reports", lambda *given: calls.update(reports=given))
    return calls


class _Loaded:
    manifest = "the manifest"


def test_evaluate_prints_figures_with_baselines(
    measured: dict[str, Any], toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--threads", "1", "evaluate", "--no-timings", "--data", str(tmp_path), "--bundle", str(toy.folder)]) == 0
    assert json.loads(capsys.readouterr().out) == {"dev": {"n": 3}, "data": str(tmp_path), "baselines": {"words": {}}}
    assert measured == {"folder": toy.folder, "taxonomy": load_taxonomy()}  # nothing is written unasked


def test_evaluate_without_baselines_writes_its_report(
    measured: dict[str, Any], toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ["--no-baselines", "--no-timings", "--report", str(tmp_path / "quality.md")]
    assert main(["--threads", "1", "evaluate", "--data", str(tmp_path), "--bundle", str(toy.folder), *report]) == 0
    assert "baselines" not in json.loads(capsys.readouterr().out)
    metrics, manifest, folder, path = measured["reports"]
    assert (metrics["dev"], manifest, folder, path) == ({"n": 3}, "the manifest", toy.folder, tmp_path / "quality.md")


def test_evaluate_against_another_bundle_reports_both(measured: dict[str, Any], toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"dev": {"stages": {"micro_f1": {"value": 0.5}}}}', encoding="utf-8")
    options = ["--no-baselines", "--no-timings", "--against", str(tmp_path), "--report", str(tmp_path / "quality.md")]
    assert main(["--threads", "1", "evaluate", "--data", str(tmp_path), "--bundle", str(toy.folder), *options]) == 0
    against = measured["reports"][0]["against"]
    assert against["other"] == tmp_path.name and against["rows"][0]["other"] == 0.5
    assert main(["evaluate", "--data", str(tmp_path), "--bundle", str(toy.folder), *options[:2], "--against", str(tmp_path.parent)]) == 2


def test_without_a_current_bundle_evaluate_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Path:
        raise BundleError("no current bundle: models/current is missing")

    monkeypatch.setattr(command, "default_bundle", missing)
    assert main(["evaluate", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error [bundle_invalid]: no current bundle: models/current is missing\n"


def test_it_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["training", "train", "--colour"])
    monkeypatch.delitem(sys.modules, "training.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("training", run_name="__main__")
    assert caught.value.code == 2
    assert "--colour" in capsys.readouterr().err
