"""Cool-down, quiet hours and digest times in, the next time for an alert out; in the alert's own time zone."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from vocservice.errors import InputError

EVERY_DAY = tuple(range(7))
LONGEST_COOL_DOWN = 7 * 24 * 60
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Timing:
    """When an alert may be sent.

    Without `digest_at`: as soon as there is something to send, but not within `cool_down` minutes of the last time nor between
    the two times of `quiet` (which may span midnight). With it: at this time of `days` (0 is Monday), in the time zone `zone`.
    """

    zone: str = "UTC"
    cool_down: int = 0
    quiet: tuple[time, time] | None = None
    digest_at: time | None = None
    days: tuple[int, ...] = EVERY_DAY

    def next_at(self, now: datetime, last: datetime | None = None) -> datetime:
        """The next time, in UTC: not before `now`, and for a digest after it. `last`: time of the last message."""
        if self.digest_at is not None:
            return self._next_digest(now, self.digest_at)
        at = max(now, last + timedelta(minutes=self.cool_down)) if last else now
        return self._after_quiet(at)

    def _after_quiet(self, at: datetime) -> datetime:
        if self.quiet is None:
            return at
        start, end = self.quiet
        local = at.astimezone(ZoneInfo(self.zone))
        clock, spans_midnight = local.time(), start > end
        is_quiet = (clock >= start or clock < end) if spans_midnight else start <= clock < end
        if not is_quiet:
            return at
        day = local.date() + timedelta(days=int(spans_midnight and clock >= start))
        end_here = end.replace(fold=local.fold)  # if an hour is repeated, the same time of it
        return datetime.combine(day, end_here, ZoneInfo(self.zone)).astimezone(UTC)

    def _next_digest(self, now: datetime, clock: time) -> datetime:
        today = now.astimezone(ZoneInfo(self.zone)).date()
        days = (today + timedelta(days=ahead) for ahead in range(9))
        times = (datetime.combine(day, clock, ZoneInfo(self.zone)).astimezone(UTC) for day in days if day.weekday() in self.days)
        return next(at for at in times if at > now)


def timing_of(*, zone: str, cool_down: int, quiet: tuple[str, str], digest_at: str, days: Collection[int]) -> Timing:
    """Parse and check a timing; blank times are None.

    Raises:
        InputError: a time zone, time, day or cool-down is invalid (`timing_invalid`).
    """
    if zone not in zones():
        raise InputError("there is no such time zone; write one as Europe/Berlin", code="timing_invalid")
    if not 0 <= cool_down <= LONGEST_COOL_DOWN:
        raise InputError(f"a cool-down has 0 to {LONGEST_COOL_DOWN} minutes", code="timing_invalid")
    chosen = tuple(sorted(set(days) & set(EVERY_DAY)))
    if digest_at and not chosen:
        raise InputError("a digest needs at least one day of the week", code="timing_invalid")
    start, end = map(clock_of, quiet)
    if (start is None) != (end is None):
        raise InputError("quiet hours need their begin and their end", code="timing_invalid")
    spans = (start, end) if start is not None and end is not None and start != end else None
    return Timing(zone, cool_down, spans, clock_of(digest_at), chosen or EVERY_DAY)


def kept(timing: Timing) -> Mapping[str, Any]:
    """A timing as table columns: times of day as 18:30, null if missing."""
    quiet = timing.quiet or (None, None)
    times = {"quiet_from": quiet[0], "quiet_to": quiet[1], "digest_at": timing.digest_at}
    written = {name: f"{at:%H:%M}" if at is not None else None for name, at in times.items()}
    return {"zone": timing.zone, "cool_down": timing.cool_down, **written, "days": list(timing.days)}


def timing_in(row: Any) -> Timing:
    """The timing from a row with these columns."""
    quiet = clock_of(row.quiet_from or ""), clock_of(row.quiet_to or "")
    spans = (quiet[0], quiet[1]) if quiet[0] is not None and quiet[1] is not None else None
    return Timing(row.zone, row.cool_down, spans, clock_of(row.digest_at or ""), tuple(row.days))


@cache  # reads the file system
def zones() -> tuple[str, ...]:
    """The names of the time zones, sorted."""
    return tuple(sorted(available_timezones()))


def clock_of(text: str) -> time | None:
    """Parse a time of day such as 18:30; None for a blank.

    Raises:
        InputError: it is not a time (`timing_invalid`).
    """
    if not text.strip():
        return None
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise InputError("write a time of day as 18:30", code="timing_invalid")
    return time(int(found[1]), int(found[2]))
