"""The times of a conversation's turns in, moments that can be compared out.

A time is ISO 8601, or tells no day: `HH:MM:SS` with a fraction or without, since a start or by a clock, or `HH:MM` by a clock, both with
`AM` or `PM` or without. Times without a day count from 1970, as only the time between turns is asked for.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

_DAYLESS = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?(?:[ \u00a0\u202f]?([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _HALF = timedelta(days=1), timedelta(hours=12)
_HOURS = 24

Pair = Literal["hours and minutes", "minutes and seconds"]  # what the two numbers of a time such as 10:15 are


def elapsed(seconds: float) -> str:
    """A time since a start as `HH:MM:SS.mmm`."""
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}.{millis % 1000:03}"


def is_time(at: str | None) -> bool:
    """Whether a text is a time of one of these forms."""
    return tells_no_day(at) or moment(at) is not None


def tells_no_day(at: str | None) -> bool:
    """Whether a time is one by the clock alone, or since a start."""
    return bool(at and _DAYLESS.fullmatch(at))


def moment(given: str | None) -> datetime | None:
    """A time in ISO 8601, in UTC where it names no zone; None for anything else."""
    try:
        at = datetime.fromisoformat(given) if given else None
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)) if at else None
    except (ValueError, OverflowError):
        return None


def moments_of(times: Iterable[str | None]) -> tuple[datetime | None, ...]:
    """When each turn was said; None for what is no time, or may be one of two.

    Beside times with a day those without are not read. A time more than 12 hours before the one in front of it is of the next day.
    """
    given = list(times)
    dated = tuple(moment(at) for at in given)
    return dated if any(dated) else tuple(_through_midnight(list(_spans(given))))


def _spans(times: Sequence[str | None]) -> Iterator[timedelta | None]:
    found = [_DAYLESS.fullmatch(at) if at else None for at in times]
    pair = _pair([one for one in found if one])
    return (_span(one, pair) if one else None for one in found)


def _pair(found: Sequence[re.Match[str]]) -> Pair | None:
    """What times of two numbers tell; None where it may be either: beside times of three, or where the first begins with 00."""
    pairs = [int(one[1]) for one in found if not one[3] and not one[5]]
    if any(first >= _HOURS for first in pairs):
        return "minutes and seconds"
    has_three = any(one[3] and not one[5] for one in found)
    return None if has_three or pairs[:1] == [0] else "hours and minutes"


def _span(found: re.Match[str], pair: Pair | None) -> timedelta | None:
    first, second, third, fraction, half = found.groups()
    if half:
        hours = int(first) % 12 + 12 * (half.lower() == "p")
        return timedelta(hours=hours, minutes=int(second), seconds=_seconds(third, fraction)) if 1 <= int(first) <= 12 else None
    if third:
        return timedelta(hours=int(first), minutes=int(second), seconds=_seconds(third, fraction))
    if pair == "minutes and seconds":
        return timedelta(minutes=int(first), seconds=int(second))
    return timedelta(hours=int(first), minutes=int(second)) if pair else None


def _seconds(whole: str | None, fraction: str | None) -> float:
    return float(f"{whole or 0}.{fraction or 0}")


def _through_midnight(spans: Sequence[timedelta | None]) -> Iterator[datetime | None]:
    """The moments of times without a day; what goes beyond a day is since a start, and knows no midnight."""
    is_by_clock = all(span < _DAY for span in spans if span is not None)
    day, before = timedelta(), timedelta()
    for span in spans:
        if span is not None:
            day += _DAY if is_by_clock and before - span > _HALF else timedelta()
            before = span
        yield None if span is None else _START + day + span
