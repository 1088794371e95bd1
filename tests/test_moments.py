"""Tests of `moments`: times with a day and without, what two numbers tell, midnight, and that a day is never made up."""

import pytest

from vocservice.moments import elapsed, is_time, moment, moments_of, tells_no_day

DAY = 24 * 3600


def seconds(*times: str | None) -> list[float | None]:
    """Seconds of each time since the first that is known."""
    found = moments_of(times)
    first = next((at for at in found if at), None)
    return [(at - first).total_seconds() if at and first else None for at in found]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (("2026-11-28T09:00:00Z", "2026-11-28T10:00:30+01:00", "2026-11-29"), [0, 30, 15 * 3600]),
        (("00:00:01.250", "00:00:04", "100:00:01"), [0, 2.75, 100 * 3600 - 0.25]),
        (("10:15", "10:15", "10:17", "9:59"), [0, 0, 120, -960]),
        (("11:58 AM", "12:03 pm", "1:00 p.m.", "1:00:30 PM"), [0, 300, 3720, 3750]),
        (("12:30 am", "1:00 am"), [0, 1800]),
        (("0:05", "59:58", "61:02"), [0, 3593, 3657]),
        (("59:58", "1:00:02"), [0, 4]),
    ],
)
def test_times_of_one_conversation_are_told_apart(times: tuple[str, ...], expected: list[float]) -> None:
    assert seconds(*times) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (("23:58", "00:03", "00:04"), [0, 300, 360]),
        (("23:59:50", "00:00:10"), [0, 20]),
        (("11:59 pm", "12:01 am"), [0, 120]),
        (("22:00", "08:00", "23:00", "07:30"), [0, 10 * 3600, DAY + 3600, DAY + 9.5 * 3600]),
        (("15:00", "04:00"), [0, -11 * 3600]),
        (("25:00:00", "00:00:05"), [0, 5 - 25 * 3600]),
    ],
)
def test_a_clock_that_falls_back_by_more_than_half_a_day_went_through_midnight(times: tuple[str, ...], expected: list[float]) -> None:
    assert seconds(*times) == expected


@pytest.mark.parametrize(
    ("times", "known"),
    [
        (("00:05", "01:30"), [False, False]),
        (("10:15", "00:00:09"), [False, True]),
        (("2026-11-28T09:00:00Z", "09:01"), [True, False]),
        (("soon", None, "", "10:61", "13:00 PM", "0:30 am", "10:15"), [False] * 6 + [True]),
        ((), []),
    ],
)
def test_what_may_be_one_of_two_is_not_known(times: tuple[str | None, ...], known: list[bool]) -> None:
    assert [at is not None for at in moments_of(times)] == known


def test_a_time_by_the_clock_tells_no_day() -> None:
    assert all(tells_no_day(at) and is_time(at) and moment(at) is None for at in ("10:15", "9:05 PM", "00:00:01.5", elapsed(61.25)))
    assert is_time("2026-11-28") and not tells_no_day("2026-11-28") and not any(map(is_time, ("", None, "soon", "10:15Z")))
    assert elapsed(3661.25) == "01:01:01.250"
