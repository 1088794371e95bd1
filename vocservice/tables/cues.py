"""A WebVTT text in, turns out: speakers by `<v Name>` or `Name: `, times since the start; adjacent cues of a speaker are one turn."""

import re
from collections.abc import Container, Iterator

from vocservice.moments import elapsed
from vocservice.records import RawTurn
from vocservice.tables.prefixes import prefixed
from vocservice.turns import author_of, joined, role_among, turn_of

_SIGNATURE = re.compile(r"\ufeff?WEBVTT(?:[ \t][^\n]*)?(?:\n|\Z)")
_TIMING = re.compile(r"\s*(?:(\d{2,3}):)?([0-5]\d):([0-5]\d)[.,](\d{3})\s+-->\s")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?[ \t]([^<>\n]{1,200})>")
_TAG = re.compile(r"</?(?:v|c|i|b|u|ruby|rt|lang)(?:[.\s][^<>]{0,200})?>|<[\d:.]{5,12}>")
_NO_CUES = ("NOTE", "STYLE", "REGION")


def is_webvtt(text: str) -> bool:
    """Whether a text begins like WebVTT."""
    return bool(_SIGNATURE.match(text.replace("\r", "\n")))


def turns_of_cues(text: str, customers: Container[str] = ()) -> Iterator[RawTurn]:
    """The turns of a WebVTT text with LF line ends; a cue without a speaker continues the previous one.

    Args:
        customers: names of speakers who are customers, as `called`.
    """
    return joined(_pieces(text, customers))


def _pieces(text: str, customers: Container[str]) -> Iterator[RawTurn]:
    name = ""
    for at, payload in _cues(text):
        for own, said in _voices(payload):
            found = None if own else prefixed(said, customers)
            name = own or (found.name if found else name)
            role = role_among(name, customers)
            words = " ".join(_TAG.sub("", found.text if found else said).split())
            if words:
                yield turn_of(role, words, at, author_of(name) if own or role else None)


def _voices(payload: str) -> Iterator[tuple[str, str]]:
    """Each voice with its text, a blank name before the first; without voices, each line."""
    before, *voices = _VOICE.split(payload)
    yield from (("", line) for line in before.split("\n"))
    yield from zip((name.strip() for name in voices[::2]), voices[1::2], strict=True)


def _cues(text: str) -> Iterator[tuple[str | None, str]]:
    """Start and payload of each cue; header and comments are skipped."""
    for number, block in enumerate(re.split(r"\n(?:[ \t]*\n)+", text)):
        lines = block.strip("\n").split("\n")
        timed = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if timed is not None:
            yield _begin(lines[timed]), "\n".join(lines[timed + 1 :])
        elif number and not lines[0].startswith(_NO_CUES):
            yield None, block


def _begin(timing: str) -> str | None:
    if not (found := _TIMING.match(timing)):
        return None
    hours, minutes, seconds, millis = (int(group or 0) for group in found.groups())
    return elapsed(hours * 3600 + minutes * 60 + seconds + millis / 1000)
