"""A WebVTT file, or plain text with speakers at line starts, in; its one conversation out, with the file's name as id."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath

from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.tables.cues import is_webvtt, turns_of_cues
from vocservice.tables.encoding import decode, detect, has_undecoded, without_undecoded
from vocservice.tables.formats import input_format
from vocservice.tables.lines import MAX_LINE
from vocservice.tables.prefixes import turns_of_lines
from vocservice.tables.source import Facts, Record, Request, Source
from vocservice.tables.stream import open_bytes
from vocservice.turns import warnings_of

MAX_CHARACTERS = MAX_LINE
_TURNS: Mapping[str, Callable[[str, frozenset[str]], Iterable[RawTurn]]] = {"vtt": turns_of_cues, "txt": turns_of_lines}
_BEGINNINGS = {"vtt": '<v Customer> or "Customer: "', "txt": '"Customer: "'}
_NO_TABLE = {"vtt": "", "txt": "; a table must be named .csv or .tsv"}


def read(request: Request) -> Source:
    """Read the whole file, which is one record; column options do not apply.

    Raises:
        InputError: the file is missing, or is no text.
    """
    kind, opened = input_format(request.path).name, open_bytes(request.path)
    with opened.stream as stream:
        is_empty = not stream.peek(1)
    encoding = "utf-8" if is_empty else detect(request.path).name
    facts = Facts(request.path, kind, opened.total, encoding=encoding, transcripts=True)
    record = _record(request, kind, encoding)
    return Source(facts, iter([record]), bytes_read=lambda: opened.total or 0, close=lambda: None)


def _record(request: Request, kind: str, encoding: str) -> Record:
    record_id = _id(request.name or request.path)
    with decode(open_bytes(request.path), encoding) as stream:
        text = stream.read(MAX_CHARACTERS + 1)
    if fault := _fault(text, kind):
        return Rejected(record_id, *fault)
    turns = tuple(_TURNS[kind](text.replace("\r\n", "\n").replace("\r", "\n"), request.customers))
    if not any(turn.speaker == "customer" for turn in turns):
        remedy = f"begin what they say with {_BEGINNINGS[kind]}{_NO_TABLE[kind]}"
        return Rejected(record_id, "empty_text", f"no line is said by a customer; {remedy}", field="speaker")
    return RawVerbatim(record_id, turns=turns, warnings=warnings_of(turns))


def _fault(text: str, kind: str) -> tuple[str, str] | None:
    if not text.strip():
        return "empty_text", "the file is empty; leave it out"
    if len(text) > MAX_CHARACTERS:
        return "text_too_long", f"the file has more than {MAX_CHARACTERS // 1024**2} million characters: split it"
    if has_undecoded(text):
        return "invalid_encoding", "the file holds bytes that do not belong to its encoding; save it as UTF-8"
    if kind == "vtt" and not is_webvtt(text):
        return "invalid_turns", "the first line of a .vtt file must be WEBVTT"
    return None


def _id(path: str) -> str:
    """The file's name without its suffixes."""
    name = PurePath(path).name
    for suffix in (".gz", ".vtt", ".txt"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return without_undecoded(name) or "line-1"
