"""The frozen records that pass between the steps, and their JSON form (the contract of the command line and the API)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Speaker = Literal["customer", "agent", "bot", "supervisor", "system"]
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

    `row` carries the caller's own columns or object, untouched, from reader to writer.
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


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be processed, in its place in the output."""

    id: str | None
    code: str
    message: str
    row: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "status": "rejected", "error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True, slots=True)
class Redaction:
    """Where personal data stood: kind and half-open offsets of the placeholder in the returned text; never the value."""

    kind: str
    start: int
    end: int
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn after normalising and redacting."""

    speaker: Speaker
    text: str
    at: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Clean text on its way to the model: the only text that goes further. A plain text is a single customer turn."""

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
        """The analysed text: of a transcript, the customer's turns joined by line breaks."""
        return "\n".join(turn.text for turn in self.turns if turn.speaker == "customer")


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


@dataclass(frozen=True, slots=True)
class Label:
    """A stage, flag, reason or outcome that was given."""

    key: str
    probability: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Factor:
    """An experience factor that was given, with its polarity (`+`, `-`, `~`)."""

    key: str
    polarity: str
    probability: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Five-level sentiment: level -2..2, expected score scaled to -1..1, probability per level."""

    level: int
    score: float
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """Service complaint, experience issue, both or neither; `because` names the head or rule that decided."""

    key: str
    probability: float
    because: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Withheld:
    """A label the model leans to but does not give: below its threshold, above the abstention floor."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class TurnAnalysis:
    """One turn of a transcript with the sentiment of the customer's words (null for other speakers)."""

    speaker: Speaker
    text: str
    sentiment: Sentiment | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What only a transcript has: its turns, how it went and how it ended."""

    turns: tuple[TurnAnalysis, ...]
    outcome: Label
    sentiment_start: Sentiment
    sentiment_end: Sentiment
    needs_review: bool
    needs_review_probability: float
    reasons: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """The way out: every label with its evidence, its probability and who gave it.

    `labels` holds the label sets of a taxonomy other than the built-in one, by name.
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

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the contract, ready for `json.dumps`."""
        out = asdict(replace(self, row=None))
        out.pop("row")
        if not self.labels:
            out.pop("labels")
        conversation = out.pop("conversation")
        out = {"id": out.pop("id"), "status": "ok", **out}
        if conversation is not None:
            out |= _conversation_dict(conversation)
        return out


Result = Analysis | Rejected


def _conversation_dict(conversation: dict[str, Any]) -> dict[str, Any]:
    start, end = conversation["sentiment_start"], conversation["sentiment_end"]
    return {
        "turns": conversation["turns"],
        "outcome": conversation["outcome"],
        "sentiment_start": {"level": start["level"], "score": start["score"]},
        "sentiment_end": {"level": end["level"], "score": end["score"]},
        "needs_review": {"value": conversation["needs_review"], "probability": conversation["needs_review_probability"]},
        "reasons": conversation["reasons"],
    }
