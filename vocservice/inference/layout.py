"""Label sets in, columns of the head matrix out: which column scores which label, polarity or level.

Every head is a block of columns of one linear layer over segment features, so that one product scores all. Training and serving use the
same layout.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vocservice.taxonomy import LabelSet


@dataclass(frozen=True, slots=True)
class Block:
    """The columns of one label set, as half-open slices into the head's output.

    `labels`: one logit per label. `polarities`: labels x polarities, label-major (empty without polarity).
    `attention`: one column that weights segments for an ordinal set (empty otherwise).
    """

    label_set: LabelSet
    labels: slice
    polarities: slice
    attention: slice

    @property
    def composites(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """(label, parts) for each label of a single-label set whose logit is the sum of those of its parts."""
        keys = self.label_set.keys
        return tuple(
            (index, tuple(keys.index(part) for part in label.combines))
            for index, label in enumerate(self.label_set.labels)
            if label.combines
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """All blocks, in the order of the label sets, and the number of columns."""

    blocks: tuple[Block, ...]
    width: int

    def __getitem__(self, name: str) -> Block:
        return next(block for block in self.blocks if block.label_set.name == name)


def lay_out(label_sets: Iterable[LabelSet]) -> Layout:
    """Assign columns to each label set."""
    blocks, at = [], 0
    for label_set in label_sets:
        count = len(label_set.labels)
        labels = slice(at, at + count)
        polarities = slice(labels.stop, labels.stop + count * len(label_set.polarities))
        attention = slice(polarities.stop, polarities.stop + (label_set.kind == "ordinal"))
        blocks.append(Block(label_set, labels, polarities, attention))
        at = attention.stop
    return Layout(tuple(blocks), at)
