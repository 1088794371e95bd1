"""Lines of plain text in, turns out: a line that starts with a speaker and a colon begins a turn, others continue it.

A turn or text that contains a pasted dialogue is split.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from vocservice.moments import is_time
from vocservice.records import RawTurn, Speaker
from vocservice.turns import author_of, called, role_among, turn_of

_TIME = (
    r"(?:\[(?P<bracketed>[^\]\n]{3,40})\]|(?P<bare>(?:\d{4}-\d\d-\d\d[T ])?\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
    r"(?:Z|[+-]\d\d:\d\d|[ \u00a0\u202f]?[AaPp]\.?[Mm]\b\.?)?))"
)
_LINE = re.compile(
    rf"\s*(?:{_TIME}\s*(?:-\s*)?)?(?P<name>[^\W\d_][^:\n]{{0,59}}?)[ \t\u00a0]{{0,3}}:(?:[ \t\u00a0]+|$)(?P<text>.*)", re.DOTALL
)
_MOST_WORDS = 4
_PRONOUN = re.compile(r"(?:i|me|you)\b", re.IGNORECASE)  # "I told your agent: no"
_NO_NAME = re.compile(r"[.!?;,\"<>{}@/\\=]")


class Prefixed(NamedTuple):
    """Parts of a line: speaker, text, its time if `moments` can read it, and the role implied by the name."""

    name: str
    text: str
    at: str | None
    role: Speaker | None


_Line = tuple[str, Prefixed | None]


def prefixed(line: str, customers: Container[str] = ()) -> Prefixed | None:
    """The speaker at the start of a line: one of these customers (as from `called`), a well-known role, or up to four capitalised
    words; None without one."""
    if not (found := _LINE.fullmatch(line)):
        return None
    name, role = found["name"], role_among(found["name"], customers)
    if called(name) not in customers and not _is_speaker(name, is_role=role is not None):
        return None
    at = found["bracketed"] or found["bare"]
    return Prefixed(name, found["text"], at if is_time(at) else None, role)


def turns_of_lines(text: str, customers: Container[str] = ()) -> Iterator[RawTurn]:
    """The turns of a text; text before the first speaker has an unknown one.

    Args:
        text: with LF at the ends of lines.
        customers: names of speakers who are customers, as `called`.
    """
    return _turns((line, prefixed(line, customers)) for line in text.split("\n"))


def dialogue(text: str) -> tuple[RawTurn, ...]:
    """The turns of a text that is a dialogue; empty for any other, which is the customer's text.

    A form (`Customer: J. Smith`, `Agent: Maria`, `Comment: Nobody came.`) is not a dialogue: in a dialogue a speaker returns after another
    one, the customer says something, and no line starts with a name without a role.
    """
    lines = _lines(text)
    found = tuple(_turns(lines)) if _is_dialogue(lines) and _goes_to_and_fro(lines) else ()
    return found if any(turn.speaker == "customer" and turn.text for turn in found) else ()


def parted(turns: Iterable[RawTurn]) -> Iterator[RawTurn]:
    """Replace turns that contain a dialogue by its parts: the first keeps the time, and its speaker's first part the author.

    A dialogue begins with a role and a colon (`Agent: `), and its lines have at least two roles, one of them the customer:
    `Staff: rude` in a customer's text is not one.
    """
    for turn in turns:
        lines = _lines(turn.text)
        yield from _parts(turn, lines) if _is_dialogue(lines) else (turn,)


def _lines(text: str) -> list[_Line]:
    """The lines of a possible dialogue; empty for a single line, or if the first has no plain role."""
    first, *others = text.strip().replace("\r\n", "\n").split("\n")  # browser forms send CR LF
    begins = prefixed(first) if others else None
    return [(first, begins), *((line, prefixed(line)) for line in others)] if _plain_role(begins) else []


def _is_dialogue(lines: Iterable[_Line]) -> bool:
    roles = {_plain_role(found) for _, found in lines} - {None}
    return "customer" in roles and len(roles) > 1


def _goes_to_and_fro(lines: Iterable[_Line]) -> bool:
    roles = [found.role for _, found in lines if found]
    spoken = [role for role, _ in groupby(roles)]
    return None not in roles and len(spoken) > len(set(spoken))


def _plain_role(found: Prefixed | None) -> Speaker | None:
    return found.role if found and author_of(found.name) is None else None


def _parts(turn: RawTurn, lines: Iterable[_Line]) -> Iterator[RawTurn]:
    """A line with a name but no role (`Order Number: 7`) continues the current turn."""
    parts = list(_turns((line, found if found and found.role else None) for line, found in lines))
    parts[0] = replace(parts[0], at=turn.at or parts[0].at)
    own = next((index for index, part in enumerate(parts) if part.speaker == turn.speaker and not part.author), 0)
    parts[own] = replace(parts[own], author=turn.author)
    yield from parts


def _turns(lines: Iterable[_Line]) -> Iterator[RawTurn]:
    """A line with a speaker begins a turn, others continue it."""
    speaker, said = Prefixed("", "", None, None), list[str]()
    for line, found in lines:
        if found:
            yield from _turn(speaker, said)
            speaker, said = found, [found.text]
        else:
            said.append(line)
    yield from _turn(speaker, said)


def _turn(speaker: Prefixed, said: Iterable[str]) -> Iterator[RawTurn]:
    """A name without a role may not be a person (`Order: 7`), so it is not masked."""
    text = "\n".join(said).strip()
    if text or speaker.name:
        yield turn_of(speaker.role, text, speaker.at, author_of(speaker.name) if speaker.role else None)


def _is_speaker(name: str, *, is_role: bool) -> bool:
    is_plain_role = is_role and author_of(name) is None and not _PRONOUN.match(name)
    return (is_plain_role or _is_name(name)) and len(name.split()) <= _MOST_WORDS


def _is_name(name: str) -> bool:
    return not _NO_NAME.search(name) and not any(word[0].islower() for word in name.split())
