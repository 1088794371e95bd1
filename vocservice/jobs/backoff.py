"""The number of an attempt in, the seconds until the next one out: exponential with jitter, so that retries spread out.

Also parses `Retry-After`.
"""

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import SystemRandom

_RANDOM = SystemRandom()
_LONGEST_RETRY_AFTER = 86_400.0


def full_jitter(attempt: int, *, first: float = 2.0, factor: float = 2.0, most: float = 300.0) -> float:
    """A random delay between 0 and `first * factor ** (attempt - 1)`, at most `most`."""
    return _RANDOM.uniform(0.0, grown(attempt, first=first, factor=factor, most=most))


def half_jitter(attempt: int, *, first: float, factor: float, most: float) -> float:
    """A random delay between half and all of it, for attempts spread over days."""
    whole = grown(attempt, first=first, factor=factor, most=most)
    return _RANDOM.uniform(whole / 2, whole)


def grown(attempt: int, *, first: float, factor: float, most: float) -> float:
    """The maximum delay after an attempt, without overflow."""
    wait = first
    for _ in range(attempt - 1):
        wait = min(most, wait * factor)
        if wait == most:
            break
    return min(most, wait)


def retry_after(header: str | None) -> float | None:
    """The delay requested by an answer, in seconds or as a date; at most a day."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return min(float(header), _LONGEST_RETRY_AFTER)
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(header)
        return min(max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()), _LONGEST_RETRY_AFTER)
    return None
