"""The frozen records that pass between the steps, and their JSON form (the contract of the command line and the API)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Speaker = Literal["customer", "agent", "bot", "supervisor", "system"]
Conduct = Literal["repeats", "apologises", "asks", "redirects", "promises"]
SPEAKERS: tuple[Speaker, ...] = ("customer", "agent", "bot", "supervisor", "system")


@dataclass(frozen=True, slots=True)
class RawTurn:
    """One turn as received."""

    speaker: Speaker
    text: str
    at: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class RawVerbatim:
    """One record as received: a text, or the turns of a transcript (exactly one of the two).

    `author` is the writer's name, to be masked in the text. `warnings` are codes of what the reader corrected. `row` carries the
    caller's own columns or object unchanged from reader to writer.
    """

    id: str
    text: str | None = None
    turns: tuple[RawTurn, ...] = ()
    channel: str | None = None
    question: str | None = None
    created_at: str | None = None
    language: str | None = None
    subject: str | None = None
    score: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    row: Mapping[str, Any] | None = None
    author: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be processed, in its place in the output.

    Attributes:
        message: what is wrong and the remedy, for every reader.
        row: the caller's columns.
        field: the field that another choice would help, such as `speaker`: a place that offers one may name it (`cli.choices`).
    """

    id: str | None
    code: str
    message: str
    row: Mapping[str, Any] | None = None
    field: str = ""

    def to_dict(self) -> Json:
        return {"id": self.id, "status": "rejected", "error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True, slots=True)
class Redaction:
    """A masked piece of personal data: its kind and the half-open offsets of the placeholder in the returned text; never the value."""

    kind: str
    start: int
    end: int
    turn: int | None = None

    def to_dict(self) -> Json:
        return {"kind": self.kind, "start": self.start, "end": self.end, "turn": self.turn}


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn after normalising and redacting."""

    speaker: Speaker
    text: str
    at: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Normalised and redacted text, the only text that goes further. A plain text is a single customer turn."""

    id: str
    turns: tuple[Turn, ...]
    is_transcript: bool
    language: str
    redactions: tuple[Redaction, ...] = ()
    warnings: tuple[str, ...] = ()
    channel: str | None = None
    question: str | None = None
    row: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """The analysed text; for a transcript, the customer's turns joined by line breaks."""
        return text_of(self.turns)


def text_of(turns: Iterable[Turn]) -> str:
    """The customer's turns joined by line breaks."""
    return "\n".join([turn.text for turn in turns if turn.speaker == "customer"])


@dataclass(frozen=True, slots=True)
class Segment:
    """The unit of evidence: half-open character offsets within one turn."""

    turn: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of the returned text; `turn` is null for a plain text."""

    start: int
    end: int
    turn: int | None
    text: str

    def to_dict(self) -> Json:
        return {"start": self.start, "end": self.end, "turn": self.turn, "text": self.text}


@dataclass(frozen=True, slots=True)
class Label:
    """A given stage, flag, reason or outcome."""

    key: str
    probability: float
    evidence: tuple[Evidence, ...] = ()

    def to_dict(self) -> Json:
        return {"key": self.key, "probability": self.probability, "evidence": _dicts(self.evidence)}


@dataclass(frozen=True, slots=True)
class Factor:
    """A given experience factor with its polarity (`+`, `-`, `~`)."""

    key: str
    polarity: str
    probability: float
    evidence: tuple[Evidence, ...] = ()

    def to_dict(self) -> Json:
        return {"key": self.key, "polarity": self.polarity, "probability": self.probability, "evidence": _dicts(self.evidence)}


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Five-level sentiment: level -2..2, expected score scaled to -1..1, probability per level."""

    level: int
    score: float
    probabilities: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> Json:
        return {"level": self.level, "score": self.score, "probabilities": dict(self.probabilities)}


@dataclass(frozen=True, slots=True)
class Scope:
    """Service complaint, experience issue, both or neither; `because` names the head or rule that decided."""

    key: str
    probability: float
    because: str
    evidence: tuple[Evidence, ...] = ()

    def to_dict(self) -> Json:
        return {"key": self.key, "probability": self.probability, "because": self.because, "evidence": _dicts(self.evidence)}


@dataclass(frozen=True, slots=True)
class Withheld:
    """A label that the model leans towards but does not give: below its threshold, above the abstention floor.

    `because` names the rule that withholds a label the model gave; blank if the model itself withholds it.
    """

    label: str
    probability: float
    because: str = ""

    def to_dict(self) -> Json:
        out: Json = {"label": self.label, "probability": self.probability}
        return out | {"because": self.because} if self.because else out


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that matched: its reason, the tests that matched, and the evidence of the labels they name.

    `effect` is `review` (a person should read the record) or `route` (it only assigns a `queue`, blank for none).
    """

    id: str
    effect: str
    reason: str
    because: str
    evidence: tuple[Evidence, ...] = ()
    queue: str = ""

    def to_dict(self) -> Json:
        out: Json = {"id": self.id, "effect": self.effect, "reason": self.reason, "because": self.because}
        return out | {"evidence": _dicts(self.evidence)} | ({"queue": self.queue} if self.queue else {})


@dataclass(frozen=True, slots=True)
class TurnLabels:
    """The labels of a customer turn by itself, with the same thresholds as the whole."""

    stages: tuple[Label, ...] = ()
    factors: tuple[Factor, ...] = ()
    scope: Scope | None = None
    flags: tuple[Label, ...] = ()

    def to_dict(self) -> Json:
        return {"stages": _dicts(self.stages), "factors": _dicts(self.factors), "scope": _dict(self.scope), "flags": _dicts(self.flags)}


@dataclass(frozen=True, slots=True)
class TurnAnalysis:
    """One turn of a transcript, with sentiment and labels of its own if the customer speaks (null for other speakers).

    `at` is its time as the sender gave it; missing if there was none. `conduct` is what agents, bots and supervisors do in it; None for
    others and in analyses of earlier releases.
    """

    speaker: Speaker
    text: str
    sentiment: Sentiment | None
    at: str | None = None
    labels: TurnLabels | None = None
    conduct: tuple[Conduct, ...] | None = None

    def to_dict(self) -> Json:
        out: Json = {"speaker": self.speaker, "text": self.text, "sentiment": _dict(self.sentiment)}
        if self.at is not None:
            out["at"] = self.at
        if self.conduct is not None:
            out["conduct"] = self.conduct
        return out | self.labels.to_dict() if self.labels else out


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations in a conversation, in seconds. None: nothing to measure, or a time it needs is missing or out of order.

    Attributes:
        response_first: from the customer's first turn to the answer.
        response_longest: the longest wait for an answer.
        awaited: share (0 to 1) of the conversation's duration in which the customer waited for an answer.
        silence_longest: the longest gap between two turns.
        silence_turn: index of the turn that ended it; of equal gaps, the first.
        gaps: time between each turn and the one before it.
        hold: total time on hold; None if the sender reports no hold.
        hold_turns: indexes of the turns that report a hold, one per hold.
        transfer_turns: indexes of the turns that report a transfer.
    """

    response_first: float | None = None
    response_longest: float | None = None
    awaited: float | None = None
    silence_longest: float | None = None
    silence_turn: int | None = None
    gaps: tuple[float | None, ...] = ()
    hold: float | None = None
    hold_turns: tuple[int, ...] = ()
    transfer_turns: tuple[int, ...] = ()

    @property
    def holds(self) -> int:
        """How often the customer was put on hold, as reported by the sender."""
        return len(self.hold_turns)

    @property
    def transfers(self) -> int:
        """How often the conversation was transferred, as reported by the sender."""
        return len(self.transfer_turns)

    def to_dict(self) -> Json:
        return {
            "response_first": self.response_first,
            "response_longest": self.response_longest,
            "awaited": self.awaited,
            "silence_longest": self.silence_longest,
            "silence_turn": self.silence_turn,
            "gaps": self.gaps,
            "hold": self.hold,
            "hold_turns": self.hold_turns,
            "holds": self.holds,
            "transfer_turns": self.transfer_turns,
            "transfers": self.transfers,
        }


@dataclass(frozen=True, slots=True)
class Low:
    """Where a customer's mood was lowest: the turn's index, its level and score.

    `recovery` is how far the score rose from there to the customer's last turn, 0 to 2.
    """

    turn: int
    level: int
    score: float
    recovery: float

    @classmethod
    def of(cls, moods: Iterable[tuple[int, int, float]]) -> "Low | None":
        """The lowest of the turns with a sentiment, given in order as (index, level, score); of equal ones the first."""
        found = list(moods)
        turn, level, score = min(found, key=lambda mood: mood[2], default=(0, 0, 0.0))
        return cls(turn, level, score, round(found[-1][2] - score, 4)) if found else None

    @classmethod
    def in_result(cls, result: Json) -> "Low | None":
        """The same for an analysis in its JSON form; None for a text."""
        moods = ((at, turn.get("sentiment")) for at, turn in enumerate(result.get("turns") or ()))
        return cls.of((at, mood["level"], mood["score"]) for at, mood in moods if mood)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What only a transcript has: its turns, how it went and how it ended.

    `review_because` names the rule that calls for review if the model does not. `pace` is None in analyses by earlier releases.
    """

    turns: tuple[TurnAnalysis, ...]
    outcome: Label
    sentiment_start: Sentiment
    sentiment_end: Sentiment
    needs_review: bool
    needs_review_probability: float
    reasons: tuple[Label, ...] = ()
    review_because: str = ""
    pace: Pace | None = None

    @property
    def low(self) -> Low | None:
        """Where the customer's mood was lowest, and how far it recovered."""
        moods = ((at, turn.sentiment) for at, turn in enumerate(self.turns))
        return Low.of((at, mood.level, mood.score) for at, mood in moods if mood)

    def to_dict(self) -> Json:
        low = self.low
        because = {"because": self.review_because} if self.review_because else {}
        out = {
            "turns": _dicts(self.turns),
            "outcome": self.outcome.to_dict(),
            "sentiment_start": {"level": self.sentiment_start.level, "score": self.sentiment_start.score},
            "sentiment_end": {"level": self.sentiment_end.level, "score": self.sentiment_end.score},
            "sentiment_low": {"level": low.level, "score": low.score, "turn": low.turn} if low else None,
            "sentiment_recovery": low.recovery if low else None,
            "needs_review": {"value": self.needs_review, "probability": self.needs_review_probability, **because},
            "reasons": _dicts(self.reasons),
        }
        return out | {"pace": self.pace.to_dict()} if self.pace else out


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result for one record: every label with its evidence and its probability.

    `labels` has the label sets of a custom taxonomy by name, and `lacks` the names of built-in sets that it does not have, which the
    JSON omits. `rules` has the matching rules of the installation. `vector` is not in the JSON: signed bytes whose direction represents
    what the text is about, for themes and search; blank if none was made.
    """

    id: str
    text: str
    stages: tuple[Label, ...]
    factors: tuple[Factor, ...]
    sentiment: Sentiment | None
    scope: Scope | None
    flags: tuple[Label, ...]
    language: str
    redactions: tuple[Redaction, ...]
    abstained: tuple[Withheld, ...]
    model: str
    taxonomy: str
    warnings: tuple[str, ...] = ()
    labels: Mapping[str, tuple[Label | Factor, ...]] = field(default_factory=dict)
    conversation: Conversation | None = None
    row: Mapping[str, Any] | None = None
    vector: bytes = field(default=b"", repr=False, compare=False)
    rules: tuple[RuleHit, ...] = ()
    lacks: tuple[str, ...] = ()

    def to_dict(self) -> Json:
        """The JSON object of the contract, ready for `json.dumps`; written by hand because `asdict` copies every value."""
        out: Json = {
            "id": self.id,
            "status": "ok",
            "text": self.text,
            "stages": _dicts(self.stages),
            "factors": _dicts(self.factors),
            "sentiment": _dict(self.sentiment),
            "scope": _dict(self.scope),
            "flags": _dicts(self.flags),
            "language": self.language,
            "redactions": _dicts(self.redactions),
            "abstained": _dicts(self.abstained),
            "model": self.model,
            "taxonomy": self.taxonomy,
            "warnings": self.warnings,
        }
        for name in self.lacks:
            del out[name]
        if self.labels:
            out["labels"] = {name: _dicts(labels) for name, labels in self.labels.items()}
        if self.rules:
            out["rules"] = _dicts(self.rules)
        return out | self.conversation.to_dict() if self.conversation else out


Result = Analysis | Rejected


class _Record(Protocol):
    def to_dict(self) -> Json: ...


def _dict(record: _Record | None) -> Json | None:
    return record.to_dict() if record is not None else None


def _dicts(records: Iterable[_Record]) -> tuple[Json, ...]:
    return tuple([record.to_dict() for record in records])
