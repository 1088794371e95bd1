"""Frozen training records: a text or transcript with its known labels, per label set.

"Not labelled" and "absent" are distinct: a label set missing from an example is unknown and masked; a label
listed in `unknown` is masked alone; other labels of a named multi-label set that are not `given` are absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vocservice.records import RawTurn, RawVerbatim

Span = tuple[int, int] | tuple[int, int, int]  # half-open offsets, and the turn if it is not the first


@dataclass(frozen=True, slots=True)
class Labels:
    """Known labels of one multi-label set.

    `given`: label -> polarity (None without). `unknown`: labels neither given nor absent.
    `evidence`: label -> half-open offsets in the raw text of the turn; empty when no evidence was annotated.
    `is_all_evidence`: whether text outside of it is known not to show the label.
    `main`: the first label, if order matters.
    """

    given: Mapping[str, str | None]
    unknown: frozenset[str] = frozenset()
    evidence: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    main: str | None = None
    is_all_evidence: bool = True


@dataclass(frozen=True, slots=True)
class OneOf:
    """Known label of a single or ordinal set: one of `keys` (one key: fully known)."""

    keys: frozenset[str]


Target = Labels | OneOf


@dataclass(frozen=True, slots=True)
class Soft:
    """Teacher probabilities of one label set: one per label, and one per polarity of each label (empty without)."""

    labels: tuple[float, ...]
    polarities: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One training text."""

    id: str
    corpus: str
    text: str
    targets: Mapping[str, Target]
    turns: tuple[RawTurn, ...] = ()
    channel: str | None = None
    question: str | None = None
    sample: str = "random"
    weight: float = 1.0
    soft: Mapping[str, Soft] = field(default_factory=dict)


def to_raw(example: Example) -> RawVerbatim:
    """The example as an incoming record, without known labels."""
    return RawVerbatim(example.id, None if example.turns else example.text, example.turns, example.channel, example.question)
