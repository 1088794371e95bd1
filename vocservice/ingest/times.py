"""A sender's time in any common format in, UTC out; None if it cannot be the time of feedback.

Supported: ISO-8601 with `Z` or an offset, epoch seconds, milliseconds and microseconds, `2024/01/15 10:30:00 AM GMT+1`,
naive times where the source declares a zone, and days with slashes where it declares their order. Eight digits are a day, `20240115`.
With `day_is_enough`, a date without a time needs no zone.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

Order = Literal["month_first", "day_first"]
_FIRST_YEAR = 1970
_AHEAD = timedelta(hours=24)
_LONGEST = 64
_MILLIS, _MICROS = 1e11, 1e14  # an epoch count from here on is in milliseconds, in microseconds
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?)?"
_FLAGS = re.IGNORECASE | re.ASCII
_YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})[-/](?P<month>\d{{1,2}})[-/](?P<day>\d{{1,2}})(?:[T,\s]\s*{_CLOCK}{_ZONE})?", re.IGNORECASE | re.ASCII
)
_YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})[/.](?P<other>\d{{1,2}})[/.](?P<year>\d{{4}})(?:[,\s]\s*{_CLOCK}{_ZONE})?", re.IGNORECASE | re.ASCII
)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?", _FLAGS)


def parse_time(
    value: Any, *, received_at: datetime, zone: tzinfo | None = None, order: Order | None = None, day_is_enough: bool = False
) -> datetime | None:
    """Parse a time to UTC.

    Args:
        value: text or number, of any type.
        received_at: arrival of the delivery; a time more than 24 hours later is rejected.
        zone: for times without one; if None, those are not read.
        order: of day and month in `1/2/2024`; if None, such dates are not read.
        day_is_enough: read a date without a zone as the start of that day in UTC.

    Returns:
        None if it is not a time, is before 1970, or lies in the future.
    """
    try:
        given = str(value) if isinstance(value, int) and 10**7 <= value < 10**8 else value
        moment = _epoch(given) if isinstance(given, int | float) else _written(given, zone, order, UTC if day_is_enough else None)
        return moment if moment and _is_believable(moment, received_at) else None
    except (ValueError, OverflowError, OSError):
        return None


def iso(moment: datetime) -> str:
    """ISO-8601 in UTC with microseconds, which sorts chronologically as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_zone(name: str) -> ZoneInfo:
    """Return the IANA zone of this name.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError):
        raise ValueError("is no IANA time zone") from None


def _is_believable(moment: datetime, received_at: datetime) -> bool:
    return moment.year >= _FIRST_YEAR and moment <= received_at + _AHEAD


def _epoch(value: int | float) -> datetime | None:
    """None for booleans and for counts in the first days of 1970, which are not times."""
    if isinstance(value, bool) or value < 1e6:
        return None
    return datetime.fromtimestamp(value / (1e6 if value >= _MICROS else 1e3 if value >= _MILLIS else 1), UTC)


def _written(value: Any, zone: tzinfo | None, order: Order | None, day_zone: tzinfo | None) -> datetime | None:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = re.sub(r"\A([0-9]{4})([0-9]{2})([0-9]{2})\Z", r"\1-\2-\3", value.strip())
    if found := _YEAR_FIRST.fullmatch(text):
        return _moment(found, int(found["month"]), int(found["day"]), zone, day_zone)
    if order and (found := _YEAR_LAST.fullmatch(text)):
        first, other = int(found["first"]), int(found["other"])
        return _moment(found, *((first, other) if order == "month_first" else (other, first)), zone, day_zone)
    return _epoch(float(text)) if re.fullmatch(r"[0-9]{7,17}(?:\.[0-9]{1,9})?", text) else None


def _moment(found: re.Match[str], month: int, day: int, zone: tzinfo | None, day_zone: tzinfo | None) -> datetime | None:
    """A leap second becomes the next second; a time in the gap of a clock change moves forward by the gap."""
    named = _zone(found["zone"]) if found["zone"] else zone or (None if found["hour"] else day_zone)
    if named is None:
        return None
    second = int(found["second"] or 0)
    micros = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    leap = second == 60
    clock = _hour(found), int(found["minute"] or 0), 59 if leap else second, micros
    moment = datetime(int(found["year"]), month, day, *clock, tzinfo=named).astimezone(UTC)
    return moment.replace(microsecond=0) + timedelta(seconds=1) if leap else moment


def _hour(found: re.Match[str]) -> int:
    hour, half = int(found["hour"] or 0), (found["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError("no such hour")
    return hour % 12 + (12 if half == "p" else 0) if half else hour


def _zone(name: str) -> tzinfo:
    if not (found := _OFFSET.fullmatch(name)):
        return UTC
    offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(-offset if found[1] == "-" else offset)
