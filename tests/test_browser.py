"""Tests of the drawing of pages: a real browser where there is one, and one that fails in each way."""

import os
import shutil
import stat
import struct
import time
from pathlib import Path

import pytest

from vocservice.browser import NAMES, Browser
from vocservice.errors import OutputError

PAGE = "<!doctype html><title>t</title><style>body{background:#123456}</style><h1>Hello</h1>"
HAS_ONE = any(shutil.which(name) for name in NAMES)
real = pytest.mark.skipif(not HAS_ONE, reason="no Chromium on the PATH")


def fake(tmp_path: Path, script: str) -> Browser:
    """A browser that is a shell script."""
    program = tmp_path / "browser"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Browser(str(program), seconds=1.0)


def test_without_a_browser_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutputError, match=r"install chromium .* write \.html") as failed:
        Browser.find()
    assert failed.value.code == "browser_missing"


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 7", "status 7"), ("sleep 30", "longer than 1 s"), ("exit 0", "made no file")],
    ids=["it fails", "it hangs", "it writes nothing"],
)
def test_a_browser_that_fails_is_an_error_with_a_code(tmp_path: Path, script: str, said: str) -> None:
    started = time.monotonic()
    with pytest.raises(OutputError, match=said) as failed:
        fake(tmp_path, script).pdf(PAGE)
    assert failed.value.code == "browser_failed" and time.monotonic() - started < 20


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    with pytest.raises(OutputError):
        fake(tmp_path, f"sleep 30 & echo $! > {mark}; wait").png(PAGE)
    child = int(mark.read_text())
    time.sleep(0.2)
    gone = not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]
    assert gone


def test_it_is_told_to_keep_off_the_network_and_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_STORE__KEYS", "secret")
    said = tmp_path / "said"
    with pytest.raises(OutputError):
        fake(tmp_path, f'echo "$@" > {said}; env >> {said}').pdf(PAGE)
    text = said.read_text(encoding="utf-8")
    assert "--headless" in text and "MAP * ~NOTFOUND" in text and "VOC_" not in text
    assert ("--no-sandbox" in text) is (os.geteuid() == 0)


@real
def test_a_pdf_and_a_picture_of_the_wanted_size() -> None:
    browser = Browser.find()
    assert browser.pdf(PAGE).startswith(b"%PDF-")
    picture = browser.png(PAGE, size=(800, 450))
    assert struct.unpack(">II", picture[16:24]) == (800, 450)
