"""Lines of plain text in, turns out: a line that begins with a speaker and a colon begins a turn, others go on with it."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vocservice.records import RawTurn
from vocservice.turns import author_of, role_of, turn_of

_TIME = r"(?:\[(?P<bracketed>[^\]\n]{3,40})\]|(?P<bare>(?:\d{4}-\d\d-\d\d[T ])?\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?))"
_LINE = re.compile(
    rf"\s*(?:{_TIME}\s*(?:-\s*)?)?(?P<name>[^\W\d_][^:\n]{{0,59}}?)[ \t\u00a0]{{0,3}}:(?:[ \t\u00a0]+|$)(?P<text>.*)", re.DOTALL
)
_MOST_WORDS = 4
_PRONOUN = re.compile(r"(?:i|me|you)\b", re.IGNORECASE)  # "I told your agent: no"
_NO_NAME = re.compile(r"[.!?;,\"<>{}@/\\=]")


class Prefixed(NamedTuple):
    """What a line begins with, and what is said in it; `is_role` where the name tells a role."""

    name: str
    text: str
    at: str | None
    is_role: bool


def prefixed(line: str) -> Prefixed | None:
    """The speaker at the beginning of a line: a well-known role, or up to four words with a capital each; None where there is none."""
    if not (found := _LINE.fullmatch(line)):
        return None
    name, is_role = found["name"], role_of(found["name"]) is not None
    is_plain_role = is_role and author_of(name) is None and not _PRONOUN.match(name)
    if not (is_plain_role or _is_name(name)) or len(name.split()) > _MOST_WORDS:
        return None
    return Prefixed(name, found["text"], found["bracketed"] or found["bare"], is_role)


def turns_of_lines(text: str) -> Iterator[RawTurn]:
    """The turns of a text; what stands before the first speaker is nobody's that is known.

    Args:
        text: with LF at the ends of lines.
    """
    speaker, said = Prefixed("", "", None, False), list[str]()
    for line in text.split("\n"):
        if found := prefixed(line):
            yield from _turn(speaker, said)
            speaker, said = found, [found.text]
        else:
            said.append(line)
    yield from _turn(speaker, said)


def _turn(speaker: Prefixed, said: Iterable[str]) -> Iterator[RawTurn]:
    """A name without a role may be no person's (`Order: 7`), so it is not looked for in what was said."""
    text = "\n".join(said).strip()
    if text or speaker.name:
        yield turn_of(role_of(speaker.name), text, speaker.at, author_of(speaker.name) if speaker.is_role else None)


def _is_name(name: str) -> bool:
    return not _NO_NAME.search(name) and not any(word[0].islower() for word in name.split())
