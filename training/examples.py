"""The frozen training records: a text or transcript with what is known of its labels, label set by label set.

"Not labelled" and "absent" differ everywhere: a label set that an example does not name is unknown and masked; a label
listed in `unknown` is masked alone; every other label of a named multi set that is not `given` is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vocservice.records import RawTurn, RawVerbatim

Span = tuple[int, int] | tuple[int, int, int]  # half-open offsets, and the turn where it is not the first


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of one multi-label set.

    `given`: label -> polarity (None without). `unknown`: labels neither given nor absent.
    `evidence`: label -> half-open offsets in the raw text of the turn; empty when no evidence was annotated.
    `is_all_evidence`: whether a place outside of it is known not to show the label.
    `main`: the label that stands first, where order counts.
    """

    given: Mapping[str, str | None]
    unknown: frozenset[str] = frozenset()
    evidence: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    main: str | None = None
    is_all_evidence: bool = True


@dataclass(frozen=True, slots=True)
class OneOf:
    """What is known of a single or ordinal set: the label is one of `keys` (one key: fully known)."""

    keys: frozenset[str]


Target = Labels | OneOf


@dataclass(frozen=True, slots=True)
class Soft:
    """What teachers say of one label set: a probability a label, and for each label one a polarity (empty without)."""

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
    """The example as it would come in from outside, without what is known of it."""
    return RawVerbatim(example.id, None if example.turns else example.text, example.turns, example.channel, example.question)
