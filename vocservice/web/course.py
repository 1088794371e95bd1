"""The pace of a transcript, its outcome and its scope in, how the conversation went in words out."""

from collections.abc import Mapping
from dataclasses import dataclass

from vocservice.reporting.recovery import Fixed, Recovered, fixed, is_unfixed, recovered
from vocservice.rules.pace import Pace

UNKNOWN = "not known"
_RECOVERED: Mapping[Recovered, str] = {"yes": "yes", "no": "no", "pending": "not yet, something is to follow", "unknown": UNKNOWN}
_FIXED: Mapping[Fixed, str] = {
    "stands": "no, the cause is an experience issue that support cannot mend",
    "nothing": "nothing broader than this contact was said",
    "unknown": UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Course:
    """How a conversation went, in words.

    Attributes:
        gaps: before each turn; blank where that is not known.
        silent: number of the turn that ended the longest silence; 0 where that is not known.
    """

    first: str
    longest: str
    awaited: str
    silence: str
    silent: int
    gaps: tuple[str, ...]
    recovered: str
    fixed: str
    is_unfixed: bool


def course_of(pace: Pace, *, outcome: str | None, scope: str | None) -> Course:
    """The course of a transcript; `outcome` and `scope` are keys, None where none was given."""
    return Course(
        first=_or_unknown(pace.first),
        longest=_or_unknown(pace.longest),
        awaited=UNKNOWN if pace.awaited is None else f"{pace.awaited:.0%}",
        silence=_or_unknown(pace.silence),
        silent=0 if pace.silence is None else pace.gaps.index(pace.silence) + 1,
        gaps=tuple("" if gap is None else lasting(gap) for gap in pace.gaps),
        recovered=_RECOVERED[recovered(outcome)],
        fixed=_FIXED[fixed(scope)],
        is_unfixed=is_unfixed(outcome, scope),
    )


def lasting(seconds: float) -> str:
    """A span of time in words, by its two largest units."""
    minutes = round(seconds / 60)
    if minutes >= 1440:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if seconds >= 60 else f"{round(seconds)} s"


def _or_unknown(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else lasting(seconds)
