"""Tests of `settings`: the file, the environment above it, and what is refused."""

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from vocservice.errors import ConfigError
from vocservice.paths import config_path
from vocservice.settings import Settings, load_settings


def saved(folder: Path, content: str) -> Path:
    path = folder / "service.toml"
    path.write_text(content, encoding="utf-8")
    return path


def test_the_shipped_file_holds_every_key_with_its_default() -> None:
    assert load_settings().model_dump() == Settings().model_dump()
    held = tomllib.loads(config_path("service.toml").read_text(encoding="utf-8"))
    known = Settings().model_dump()
    assert held.keys() == known.keys()
    assert all(held[name].keys() == value.keys() for name, value in known.items() if isinstance(value, dict))


def test_the_file_is_read(tmp_path: Path) -> None:
    found = load_settings(saved(tmp_path, 'bundle = "2026.1"\nthreads = 2\n[http]\nmax_items = 5\n'))
    assert (found.bundle, found.threads, found.http.max_items, found.chunk) == ("2026.1", 2, 5, 256)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_THREADS", "3")
    monkeypatch.setenv("VOC_HTTP__MAX_ITEMS", "7")
    monkeypatch.setenv("VOC_LOG_LEVEL", "WARNING")
    found = load_settings(saved(tmp_path, "threads = 2\n[http]\nmax_items = 5\nmax_text = 9\n"))
    assert (found.threads, found.http.max_items, found.http.max_text, found.log_level) == (3, 7, 9, "warning")


def test_an_empty_variable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_THREADS", "")
    assert load_settings(saved(tmp_path, "threads = 2")).threads == 2


def test_settings_made_in_code_do_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_THREADS", "3")
    assert Settings(threads=1).threads == 1


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().threads = 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("thread = 2", "unknown key thread"),
        ("[http]\nmax_itms = 2", "unknown key http.max_itms"),
        ("[web]\nport = 2", "unknown key web"),
        ("threads = -1", "threads (or VOC_THREADS)"),
        ('threads = "many"', "threads (or VOC_THREADS)"),
        ("chunk = 0", "chunk (or VOC_CHUNK)"),
        ('log_level = "loud"', "log_level (or VOC_LOG_LEVEL)"),
        ('bundle = " "', "must not be blank"),
        ("bundle = 7", "bundle (or VOC_BUNDLE)"),
        ("[http]\nmax_items = 0", "http.max_items (or VOC_HTTP__MAX_ITEMS)"),
        ("max_characters = 10", "http.max_text must not be above max_characters"),
        ("threads = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused(content: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(saved(tmp_path, content))
    assert told in caught.value.message and "service.toml" in caught.value.message


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(saved(tmp_path, "a = 1\nchunk = 0\n"))
    assert "unknown key a" in caught.value.message and "chunk" in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"), [("VOC_THREADS", "lots"), ("VOC_HTTP__MAX_ITEMS", "-4"), ("VOC_HTTP__MAX_ITMS", "4"), ("VOC_HTTP", "{")]
)
def test_a_wrong_variable_is_refused_without_its_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert "lots" not in caught.value.message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read .*none"):
        load_settings(tmp_path / "none.toml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_bytes(b"bundle = '\xff'")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_settings(path)
