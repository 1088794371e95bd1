"""Tests of the pace of a conversation: waits for answers and silences, and that what is not known is not guessed."""

import pytest

from vocservice.rules.facts import moment
from vocservice.rules.pace import Pace, Said, pace_of

UNKNOWN = None


def said(*turns: tuple[str, int | None]) -> list[Said]:
    """Turns by speaker and minute after nine."""
    return [Said(speaker, None if at is None else moment(f"2026-11-28T09:{at:02}:00Z")) for speaker, at in turns]


@pytest.mark.parametrize(
    ("turns", "first", "longest", "awaited", "silence"),
    [
        ([("customer", 0), ("agent", 2), ("customer", 3), ("bot", 10)], 2, 7, 0.9, 7),
        ([("customer", 0), ("customer", 1), ("agent", 4)], 4, 4, 1.0, 3),
        ([("agent", 0), ("customer", 5), ("system", 6), ("agent", 10)], 5, 5, 0.5, 5),
        ([("customer", 0), ("agent", 2), ("customer", 4)], 2, 2, 0.5, 2),
        ([("customer", 0), ("customer", 4)], UNKNOWN, UNKNOWN, UNKNOWN, 4),
        ([("customer", None), ("agent", None)], UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
        ([("customer", 6), ("agent", 0)], UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
        ([("customer", 0), ("agent", 2), ("customer", 3), ("agent", None)], 2, UNKNOWN, UNKNOWN, UNKNOWN),
        ([("customer", None), ("agent", 2), ("customer", 3), ("agent", 5)], UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
        ([("customer", 0), ("agent", 0)], 0, 0, UNKNOWN, 0),
        ([], UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_waits_and_silences(
    turns: list[tuple[str, int | None]], first: float | None, longest: float | None, awaited: float | None, silence: float | None
) -> None:
    found = pace_of(said(*turns))
    minutes = [None if value is None else value / 60 for value in (found.first, found.longest, found.silence)]
    assert (minutes, found.awaited, len(found.gaps)) == ([first, longest, silence], awaited, len(turns))


def test_gaps_stand_before_their_turn() -> None:
    assert pace_of(said(("customer", 0), ("agent", 2), ("agent", None), ("customer", 5))).gaps == (None, 120.0, None, None)
    assert pace_of([]) == Pace(None, None, None, None, ())
