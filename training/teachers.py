"""Teacher probabilities of the training texts, by id: written by `teach`, read by every training run.

Each text's probabilities come from teachers not trained on it (cross-fitting), so they are independent of its own annotation.
They are stored as integers of 1/255.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from training.examples import Example, Soft
from vocservice.errors import ConfigError
from vocservice.inference.layout import Layout

FILE = Path(__file__).parent / "annotations" / "teachers.safetensors"
POLARITY = "/polarity"
_STEPS = 255

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Teachers:
    """Probabilities of N texts. rows: id -> row. sets: name -> (N, labels); name/polarity -> (N, labels, polarities)."""

    rows: Mapping[str, int]
    sets: Mapping[str, Floats]

    def taught(self, examples: Iterable[Example]) -> list[Example]:
        """Add teacher probabilities to the examples that have them."""
        return [replace(e, soft=self._soft(self.rows[e.id])) if e.id in self.rows else e for e in examples]

    def _soft(self, row: int) -> dict[str, Soft]:
        return {name: self._soft_set(name, row) for name in self.sets if not name.endswith(POLARITY)}

    def _soft_set(self, name: str, row: int) -> Soft:
        labels = tuple(self.sets[name][row].tolist())
        polarities = self.sets.get(name + POLARITY)
        return Soft(labels, tuple(map(tuple, polarities[row].tolist())) if polarities is not None else ((),) * len(labels))


def write_teachers(path: Path, ids: Sequence[str], sets: Mapping[str, Floats]) -> None:
    """Write probabilities; `sets` as in Teachers."""
    steps = {name: np.round(np.clip(values, 0, 1) * _STEPS).astype(np.uint8) for name, values in sets.items()}
    save_file(steps, path, metadata={"ids": "\n".join(ids)})


def read_teachers(layout: Layout, path: Path = FILE) -> Teachers:
    """Read the file of `write_teachers`.

    Raises:
        ConfigError: the file is missing or was made for other label sets.
    """
    if not path.is_file():
        raise ConfigError(f"{path.name} is missing: python -m training teach")
    with safe_open(path, "np") as opened:
        ids = opened.metadata()["ids"].split("\n")
        sets = {name: opened.get_tensor(name).astype(np.float32) / _STEPS for name in opened.keys()}  # noqa: SIM118
    for block in layout.blocks:
        name, count = block.label_set.name, len(block.label_set.labels)
        if name not in sets or sets[name].shape != (len(ids), count):
            raise ConfigError(f"{path.name} was made for another {name}: python -m training teach")
    return Teachers({example_id: row for row, example_id in enumerate(ids)}, sets)
