"""Speakers and times in, waiting times and silences out; None if unknown."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from vocservice.moments import moments_of
from vocservice.records import Pace, RawTurn, Turn, TurnAnalysis
from vocservice.turns import Event, event_of

_ANSWERING = ("agent", "bot", "supervisor")


@dataclass(frozen=True, slots=True)
class Said:
    """The speaker, the time if known, and the reported system event."""

    speaker: str
    at: datetime | None
    event: Event | None = None


def said_in(turns: Iterable[RawTurn | Turn | TurnAnalysis], warnings: Container[str] = ()) -> tuple[Said, ...]:
    """Turn data for the pace; without events if a speaker of unknown role may have reported them."""
    spoken, tells = tuple(turns), "speaker_unknown" not in warnings
    times = moments_of(turn.at for turn in spoken)
    return tuple(
        Said(turn.speaker, at, event_of(turn.speaker, turn.text) if tells else None) for turn, at in zip(spoken, times, strict=True)
    )


def oddities(turns: Sequence[RawTurn | Turn], said: Sequence[Said]) -> tuple[str, ...]:
    """Warnings about turns, given the result of `said_in`: `time_unread`, `times_out_of_order`, `turn_repeated` (at the same time)."""
    known = [one.at for one in said if one.at]
    found = {
        "time_unread": any(turn.at and not one.at for turn, one in zip(turns, said, strict=True)),
        "times_out_of_order": any(after < before for before, after in pairwise(known)),
        "turn_repeated": any(a.at and a.text and (a.speaker, a.text, a.at) == (b.speaker, b.text, b.at) for a, b in pairwise(turns)),
    }
    return tuple(code for code, is_so in found.items() if is_so)


def pace_of(said: Sequence[Said]) -> Pace:
    """The pace of the turns of a transcript."""
    gaps = tuple(_gap(before.at, after.at) for before, after in pairwise(said))
    waits = [_gap(asked, answered) for asked, answered in _answers(said)]
    longest, silence = _longest(waits), _longest(gaps)
    whole = 0.0 if silence is None else sum(gap or 0.0 for gap in gaps)
    awaited = round(sum(wait or 0.0 for wait in waits) / whole, 4) if whole and longest is not None else None
    holds = list(_holds(said))
    return Pace(
        response_first=next(iter(waits), None),
        response_longest=longest,
        awaited=awaited,
        silence_longest=silence,
        silence_turn=None if silence is None else gaps.index(silence) + 1,
        gaps=(None, *gaps) if said else (),
        hold=_in_all([seconds for _, seconds in holds]),
        hold_turns=tuple(begun for begun, _ in holds),
        transfer_turns=tuple(index for index, one in enumerate(said) if one.event == "transferred"),
    )


def _answers(said: Sequence[Said]) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Times of a customer's first turn and of the answer; unanswered ones are left out."""
    asking: Said | None = None
    for one in said:
        if one.speaker == "customer":
            asking = asking or one
        elif one.speaker in _ANSWERING and asking is not None:
            yield asking.at, one.at
            asking = None


def _holds(said: Sequence[Said]) -> Iterator[tuple[int, float | None]]:
    """The turn that began a hold, and its duration: until the system, a speaker or the end of the conversation."""
    held: int | None = None
    for index, one in enumerate(said):
        if one.event == "held":
            held = index if held is None else held
        elif held is not None and (one.event == "resumed" or one.speaker in _ANSWERING):
            yield held, _gap(said[held].at, one.at)
            held = None
    if held is not None:
        yield held, _gap(said[held].at, said[-1].at)


def _in_all(found: Sequence[float | None]) -> float | None:
    known = [seconds for seconds in found if seconds is not None]
    return round(sum(known), 6) if found and len(known) == len(found) else None


def _gap(before: datetime | None, after: datetime | None) -> float | None:
    return (after - before).total_seconds() if before and after and after >= before else None


def _longest(found: Sequence[float | None]) -> float | None:
    known = [seconds for seconds in found if seconds is not None]
    return max(known, default=None) if len(known) == len(found) else None
