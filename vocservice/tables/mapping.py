"""A file of column names in, field to column out, and back: what `--mapping` reads and `--save-mapping` writes."""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vocservice.errors import InputError, OutputError
from vocservice.tables.columns import ALIASES, named
from vocservice.tables.formats import shown_name
from vocservice.tables.partial import Partial, unwritable

SUFFIXES = (".toml", ".json")


def read_mapping(path: str) -> dict[str, str]:
    """Field (see `columns.ALIASES`) to the name of its column or JSON key.

    Raises:
        InputError: the file cannot be read, is neither TOML nor JSON, or holds another field or a value that is no name.
    """
    name = shown_name(path)
    _check_suffix(path)
    try:
        raw = Path(path).read_text(encoding="utf-8-sig")
        found: Any = json.loads(raw) if path.lower().endswith(".json") else tomllib.loads(raw)
    except OSError as error:
        raise InputError(f"{name}: the mapping cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise InputError(f'{name}: the mapping is not valid TOML or JSON, by its suffix; write text = "comment"') from None
    return _checked(found, name)


def check_mapping_target(path: str, *, others: Sequence[str]) -> None:
    """Check, before any work, that a mapping can be written.

    Args:
        path: the file to write.
        others: inputs and output, which must differ from it.

    Raises:
        InputError: the suffix is unknown.
        OutputError: the folder is missing or not writable, or the file is another one of the run.
    """
    _check_suffix(path)
    file = Partial(Path(path))
    if any(os.path.realpath(path) == os.path.realpath(other) for other in others):
        raise OutputError(f"{file.name}: is an input or the output; choose another name for the mapping")
    if file.claim():
        file.release()


def save_mapping(path: str, mapping: Mapping[str, str]) -> None:
    """Write a mapping atomically, as TOML or JSON by suffix.

    Raises:
        OutputError: it cannot be written.
    """
    file = Partial(Path(path))
    text = json.dumps(mapping, ensure_ascii=False, indent=2) + "\n" if path.lower().endswith(".json") else _as_toml(mapping)
    try:
        file.partial.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise unwritable(file.name, error) from None
    file.finish()


def _check_suffix(path: str) -> None:
    if not path.lower().endswith(SUFFIXES):
        raise InputError(f"{shown_name(path)}: a mapping is a file in .toml or .json")


def _checked(found: Any, name: str) -> dict[str, str]:
    if not isinstance(found, dict) or not found:
        raise InputError(f'{name}: a mapping holds at least one field; write text = "comment"')
    if unknown := [key for key in found if key not in ALIASES]:
        raise InputError(f"{name}: unknown fields {named(unknown, noun='field')}; known are {', '.join(ALIASES)}")
    if wrong := [key for key, value in found.items() if not isinstance(value, str) or not value.strip()]:
        raise InputError(f"{name}: {', '.join(wrong)} must be the name of a column")
    return found


def _as_toml(mapping: Mapping[str, str]) -> str:
    """JSON's escapes are valid TOML, except for DEL."""
    return "".join(f"{field} = {json.dumps(column, ensure_ascii=False)}\n".replace("\x7f", "\\u007f") for field, column in mapping.items())
