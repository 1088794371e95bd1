"""One training run: its data, its output, and what it must leave out."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from training.corpora import held_out_ids, is_non_commercial
from training.examples import Example
from training.settings import TrainingSettings
from vocservice.taxonomy import Taxonomy


@dataclass(frozen=True)
class Run:
    """One training run: its data, its output, and what it must leave out.

    `start`: the bundle whose weights it goes on from; None when the run starts from the base encoder.
    `layers`: which of that bundle's layers are kept; all when empty.
    `int8`: that bundle is only rounded: its products become int8 ones.
    `decided`: decisions of a review desk to learn from beside the corpora, as `voc export-annotations` writes them.
    """

    data: Path
    folder: Path
    settings: TrainingSettings
    taxonomy: Taxonomy
    commercial: bool = False
    start: Path | None = None
    layers: tuple[int, ...] = ()
    int8: bool = False
    decided: Path | None = None

    @property
    def distils(self) -> bool:
        """Whether the network also learns the vectors of the bundle it starts from, and nothing of that bundle's weights is kept as is."""
        return bool(self.layers) or self.int8

    def keep(self, examples: Iterable[Example]) -> list[Example]:
        """Without the development texts and, for a commercial bundle, without non-commercial corpora."""
        return [e for e in examples if self._is_allowed(e.id)]

    def keep_rows(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """As `keep`, of rows that are no examples yet."""
        return [row for row in rows if self._is_allowed(row["id"])]

    @cached_property
    def _held_out(self) -> frozenset[str]:
        return held_out_ids(self.data)

    def _is_allowed(self, example_id: str) -> bool:
        return example_id not in self._held_out and not (self.commercial and is_non_commercial(example_id))
