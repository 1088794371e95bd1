"""Paths, patterns and folders in, the files to read out, in order, with partition values."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

from vocservice.errors import InputError
from vocservice.tables.formats import STANDARD_STREAM, shown_name

PARQUET = ".parquet"
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Place:
    """One file to read, or `-`.

    Attributes:
        partitions: columns in folder names (`year=2024`), None for the null marker.
        name: the sender's name, if stored under another one.
    """

    path: str
    partitions: Mapping[str, str | None] = field(default_factory=dict)
    name: str = ""


def places_of(paths: Iterable[str]) -> tuple[Place, ...]:
    """Find the files.

    Args:
        paths: files; patterns (`*`, `?`, `[...]`, `**` for folders at any depth) whose files come once each, in the order of their
            paths; folders of Parquet files, also partitioned ones, in the same order; or `-`.

    Raises:
        InputError: a pattern matches no file, or a folder holds no Parquet file.
    """
    return tuple(place for path in paths for place in _places(path))


def _places(path: str) -> Iterator[Place]:
    if path == STANDARD_STREAM or os.path.isfile(path):
        yield Place(path)
    elif os.path.isdir(path):
        yield from _files_in(path, below=path)
    elif glob.has_magic(path) and not os.path.lexists(path):
        yield from _matches(path)
    else:
        yield Place(path)


def _matches(pattern: str) -> Iterator[Place]:
    """Each file once, even if matched several times: directly and through folders."""
    found = (_parquets(path) if os.path.isdir(path) else [str(Path(path))] for path in glob.glob(pattern, recursive=True))
    files = sorted({file for files in found for file in files}, key=_order)
    if not files:
        raise InputError(f"{shown_name(pattern)}: no file matches")
    below = str(Path(*fixed(Path(pattern).parts)))
    return (_place(path, below=below) for path in files)


def _files_in(folder: str, *, below: str) -> Iterator[Place]:
    found = _parquets(folder)
    if not found:
        raise InputError(f"{shown_name(folder)}: is a folder without Parquet files; name files, or a pattern in quotes ('FOLDER/*.csv')")
    return (_place(path, below=below) for path in found)


def files_below(folder: str) -> tuple[Place, ...]:
    """Every file in a folder at any depth, in order, with partition columns; empty without the folder."""
    found = sorted((str(path) for path in Path(folder).rglob("*") if path.is_file()), key=_order)
    return tuple(_place(path, below=folder) for path in found)


def fixed(pattern: Sequence[str]) -> tuple[str, ...]:
    """The fixed leading folders of a pattern."""
    return tuple(takewhile(lambda part: not glob.has_magic(part), pattern))


def is_data(parts: Sequence[str]) -> bool:
    """Whether a path in a folder is one of its Parquet files: names beginning with `_` or `.` are not data."""
    return parts[-1].endswith(PARQUET) and not any(part[0] in "_." for part in parts)


def _parquets(folder: str) -> list[str]:
    """The Parquet files of a folder at any depth."""
    files = (path for path in Path(folder).rglob(f"*{PARQUET}") if path.is_file())
    return sorted((str(path) for path in files if is_data(path.relative_to(folder).parts)), key=_order)


def _order(path: str) -> tuple[str, ...]:
    """Sorted by folder, so that files of a folder stay together."""
    return Path(path).parts


def _place(path: str, *, below: str) -> Place:
    return Place(path, _partitions(path, below=below) if path.endswith(PARQUET) else {})


def _partitions(path: str, *, below: str) -> dict[str, str | None]:
    """The partition columns in folder names, as text."""
    pairs = (part.partition("=") for part in Path(path).relative_to(below).parts[:-1])
    return {unquote(key): None if value == _NULL else unquote(value) for key, sign, value in pairs if sign and key}
