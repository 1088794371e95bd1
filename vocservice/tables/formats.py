"""A path or `-` in, its format out: the registry of suffixes and of the modules that read and write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from vocservice.errors import InputError, OutputError, VocError

STANDARD_STREAM = "-"
_REMEDIES: Mapping[str, str] = {
    **dict.fromkeys((".xls", ".xlsm", ".xlsb", ".ods"), "save it as .xlsx; "),
    **dict.fromkeys((".zip", ".7z", ".bz2", ".xz", ".zst"), "unpack it; "),
}
_SHOWN_NAME = 80
_UNPRINTABLE = re.compile(r"[^\w .,()+=@#%&*\[\]-]")


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Attributes:
        suffixes: of files to read.
        reader: the module that reads it.
        writer: the module that writes it; blank if read-only.
        compressible: whether `.gz` may follow when reading.
        also_written: further suffixes for outputs.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str
    writer: str = ""
    compressible: bool = False
    also_written: tuple[str, ...] = ()


FORMATS: Mapping[str, Format] = {
    "csv": Format("csv", (".csv",), "read_csv", "write_csv", compressible=True),
    "tsv": Format("tsv", (".tsv",), "read_csv", "write_csv", compressible=True),
    "jsonl": Format("jsonl", (".jsonl", ".ndjson"), "read_jsonl", "write_jsonl", compressible=True, also_written=(".json",)),
    "json": Format("json", (".json",), "read_json", compressible=True),
    "parquet": Format("parquet", (".parquet",), "read_parquet", "write_parquet"),
    "xlsx": Format("xlsx", (".xlsx",), "read_xlsx", "write_xlsx"),
    "vtt": Format("vtt", (".vtt",), "read_talk", compressible=True),
    "txt": Format("txt", (".txt",), "read_talk", compressible=True),
}
WRITTEN: Mapping[str, Format] = {name: fmt for name, fmt in FORMATS.items() if fmt.writer}


def input_format(path: str) -> Format:
    """The format of an input path; `-` is JSON Lines.

    Raises:
        InputError: the suffix is unknown.
    """
    if path == STANDARD_STREAM:
        return FORMATS["jsonl"]
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    compressed = suffixes[-1:] == [".gz"]
    found = _by_suffix(suffixes[:-1] if compressed else suffixes)
    if found is None or (compressed and not found.compressible):
        raise _unknown(path, InputError, FORMATS)
    return found


def output_format(path: str) -> Format:
    """The format of an output path; `-` is JSON Lines.

    Raises:
        OutputError: the suffix is unknown, or of a compressed file.
    """
    if path == STANDARD_STREAM:
        return FORMATS["jsonl"]
    suffix = PurePath(path).suffix.lower()
    found = next((fmt for fmt in WRITTEN.values() if suffix in (*fmt.suffixes, *fmt.also_written)), None)
    if found is None:
        raise _unknown(path, OutputError, WRITTEN)
    return found


def written_as(name: str) -> str:
    """The default format of a result: that of the input, or JSON Lines if that is read-only."""
    return name if name in WRITTEN else "jsonl"


def is_compressed(path: str) -> bool:
    """Whether the path names a gzip file."""
    return path.lower().endswith(".gz")


def shown_name(path: str) -> str:
    """The file's base name, safe to print: no control or direction characters, cut if long."""
    name = _UNPRINTABLE.sub("?", PurePath(path).name or path)
    return name if len(name) <= _SHOWN_NAME else name[:_SHOWN_NAME] + "..."


def _by_suffix(suffixes: list[str]) -> Format | None:
    last = suffixes[-1] if suffixes else ""
    return next((fmt for fmt in FORMATS.values() if last in fmt.suffixes), None)


def _unknown(path: str, error: type[VocError], formats: Mapping[str, Format]) -> VocError:
    known = ", ".join(dict.fromkeys(suffix for fmt in formats.values() for suffix in (*fmt.suffixes, *fmt.also_written)))
    packed = ", ".join(suffix for fmt in formats.values() if fmt.compressible for suffix in fmt.suffixes)
    extra = f"; .gz may follow {packed}" if error is InputError else ""
    remedy = "" if error is OutputError else _REMEDIES.get(PurePath(path).suffix.lower(), "")
    return error(f"{shown_name(path)}: unknown file suffix; {remedy}known are {known}{extra}, and - for JSON Lines on the standard stream")
