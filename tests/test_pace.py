"""Tests of the pace of a conversation: waits for answers and silences, and that what is not known is not guessed."""

import pytest

from vocservice.moments import moment
from vocservice.pace import Said, oddities, pace_of, said_in
from vocservice.records import Pace, RawTurn

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
    minutes = [None if value is None else value / 60 for value in (found.response_first, found.response_longest, found.silence_longest)]
    assert (minutes, found.awaited, len(found.gaps)) == ([first, longest, silence], awaited, len(turns))


def test_gaps_stand_before_their_turn() -> None:
    assert pace_of(said(("customer", 0), ("agent", 2), ("agent", None), ("customer", 5))).gaps == (None, 120.0, None, None)
    assert pace_of([]) == Pace()


@pytest.mark.parametrize(
    ("turns", "transfers", "held"),
    [
        ([("system", "The customer is on hold.", "00:01:00"), ("system", "The hold has ended.", "00:03:30.500")], 0, 150.5),
        ([("system", "On hold", "00:01:00"), ("agent", "I am back.", "00:02:00"), ("system", "Put on hold", "00:05:00"),
          ("customer", "Hello?", "00:06:00")], 0, 120),
        ([("system", "On hold", None), ("agent", "I am back.", "00:02:00")], 0, None),
        ([("customer", "Put me on hold again and transferred me!", "00:00:01"), ("agent", "Sorry.", "00:00:05")], 0, None),
        ([("system", "The conversation was transferred.", None), ("system", "Transferring you to billing", None),
          ("system", "Your bank transfer came in.", None)], 2, None),
        ([("system", "Agent joined.", None), ("system", "transfer.failed", None)], 0, None),
    ],
)  # fmt: skip
def test_holds_and_transfers_are_those_that_the_system_tells(turns: list[tuple[str, str, str | None]], transfers: int, held: float) -> None:
    pace = pace_of(said_in(RawTurn(*turn) for turn in turns))
    assert (pace.transfers, pace.hold) == (transfers, held)


def test_times_since_a_start_tell_the_pace() -> None:
    told = [("customer", "Hello?", "00:00:01.250"), ("agent", "Hi.", "00:00:04"), ("customer", "Well.", "9:00")]
    pace = pace_of(said_in(RawTurn(*turn) for turn in told))
    assert (pace.response_first, pace.gaps) == (2.75, (None, 2.75, None))


def test_a_record_with_a_speaker_of_unknown_role_tells_of_no_event() -> None:
    turns = [RawTurn("customer", "Hello?", "00:00:01"), RawTurn("system", "Transferred to billing", "soon")]
    assert [(one.event, one.at is None) for one in said_in(turns)] == [(None, False), ("transferred", True)]
    assert [one.event for one in said_in(turns, ("speaker_unknown",))] == [None, None]


def test_the_longest_silence_holds_and_transfers_name_their_turns() -> None:
    told = [
        ("customer", "Hello?", "00:00:01"), ("system", "On hold", "00:00:03"), ("system", "Still on hold", "00:00:10"),
        ("agent", "I am back.", "00:00:11"), ("system", "Transferring you to billing", "00:00:18"), ("system", "On hold", "00:00:20"),
    ]  # fmt: skip
    pace = pace_of(said_in(RawTurn(*turn) for turn in told))
    assert (pace.silence_longest, pace.silence_turn) == (7, 2)
    assert (pace.holds, pace.hold_turns, pace.transfers, pace.transfer_turns) == (2, (1, 5), 1, (4,))
    assert pace_of(said_in([RawTurn("customer", "Hello?"), RawTurn("agent", "Hi.")])).silence_turn is None


@pytest.mark.parametrize(
    ("times", "texts", "expected"),
    [
        ((None, None, None), ("a", "a", "a"), ()),
        (("2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z", "00:00:05"), ("a", "b", "c"), ("time_unread",)),
        (("10:15", "10:17", "10:16"), ("a", "b", "c"), ("times_out_of_order",)),
        (("23:59", "00:01", "00:01"), ("a", "b", "c"), ()),
        (("00:00:01", "00:00:01", "00:00:02"), ("a", "a", "a"), ("turn_repeated",)),
        (("00:00:01", "00:00:01", "00:00:02"), ("", "", "a"), ()),
        (("10:15", None, "00:00:09"), ("a", "b", "c"), ("time_unread",)),
        (("00:00:09", "soon", "00:00:01"), ("a", "b", "c"), ("time_unread", "times_out_of_order")),
    ],
)
def test_what_is_odd_about_turns_is_told(times: tuple[str | None, ...], texts: tuple[str, ...], expected: tuple[str, ...]) -> None:
    turns = [RawTurn("customer", text, at) for text, at in zip(texts, times, strict=True)]
    assert oddities(turns, said_in(turns)) == expected
