"""Tests of `voc rules`: kept off, tried on the past, switched, listed; a fault is one line."""

import json
from pathlib import Path

import pytest
from web.commanded import commanded
from web.visiting import Office

from vocservice.cli import run

HERE = ("--workspace", "ws_one")
ADD = ("rules", "add", "churn_risk", "--name", "Leaving", "--owner", "Support", "--reason", "Says they leave", *HERE)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return commanded(tmp_path, monkeypatch)


def test_a_rule_is_added_tried_and_switched_on(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    record = office.record()
    assert run(ADD) == 0
    rule_id = capsys.readouterr().out.partition(":")[0]
    assert run(["rules", "test", rule_id, "--json", *HERE]) == 0
    tried = json.loads(capsys.readouterr().out)
    assert (tried["hits"], [one["record"] for one in tried["examples"]]) == (1, [record])
    assert run(["rules", "enable", rule_id, *HERE]) == 0
    capsys.readouterr()
    assert run(["rules", "list", "--json", *HERE]) == 0
    (found,) = json.loads(capsys.readouterr().out)["rules"]
    assert (found["expression"], found["is_enabled"]) == ("flag includes churn_risk", True)
    assert run(["rules", "disable", rule_id, *HERE]) == 0
    assert capsys.readouterr().out == f"{rule_id}: off\n"


def test_a_trial_is_told_in_words(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.record()
    assert run(["rules", "test", "kind is transcript", "--since", "2020-01-01", *HERE]) == 0
    told = capsys.readouterr().out
    assert "holds for 1 of 1 records" in told and "nothing decided" in told


@pytest.mark.parametrize("rule", ["churn_risc", "rule_none"])
def test_a_fault_is_one_line(office: Office, capsys: pytest.CaptureFixture[str], rule: str) -> None:
    assert run(["rules", "test", rule, *HERE]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
