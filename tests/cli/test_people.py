"""Tests of `voc user` and `voc export-annotations`: a password never stands in the arguments, and what comes out is redacted text."""

import json
from io import StringIO
from pathlib import Path

import pytest
from web.commanded import commanded
from web.test_desk import decided
from web.visiting import PASSWORD, Office

from vocservice.cli import run


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return commanded(tmp_path, monkeypatch)


def test_a_user_is_made_with_a_password_from_standard_input(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
    assert run(["user", "add", "grace@example.org", "--role", "admin", "--workspace", "ws_one"]) == 0
    assert run(["user", "list", "--workspace", "ws_one", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out.splitlines()[-1])["users"]
    assert (found["email"], found["role"], found["is_active"]) == ("grace@example.org", "admin", True)
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert run(["user", "password", "grace@example.org", "--workspace", "ws_one"]) == 2
    assert run(["user", "disable", "grace@example.org", "--workspace", "ws_one"]) == 2
    assert "last_admin" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["jsonl", "label-studio", "argilla"])
def test_decisions_are_written_for_training(office: Office, tmp_path: Path, kind: str) -> None:
    record, browser = office.record(), office.browser()
    decided(browser, record, "correct", note="private", **{"scope": "both", "factors.courtesy": "-"})
    out = tmp_path / "decided.jsonl"
    asked = tmp_path / "asked"
    setup = [] if kind == "jsonl" else ["--config", str(asked)]
    assert run(["export-annotations", "-o", str(out), "--format", kind, "--workspace", "ws_one", *setup]) == 0
    read = [json.loads(out.read_bytes())] if kind == "jsonl" else json.loads(out.read_bytes())  # other tools read one list
    assert not setup or "courtesy-" in asked.read_text(encoding="utf-8")
    (line,) = read
    text = json.dumps(line)
    assert record in text and "courtesy-" in text and "private" not in text
    if kind == "jsonl":
        assert (line["factors"], line["scope"], line["decision"], len(line["turns"])) == ("courtesy-", "both", "correct", 3)


@pytest.mark.parametrize("kind", ["jsonl", "label-studio", "argilla"])
def test_decisions_come_back_as_those_of_a_user(office: Office, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    record, browser = office.record(), office.browser()
    decided(browser, record, "correct", **{"scope": "both", "factors.courtesy": "-"})
    out = tmp_path / "decided.jsonl"
    run(["export-annotations", "-o", str(out), "--format", kind, "--workspace", "ws_one"])
    out.write_text(out.read_text(encoding="utf-8").replace("courtesy-", "courtesy~"), encoding="utf-8")
    back = ["import-annotations", str(out), "--workspace", "ws_one", "--by"]
    assert run([*back, "nobody@example.org"]) == run([*back, office.user("analyst").email]) == 2
    assert run([*back, browser.user.email]) == 0 and "1 stored" in capsys.readouterr().err
    assert run([*back, browser.user.email]) == 0 and "1 same" in capsys.readouterr().err
    run(["export-annotations", "-o", str(tmp_path / "again.jsonl"), "--workspace", "ws_one"])
    assert "courtesy~" in (tmp_path / "again.jsonl").read_text(encoding="utf-8")
    assert run(["export-annotations", "-o", "-", "--config", str(tmp_path / "none"), "--workspace", "ws_one"]) == 2
    assert not (tmp_path / "none").exists()
