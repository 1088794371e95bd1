"""The times of a conversation's turns in, comparable moments out.

A time is ISO 8601, or has no date: `HH:MM:SS` with or without a fraction, since a start or by the clock, or `HH:MM` by the clock, both with
or without `AM` or `PM`. Times without a date count from 1970, because only differences matter.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

_DAYLESS = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?(?:[ \u00a0\u202f]?([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _HALF = timedelta(days=1), timedelta(hours=12)
_HOURS = 24

Pair = Literal["hours and minutes", "minutes and seconds"]  # meaning of the two numbers in a time such as 10:15


def elapsed(seconds: float) -> str:
    """A time since a start as `HH:MM:SS.mmm`."""
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}.{millis % 1000:03}"


def is_time(at: str | None) -> bool:
    """Whether a text is a time in one of these forms."""
    return tells_no_day(at) or moment(at) is not None


def tells_no_day(at: str | None) -> bool:
    """Whether a time has no date: by the clock, or since a start."""
    return bool(at and _DAYLESS.fullmatch(at))


def moment(given: str | None) -> datetime | None:
    """Parse a time in ISO 8601, UTC without a zone; None for anything else."""
    try:
        at = datetime.fromisoformat(given) if given else None
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)) if at else None
    except (ValueError, OverflowError):
        return None


def moments_of(times: Iterable[str | None]) -> tuple[datetime | None, ...]:
    """The moment of each turn; None if it is invalid or ambiguous.

    Times without a date are ignored beside times with one. A time more than 12 hours before its predecessor belongs to the next day.
    """
    given = list(times)
    dated = tuple(moment(at) for at in given)
    return dated if any(dated) else tuple(_through_midnight(list(_spans(given))))


def _spans(times: Sequence[str | None]) -> Iterator[timedelta | None]:
    found = [_DAYLESS.fullmatch(at) if at else None for at in times]
    pair = _pair([one for one in found if one])
    return (_span(one, pair) if one else None for one in found)


def _pair(found: Sequence[re.Match[str]]) -> Pair | None:
    """Meaning of times with two numbers; None if ambiguous: beside times with three, or if the first begins with 00."""
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
    """The moments of times without a date; values beyond 24 hours are since a start, without midnight."""
    is_by_clock = all(span < _DAY for span in spans if span is not None)
    day, before = timedelta(), timedelta()
    for span in spans:
        if span is not None:
            day += _DAY if is_by_clock and before - span > _HALF else timedelta()
            before = span
        yield None if span is None else _START + day + span
