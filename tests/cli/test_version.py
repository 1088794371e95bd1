"""Tests of `voc version`, of the group itself, and of what starting it imports."""

import json
import subprocess
import sys

import pytest

import vocservice
from vocservice.cli import COMMANDS

from .conftest import Voc


def test_versions_are_told(voc: Voc) -> None:
    ran = voc("version")
    assert ran.code == 0 and f"voc {vocservice.__version__}" in ran.out and "taxonomy voc/1.0.0" in ran.out
    assert set(json.loads(voc("version", "--json").out)) == {"voc", "model", "taxonomy", "python"}


def test_every_command_is_listed_with_a_help_text_that_is_not_cut(voc: Voc) -> None:
    shown = voc("--help").out
    assert all(f"  {name} " in shown for name in COMMANDS) and "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("train", "evaluate")])
def test_every_command_has_help(name: str, voc: Voc) -> None:
    assert voc(name, "--help").code == 0 and voc(name, "-h").code == 0


@pytest.mark.parametrize("arguments", [("nope",), ("--nope",), ("version", "--nope"), ("version", "extra")])
def test_what_is_not_there_is_two(arguments: tuple[str, ...], voc: Voc) -> None:
    assert voc(*arguments).code == 2


def test_the_module_runs_and_starts_light() -> None:
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "vocservice", "version"], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.stdout.startswith("voc ") and not imported & {"onnxruntime", "spacy", "torch", "pandas", "flask", "transformers"}


def test_listing_the_commands_imports_none_of_them() -> None:
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "vocservice", "--help"], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "Commands:" in done.stdout and not imported & {entry.module for entry in COMMANDS.values()}
