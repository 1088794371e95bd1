"""`config/redaction.toml` in, checked redaction rules out."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import phonenumbers

from vocservice.errors import ConfigError
from vocservice.paths import config_path
from vocservice.text.detectors.names import NameWords
from vocservice.text.detectors.phones import DEFAULT_REGIONS

KINDS = ("url", "email", "iban", "card", "order", "account", "phone", "handle", "name")
_KEYS = frozenset({"kinds", "phone_regions", "names"})


def _shipped_names() -> NameWords:
    return shipped_rules().names


@dataclass(frozen=True, slots=True)
class RedactionRules:
    """The masked kinds, the countries of telephone numbers, and the words that can be names."""

    kinds: tuple[str, ...] = KINDS
    phone_regions: tuple[str, ...] = DEFAULT_REGIONS
    names: NameWords = field(default_factory=_shipped_names)

    @classmethod
    def load(cls, path: str | Path) -> "RedactionRules":
        """Read `redaction.toml`.

        Raises:
            ConfigError: the file is missing or not TOML, or a key, kind or country is missing or unknown.
        """
        settings = _read(path)
        _check_keys(path, settings, _KEYS)
        kinds = _known_strings(path, "kinds", settings["kinds"], frozenset(KINDS))
        regions = _known_strings(path, "phone_regions", settings["phone_regions"], frozenset(phonenumbers.SUPPORTED_REGIONS))
        return cls(kinds, regions, _name_words(path, settings["names"]))


@lru_cache(maxsize=1)
def shipped_rules() -> RedactionRules:
    """The rules under `config/`, cached."""
    return RedactionRules.load(config_path("redaction.toml"))


def _read(path: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML ({type(error).__name__}).") from error


def _check_keys(path: str | Path, table: Mapping[str, Any], allowed: frozenset[str]) -> None:
    if wrong := table.keys() ^ allowed:
        raise ConfigError(f"{path}: keys missing or unknown: {', '.join(sorted(wrong))}.")


def _name_words(path: str | Path, table: Any) -> NameWords:
    """The lists of the table, each a space-separated string."""
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: names must be a table.")
    _check_keys(path, table, frozenset(one.name for one in fields(NameWords)))
    if wrong := sorted(key for key, value in table.items() if not isinstance(value, str)):
        raise ConfigError(f"{path}: names.{wrong[0]} must be a string of words.")
    return NameWords(**{key: frozenset(value.lower().split()) for key, value in table.items()})


def _known_strings(path: str | Path, key: str, values: Any, allowed: frozenset[str]) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f"{path}: {key} must be a list of strings.")
    if unknown := sorted(set(values) - allowed):
        raise ConfigError(f"{path}: unknown {key}: {', '.join(unknown)}.")
    return tuple(values)
