"""A path or `-` in, its format out: the registry of suffixes and of the modules that read and write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from vocservice.errors import InputError, OutputError, VocError

STANDARD_STREAM = "-"
_SHOWN_NAME = 80
_UNPRINTABLE = re.compile(r"[^\w .,()+=@#%&\[\]-]")


@dataclass(frozen=True, slots=True)
class Format:
    """One file format: its suffixes, the modules that handle it, whether `.gz` may follow when reading."""

    name: str
    suffixes: tuple[str, ...]
    reader: str
    writer: str
    compressible: bool = False


FORMATS: Mapping[str, Format] = {
    "csv": Format("csv", (".csv",), "read_csv", "write_csv", compressible=True),
    "tsv": Format("tsv", (".tsv",), "read_csv", "write_csv", compressible=True),
    "jsonl": Format("jsonl", (".jsonl", ".ndjson", ".json"), "read_jsonl", "write_jsonl", compressible=True),
    "parquet": Format("parquet", (".parquet",), "read_parquet", "write_parquet"),
    "xlsx": Format("xlsx", (".xlsx",), "read_xlsx", "write_xlsx"),
}


def input_format(path: str) -> Format:
    """The format of an input path; `-` is JSON Lines.

    Raises:
        InputError: the suffix is not known.
    """
    if path == STANDARD_STREAM:
        return FORMATS["jsonl"]
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    compressed = suffixes[-1:] == [".gz"]
    found = _by_suffix(suffixes[:-1] if compressed else suffixes)
    if found is None or (compressed and not found.compressible):
        raise _unknown(path, InputError, gz=True)
    return found


def output_format(path: str) -> Format:
    """The format of an output path; `-` is JSON Lines.

    Raises:
        OutputError: the suffix is not known, or names a compressed file.
    """
    if path == STANDARD_STREAM:
        return FORMATS["jsonl"]
    found = _by_suffix([PurePath(path).suffix.lower()])
    if found is None:
        raise _unknown(path, OutputError, gz=False)
    return found


def is_compressed(path: str) -> bool:
    """Whether the path names a gzip file."""
    return path.lower().endswith(".gz")


def known_suffixes() -> tuple[str, ...]:
    """Every suffix that can be read and written."""
    return tuple(suffix for fmt in FORMATS.values() for suffix in fmt.suffixes)


def shown_name(path: str) -> str:
    """The file's name, safe to print: no folder, no control or direction characters, cut when long."""
    name = _UNPRINTABLE.sub("?", PurePath(path).name or path)
    return name if len(name) <= _SHOWN_NAME else name[:_SHOWN_NAME] + "..."


def _by_suffix(suffixes: list[str]) -> Format | None:
    last = suffixes[-1] if suffixes else ""
    return next((fmt for fmt in FORMATS.values() if last in fmt.suffixes), None)


def _unknown(path: str, error: type[VocError], *, gz: bool) -> VocError:
    known = ", ".join(known_suffixes())
    extra = "; .gz may follow .csv, .tsv, .jsonl, .ndjson and .json" if gz else ""
    return error(f"{shown_name(path)}: unknown file suffix; known are {known}{extra}, and - for JSON Lines on the standard stream")
