"""An analysis and its record in, the values of rule names out; None for unknown values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from vocservice.moments import moment
from vocservice.pace import Said, pace_of, said_in
from vocservice.records import Evidence, Json, Low, RawVerbatim

LISTS: Mapping[str, str] = {"stage": "stages", "factor": "factors", "flag": "flags", "reason": "reasons"}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts a rule may use; `now` is the time of evaluation.

    Attributes:
        result: the analysis in the JSON of the contract.
        sources: all names of its source.
        said: the turns of a transcript.
        is_day: `created_at` is a date without a time.
    """

    result: Json
    now: datetime
    channel: str | None = None
    sources: tuple[str, ...] = ()
    score: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    created_at: datetime | None = None
    received_at: datetime | None = None
    said: tuple[Said, ...] = ()
    is_day: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A given label."""

    key: str
    probability: float | None
    polarity: str | None
    evidence: tuple[Evidence, ...]


def facts_of(record: RawVerbatim, result: Json, *, now: datetime) -> Facts:
    """The facts of a record in the pipeline, received now."""
    said = said_in(record.turns, record.warnings)
    created_at = moment(record.created_at)
    return Facts(result, now, record.channel, (), record.score, record.metadata, created_at, now, said, _is_day(record.created_at))


def labels_of(facts: Facts, name: str) -> tuple[Given, ...]:
    """The labels of a set that were given."""
    held = LISTS.get(name, name)
    found: Any = facts.result.get(held) or (facts.result.get("labels") or {}).get(held) or ()
    if name == "sentiment" and isinstance(found, dict):
        level = str(found["level"])
        return (Given(level, (found.get("probabilities") or {}).get(level), None, ()),)
    return tuple(_given(label) for label in ([found] if isinstance(found, dict) else found))


def is_withheld(facts: Facts, name: str, key: str) -> bool:
    """Whether a label was withheld."""
    label = f"{LISTS.get(name, name)}.{key}"
    return any(held["label"] == label for held in facts.result.get("abstained") or ())


def words_of(facts: Facts) -> Iterator[tuple[int | None, str]]:
    """The customer's redacted text, by turn."""
    turns = facts.result.get("turns")
    if turns is None:
        yield None, facts.result.get("text", "")
        return
    yield from ((number, turn["text"]) for number, turn in enumerate(turns) if turn["speaker"] == "customer")


def metadata_at(facts: Facts, path: Sequence[str]) -> str | float | bool | None:
    """The sender's value at a path; None if missing, or a list or an object."""
    found: Any = facts.metadata
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, bool | str):
        return found
    return float(found) if isinstance(found, int | float) else None


def _is_day(given: str | None) -> bool:
    """Whether a time in ISO 8601 is a date only."""
    try:
        return bool(given and date.fromisoformat(given))
    except ValueError:
        return False


def _given(label: Json) -> Given:
    evidence = tuple(Evidence(**piece) for piece in label.get("evidence") or ())
    return Given(label["key"], label["probability"], label.get("polarity"), evidence)


def _at(*path: str) -> Callable[[Facts], Any]:
    """A value of the analysis."""

    def read(facts: Facts) -> Any:
        found: Any = facts.result
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    return read


def _score(name: str) -> Callable[[Facts], Any]:
    return lambda facts: (facts.score or {}).get(name)


def _age(name: str) -> Callable[[Facts], float | None]:
    """Seconds since a time."""
    return lambda facts: (facts.now - at).total_seconds() if (at := getattr(facts, name)) else None


def _clock(name: str) -> Callable[[Facts], float | None]:
    """Minutes of a day."""
    return lambda facts: float(60 * at.hour + at.minute) if (at := getattr(facts, name)) else None


def _weekday(name: str) -> Callable[[Facts], str | None]:
    return lambda facts: WEEKDAYS[at.weekday()] if (at := getattr(facts, name)) else None


def _low(name: str) -> Callable[[Facts], float | None]:
    """A value of the turn with the lowest sentiment."""
    return lambda facts: getattr(Low.in_result(facts.result), name, None)


def _kind(facts: Facts) -> str:
    return "text" if facts.result.get("turns") is None else "transcript"


def _turns(facts: Facts) -> float | None:
    turns = facts.result.get("turns")
    return None if turns is None else float(len(turns))


def _duration(facts: Facts) -> float | None:
    times = [said.at for said in facts.said if said.at]
    return (max(times) - min(times)).total_seconds() if len(times) > 1 else None


def _pace(name: str) -> Callable[[Facts], float | None]:
    """A value of the pace of a transcript, a span in seconds."""
    return lambda facts: getattr(pace_of(facts.said), name) if facts.said else None


READERS: Mapping[str, Callable[[Facts], Any]] = {
    "sentiment.score": _at("sentiment", "score"),
    "sentiment.start": _at("sentiment_start", "level"),
    "sentiment.end": _at("sentiment_end", "level"),
    "sentiment.low": _low("level"),
    "sentiment.recovery": _low("recovery"),
    "needs_review": _at("needs_review", "value"),
    "needs_review.probability": _at("needs_review", "probability"),
    "kind": _kind,
    "language": _at("language"),
    "channel": lambda facts: facts.channel,
    "source": lambda facts: facts.sources or None,
    "score": _score("value"),
    "score.kind": _score("kind"),
    "score.scale": _score("scale"),
    "created.age": _age("created_at"),
    "created.time": lambda facts: None if facts.is_day else _clock("created_at")(facts),
    "created.weekday": _weekday("created_at"),
    "received.age": _age("received_at"),
    "received.time": _clock("received_at"),
    "received.weekday": _weekday("received_at"),
    "turns": _turns,
    "duration": _duration,
    "response.first": _pace("response_first"),
    "response.longest": _pace("response_longest"),
    "silence.longest": _pace("silence_longest"),
    "hold": _pace("hold"),
    "transfers": _pace("transfers"),
}
