"""Examples in, splits out: by a hash of the id, so that a text stays in its split when others are added.

- `fit`: for the weights.
- `calibrate`: for curves, thresholds and cuts. Only randomly drawn texts annotated under the final codebook.
- `fresh`: unseen; for figures beside dev.
- `kept_out`: a tenth of each public sentiment corpus; half calibrates the neutral band, half is for figures.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from training.examples import Example


@dataclass(frozen=True, slots=True)
class Splits:
    """Disjoint lists of examples."""

    fit: list[Example]
    calibrate: list[Example]
    fresh: list[Example]


def bucket(example_id: str, buckets: int) -> int:
    """A stable number below `buckets` for an id."""
    return int.from_bytes(hashlib.sha256(example_id.encode()).digest()[:8], "big") % buckets


def split_annotated(extended: Iterable[Example]) -> Splits:
    """Split the extended annotations: of the random part a fifth is fresh and two fifths calibrate; all else fits."""
    splits = Splits([], [], [])
    for example in extended:
        number = bucket(example.id, 5) if example.sample == "random" else 4
        target = splits.fresh if number == 0 else splits.calibrate if number < 3 else splits.fit
        target.append(example)
    return splits


def is_kept_out(example: Example) -> bool:
    """Whether a text is in the held-out tenth of a public corpus."""
    return bucket(example.id, 10) == 0


def calibrates_signs(example: Example) -> bool:
    """Whether a held-out text is in the half without reported figures."""
    return bucket(example.id, 20) == 10


def split_tenths(examples: Iterable[Example]) -> Splits:
    """Split another company's data: eight tenths fit, one calibrates, one is fresh."""
    splits = Splits([], [], [])
    for example in examples:
        number = bucket(example.id, 10)
        (splits.fresh if number == 0 else splits.calibrate if number == 1 else splits.fit).append(example)
    return splits
