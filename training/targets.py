"""Examples in, target tensors out, per label set; unknown values are masked, never zero.

Values: 1 given, 0 absent, -1 unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.examples import Example, Labels, OneOf, Soft
from vocservice.inference.layout import Block, Layout

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Targets:
    """labels: (B, labels) of 1, 0, -1. polarities: (B, labels), index or -1. evidence: (S, labels) of 1, 0, -1.

    soft: (B, labels), the teachers' probabilities or -1. soft_polarities: (B, labels, polarities), likewise.
    """

    labels: Tensor
    polarities: Tensor
    evidence: Tensor
    soft: Tensor
    soft_polarities: Tensor


def build_targets(examples: Sequence[Example], evidence: Sequence[Sequence[dict[str, set[int]]]], layout: Layout) -> dict[str, Targets]:
    """Build the target tensors of a batch; `evidence[i]` has one entry per segment: set name -> indices of its labels."""
    return {block.label_set.name: _targets(block, examples, evidence) for block in layout.blocks}


def _targets(block: Block, examples: Sequence[Example], evidence: Sequence[Sequence[dict[str, set[int]]]]) -> Targets:
    rows = [label_row(block, example) for example in examples]
    polarities = [polarity_row(block, example) for example in examples]
    marks = [_evidence_row(block, example, carried) for example, segments in zip(examples, evidence, strict=True) for carried in segments]
    soft = [_soft_row(block, example) for example in examples]
    return Targets(
        labels=torch.tensor(rows),
        polarities=torch.tensor(polarities),
        evidence=torch.tensor(marks),
        soft=torch.tensor([known.labels for known in soft]),
        soft_polarities=torch.tensor([known.polarities for known in soft]),
    )


def label_row(block: Block, example: Example) -> list[int]:
    """The value of each label of a set in an example: 1, 0 or -1."""
    keys = block.label_set.keys
    match example.targets.get(block.label_set.name):
        case Labels() as known:
            return [1 if key in known.given else UNKNOWN if key in known.unknown else 0 for key in keys]
        case OneOf() as known:
            return [int(key in known.keys) for key in keys]
    return [UNKNOWN] * len(keys)


def polarity_row(block: Block, example: Example) -> list[int]:
    """The polarity of each label in an example: its index or -1."""
    known = example.targets.get(block.label_set.name)
    order = block.label_set.polarities
    given = known.given if isinstance(known, Labels) else {}
    return [order.index(given[key]) if given.get(key) in order else UNKNOWN for key in block.label_set.keys]  # type: ignore[arg-type]


def _soft_row(block: Block, example: Example) -> Soft:
    known = example.soft.get(block.label_set.name)
    if known is not None:
        return known
    count, polarities = len(block.label_set.labels), len(block.label_set.polarities)
    return Soft((float(UNKNOWN),) * count, ((float(UNKNOWN),) * polarities,) * count)


def _evidence_row(block: Block, example: Example, carried: dict[str, set[int]]) -> list[int]:
    """Evidence is known only for labels with annotated spans."""
    known = example.targets.get(block.label_set.name)
    if not isinstance(known, Labels):
        return [UNKNOWN] * len(block.label_set.keys)
    mine, other = carried.get(block.label_set.name, set()), 0 if known.is_all_evidence else UNKNOWN
    return [UNKNOWN if key not in known.evidence else 1 if index in mine else other for index, key in enumerate(block.label_set.keys)]
