"""Who spoke when in, how long a customer waited for answers and how long nobody spoke out; None is what is not known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from vocservice.turns import Event, event_of, moment_of

_ANSWERING = ("agent", "bot", "supervisor")


@dataclass(frozen=True, slots=True)
class Said:
    """Who spoke, when, where that is known, and what the system told."""

    speaker: str
    at: datetime | None
    event: Event | None = None


def said_of(speaker: str, text: str, at: str | None, *, tells: bool = True) -> Said:
    """What the pace of a conversation asks of a turn; it `tells` of no event where somebody of unknown role may have said it."""
    return Said(speaker, moment_of(at), event_of(speaker, text) if tells else None)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a conversation went, in seconds. None: there is no such thing, or a time that it needs is missing or out of order.

    Attributes:
        first: from the customer's first turn to the answer.
        longest: the longest that an answer took.
        awaited: the share (0 to 1) of the time from the first turn to the last in which the customer waited for an answer.
        silence: the longest gap between two turns.
        gaps: before each turn, since the one before it.
        transfers: how often the conversation was handed on, as far as the sender tells.
        held: how long the customer was on hold in all; None where the sender tells of no hold.
    """

    first: float | None
    longest: float | None
    awaited: float | None
    silence: float | None
    gaps: tuple[float | None, ...]
    transfers: int = 0
    held: float | None = None


def pace_of(said: Sequence[Said]) -> Pace:
    """The pace of the turns of a transcript."""
    gaps = tuple(_gap(before.at, after.at) for before, after in pairwise(said))
    waits = [_gap(asked, answered) for asked, answered in _answers(said)]
    longest, silence = _longest(waits), _longest(gaps)
    whole = 0.0 if silence is None else sum(gap or 0.0 for gap in gaps)
    awaited = sum(wait or 0.0 for wait in waits) / whole if whole and longest is not None else None
    transfers = sum(one.event == "transferred" for one in said)
    return Pace(next(iter(waits), None), longest, awaited, silence, (None, *gaps) if said else (), transfers, _held(said))


def _answers(said: Sequence[Said]) -> Iterator[tuple[datetime | None, datetime | None]]:
    """When a customer began to speak and when the answer came; what was never answered counts nowhere."""
    asking: Said | None = None
    for one in said:
        if one.speaker == "customer":
            asking = asking or one
        elif one.speaker in _ANSWERING and asking is not None:
            yield asking.at, one.at
            asking = None


def _held(said: Sequence[Said]) -> float | None:
    holds = [_gap(begun, ended) for begun, ended in _holds(said)]
    known = [seconds for seconds in holds if seconds is not None]
    return sum(known) if holds and len(known) == len(holds) else None


def _holds(said: Sequence[Said]) -> Iterator[tuple[datetime | None, datetime | None]]:
    """When a customer was put on hold and when that ended: by what the system told, by somebody who spoke, or with the conversation."""
    held: Said | None = None
    for one in said:
        if one.event == "held":
            held = held or one
        elif held is not None and (one.event == "resumed" or one.speaker in _ANSWERING):
            yield held.at, one.at
            held = None
    if held is not None:
        yield held.at, said[-1].at


def _gap(before: datetime | None, after: datetime | None) -> float | None:
    return (after - before).total_seconds() if before and after and after >= before else None


def _longest(found: Sequence[float | None]) -> float | None:
    known = [seconds for seconds in found if seconds is not None]
    return max(known, default=None) if len(known) == len(found) else None
