"""The pace of a transcript, its analysis and valid labels in, the course of the conversation in words out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vocservice.records import Json, Low, Pace
from vocservice.render import LEVEL_NAMES
from vocservice.reporting.recovery import Fixed, Recovered, fixed, is_handling, is_unfixed, placed, recovered
from vocservice.taxonomy import Taxonomy
from vocservice.web.shown.view import name_of

UNKNOWN = "not known"
_RECOVERED: Mapping[Recovered, str] = {"yes": "yes", "no": "no", "pending": "not yet: something is still open", "unknown": UNKNOWN}
_FIXED: Mapping[Fixed, str] = {
    "yes": "yes: every experience issue behind it is closed",
    "stands": "no: the cause is an experience issue that support cannot fix",
    "nothing": "no broader issue was mentioned",
    "unknown": UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A statement about a factor at a stage, in words; `turns` are the numbers of those with the model's evidence."""

    words: str
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mood:
    """The customer's sentiment over time, in words; `turn` is the number of the lowest, `rise` from there to the last, blank if none."""

    start: str
    end: str
    low: str
    turn: int
    rise: str


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a conversation, in words.

    Attributes:
        cause: why the customer got in touch.
        handling: how the contact went.
        mood: None if no turn has a sentiment.
        gaps: before each turn; blank if unknown.
        transfers: how often the conversation was transferred, if the sender reports it.
        held: time on hold; blank if unknown.
        silent: number of the turn after the longest silence; 0 if unknown.
    """

    first: str
    longest: str
    awaited: str
    silence: str
    silent: int
    gaps: tuple[str, ...]
    transfers: int
    held: str
    recovered: str
    fixed: str
    is_unfixed: bool
    cause: tuple[Told, ...]
    handling: tuple[Told, ...]
    mood: Mood | None

    @property
    def is_timed(self) -> bool:
        """Whether a response time or a silence is known."""
        return any(value != UNKNOWN for value in (self.first, self.longest, self.awaited, self.silence))


def course_of(pace: Pace, result: Json, labels: Json, taxonomy: Taxonomy, *, is_mended: bool = False) -> Course:
    """Describe the course of a transcript.

    Args:
        pace: of its turns.
        result: the model's analysis.
        labels: the valid ones, in the form of an annotation: the model's, or a person's.
        taxonomy: of the labels.
        is_mended: whether the issues of its causes are closed (`recovery.are_mended`).
    """
    outcome, scope = labels.get("outcome"), labels.get("scope")
    cells = list(_cells(result, labels, taxonomy))
    return Course(
        first=_or_unknown(pace.response_first),
        longest=_or_unknown(pace.response_longest),
        awaited=UNKNOWN if pace.awaited is None else f"{pace.awaited:.0%}",
        silence=_or_unknown(pace.silence_longest),
        silent=0 if pace.silence_turn is None else pace.silence_turn + 1,
        gaps=tuple("" if gap is None else lasting(gap) for gap in pace.gaps),
        transfers=pace.transfers,
        held="" if pace.hold is None else lasting(pace.hold),
        recovered=_RECOVERED[recovered(outcome)],
        fixed=_FIXED[fixed(scope, is_mended=is_mended)],
        is_unfixed=is_unfixed(outcome, scope, is_mended=is_mended),
        cause=tuple(told for is_own, told in cells if not is_own),
        handling=tuple(told for is_own, told in cells if is_own),
        mood=_mood(result),
    )


def _cells(result: Json, labels: Json, taxonomy: Taxonomy) -> Iterator[tuple[bool, Told]]:
    """For each factor at each stage: whether it is about handling, and the statement; praise is not a cause."""
    for stage, factor in placed(result, labels):
        is_own = is_handling(stage, factor.key, taxonomy)
        if is_own or factor.polarity != "+":
            turns = tuple(sorted({piece.turn + 1 for piece in factor.evidence if piece.turn is not None}))
            name = name_of(taxonomy, "factors", factor.key, factor.polarity)
            yield is_own, Told(f"{name_of(taxonomy, 'stages', stage)}: {name}" if stage else name, turns)


def _mood(result: Json) -> Mood | None:
    low = Low.in_result(result)
    if low is None:
        return None
    start, end = (_level((result.get(name) or {}).get("level")) for name in ("sentiment_start", "sentiment_end"))
    rise = f"{low.recovery:+.2f}"
    return Mood(start, end, _level(low.level), low.turn + 1, "" if float(rise) == 0 else rise)


def _level(level: int | None) -> str:
    return UNKNOWN if level is None else LEVEL_NAMES[level]


def lasting(seconds: float) -> str:
    """A duration in words, in its two largest units."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{round(seconds)} s"
    units = {"d": minutes // 1440, "h": minutes % 1440 // 60, "min": minutes % 60 if minutes < 1440 else 0}
    return " ".join(f"{count} {unit}" for unit, count in units.items() if count)


def _or_unknown(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else lasting(seconds)
