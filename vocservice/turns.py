"""Speakers and texts in, turns of a transcript out: roles by keywords, split turns joined, system events recognised."""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Literal

from vocservice.records import RawTurn, Speaker

Event = Literal["joined", "left", "transferred", "held", "resumed"]
_ROLES: Mapping[Speaker, tuple[str, ...]] = {
    "customer": (
        "customer", "client", "caller", "guest", "user", "end user", "enduser", "visitor", "consumer", "buyer", "shopper", "patient",
        "passenger", "member", "subscriber", "requester", "external",
    ),
    "agent": (
        "agent", "human agent", "rep", "representative", "csr", "support", "customer support", "customer service", "customer care",
        "customer success", "guest services", "help desk", "helpdesk", "service desk", "support team", "contact center", "contact centre",
        "call center", "call centre", "operator", "adviser", "advisor", "associate", "specialist", "employee", "staff", "admin",
        "internal",
    ),
    "bot": ("bot", "chatbot", "voicebot", "answer bot", "assistant", "virtual assistant", "virtual agent", "automated agent", "ivr"),
    "supervisor": ("supervisor", "manager", "team lead", "team leader"),
    "system": ("system", "automation", "notification", "acd"),
}  # fmt: skip
_BY_WORDS: Mapping[str, Speaker] = {words: role for role, known in _ROLES.items() for words in known}
_LONGEST_FIRST = sorted(_BY_WORDS, key=lambda words: (-words.count(" "), words))
_NOBODY = frozenset(
    {"speaker", "participant", "person", "party", "voice", "channel", "line", "unknown", "anonymous", "host", "you", "me", "i"}
)
_NO_WORD = re.compile(r"[\W\d_]+")
_LONGEST_NAME = 200
MAX_TURNS = 5_000  # each turn has a fixed cost
NO_TEXT = "there is no customer text to read; leave the record out"
NO_TURN = "no turn of a customer has text; give their turns the speaker customer, or leave the record out"
_HANDED_ON = r"(?:\btransferr(?:ed|ing)\b|(?:^|\.)transfer\b|\btransfer to\b)(?!.{0,20}fail)|\bhanded over\b|\bhandover\b"
_EVENTS: Mapping[Event, tuple[str, re.Pattern[str]]] = {  # our wording of each event, and those of senders; the first match counts
    "resumed": ("The hold has ended.", re.compile(r"hold (?:has )?ended|(?:off|from) hold|unhold|resume", re.IGNORECASE)),
    "held": ("The customer is on hold.", re.compile(r"\bhold\b", re.IGNORECASE)),
    "transferred": ("The conversation was transferred.", re.compile(_HANDED_ON, re.IGNORECASE)),
    "joined": ("{who} joined.", re.compile(r"join", re.IGNORECASE)),
    "left": ("{who} left.", re.compile(r"\bleft\b|leave", re.IGNORECASE)),
}
_LONGEST_EVENT = 200  # longer texts are messages


@dataclass(frozen=True, slots=True)
class Unattributed(RawTurn):
    """A turn of a speaker with unknown role: kept as a system turn, with the warning `speaker_unknown`."""


def turn_of(speaker: Speaker | None, text: str, at: str | None = None, author: str | None = None) -> RawTurn:
    """A turn; a system turn if the speaker's role is unknown."""
    return RawTurn(speaker, text, at, author) if speaker else Unattributed("system", text, at, author)


def too_many(turns: Collection[RawTurn]) -> str:
    """What is wrong with so many turns; blank if they can be read."""
    return f"there are {len(turns)} turns; at most {MAX_TURNS} are read: split them" if len(turns) > MAX_TURNS else ""


def has_unknown(turns: Iterable[RawTurn]) -> bool:
    """Whether a speaker's role is unknown."""
    return any(isinstance(turn, Unattributed) for turn in turns)


def has_no_customer(turns: Collection[RawTurn]) -> bool:
    """Whether there is no customer, but a speaker of unknown role who may be one."""
    return has_unknown(turns) and all(turn.speaker != "customer" for turn in turns)


def warnings_of(turns: Iterable[RawTurn]) -> tuple[str, ...]:
    """The warnings of a record with these turns."""
    return ("speaker_unknown",) if has_unknown(turns) else ()


def role_of(name: str) -> Speaker | None:
    """The role in a sender's speaker name: `Customer 2`, `END_USER`, `Anna (Support)`; None for none, or for two."""
    roles = _read(name)[0] if len(name) <= _LONGEST_NAME else frozenset()
    return next(iter(roles)) if len(roles) == 1 else None


def role_among(name: str, customers: Container[str]) -> Speaker | None:
    """The same, with some names known to be customers, overriding other hints; these as from `called`."""
    return "customer" if called(name) in customers else role_of(name)


def called(name: str) -> str:
    """A speaker name normalised for comparison: case-insensitive, white space collapsed."""
    return " ".join(name.split()).casefold()


def author_of(name: str) -> str | None:
    """The person's name in a speaker name, without the role; None without one, as in `Speaker 2`."""
    left = _read(name)[1] if len(name) <= _LONGEST_NAME else ""
    return left if left and left.split()[0].casefold() not in _NOBODY else None


def joined(turns: Iterable[RawTurn]) -> Iterator[RawTurn]:
    """Join consecutive pieces by the same speaker, with the time of the first; system events stay separate."""
    for _, same in groupby(turns, key=_who):
        pieces = list(same)
        yield pieces[0] if len(pieces) == 1 else replace(pieces[0], text=" ".join(piece.text.strip() for piece in pieces))


def event_turn(told: str, at: str | None, *, who: Speaker | None = None) -> RawTurn | None:
    """The system turn for a sender's event name (`participant.joined`, `chat.transfer`); None for others."""
    event = event_of("system", told.replace("_", " "))
    return RawTurn("system", _EVENTS[event][0].format(who=(who or "somebody").capitalize()), at) if event else None


def event_of(speaker: str, text: str) -> Event | None:
    """The event in a system turn; None for other turns."""
    if speaker != "system" or len(text) > _LONGEST_EVENT:
        return None
    return next((event for event, (_, told) in _EVENTS.items() if told.search(text)), None)


def is_turns(x: object) -> bool:
    """Whether a list is one transcript: only objects, one of which has a speaker and is not a record itself."""
    if not isinstance(x, list | tuple) or not all(isinstance(turn, RawTurn | Mapping) for turn in x):
        return False
    return any(isinstance(turn, RawTurn) or ("speaker" in turn and not turn.keys() & {"id", "turns"}) for turn in x)


def _who(turn: RawTurn) -> object:
    """Key that is equal for pieces of one turn."""
    return object() if type(turn) is RawTurn and turn.speaker == "system" else (type(turn), turn.speaker, turn.author)


@lru_cache(maxsize=1024)
def _read(name: str) -> tuple[frozenset[Speaker], str]:
    """The roles in a name, and the rest of the name."""
    words = _NO_WORD.split(name.strip())
    plain, left = f" {' '.join(words).casefold().strip()} ", f" {' '.join(words).strip()} "
    roles = set[Speaker]()
    for known in _LONGEST_FIRST:
        if f" {known} " in plain:
            roles.add(_BY_WORDS[known])
            plain = plain.replace(f" {known} ", " ")
            left = re.sub(rf"(?<= ){known} ", "", left, flags=re.IGNORECASE)
    return frozenset(roles), " ".join(word for word in left.split() if not word.isdigit())
