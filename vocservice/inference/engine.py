"""Verbatims with their segments in, label results out: windows, encoder, heads and calibration of one bundle.

One forward pass serves every head. For a transcript, all of the customer's segments are pooled for the labels of the whole, and those of
each turn for the labels of that turn.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from vocservice.errors import BundleError
from vocservice.inference.annotate import OrdinalResult, SetResult, annotate
from vocservice.inference.bundle import Bundle
from vocservice.inference.encoder import Encoder, Vectors
from vocservice.inference.heads import Groups, score_segments
from vocservice.inference.pooling import pooled
from vocservice.inference.windows import Windowed, Windower
from vocservice.records import Segment, Verbatim

QUESTION_CUT = "question_cut"


@dataclass(frozen=True, slots=True)
class Scored:
    """One verbatim's results per label set, and for a transcript also per customer turn (turn index -> results).

    Evidence rows index `segments`, within a turn the segments of that turn. `vector` comes from `pooled`; `warnings` name
    what the model could not read in full.
    """

    sets: dict[str, SetResult]
    turns: dict[int, dict[str, SetResult]]
    segments: tuple[Segment, ...]
    vector: bytes = b""
    warnings: tuple[str, ...] = ()

    def mood(self, turn: int) -> OrdinalResult | None:
        """Sentiment of a turn; None for turns of others, or if the taxonomy has no scale for it."""
        found = self.turns.get(turn, {}).get("sentiment")
        return found if isinstance(found, OrdinalResult) else None


class Engine:
    """A bundle ready to score; thread-safe, loaded once."""

    def __init__(self, bundle: Bundle, *, threads: int | None = None):
        self.bundle = bundle
        self._encoder = Encoder(bundle.encoder, width=bundle.manifest.width, threads=threads)
        self._windower = Windower(bundle.tokenizer, max_window=bundle.manifest.max_window)

    def score(
        self,
        verbatims: Sequence[Verbatim],
        segments: Sequence[Sequence[Segment]],
        *,
        turn: AbstractContextManager[object] | None = None,
    ) -> list[Scored]:
        """Score a batch; every verbatim must have at least one customer segment.

        Args:
            verbatims: the batch.
            segments: those of each verbatim, in order.
            turn: lock held until the encoder has begun the last batch of windows, so that threads use it one after the other.
        """
        if not verbatims:
            return []
        windowed = self._windower.windows(verbatims, segments)
        vectors = self._encoder.encode(windowed, turn=turn)
        owner = np.repeat(np.arange(len(windowed)), [len(text.segments) for text in windowed])
        groups = Groups(owner, len(windowed))
        scores = score_segments(vectors, self.bundle.head, groups, range(len(windowed)))
        if not np.isfinite(scores).all():
            raise BundleError(f"bundle {self.bundle.id} gave scores that are not numbers")
        results = annotate(scores, groups, self.bundle.layout.blocks, self.bundle.calibration)
        turns = self._by_turn(verbatims, windowed, vectors)
        whole = pooled(vectors, groups)
        return [
            Scored(
                {name: values[index] for name, values in results.items()},
                turns[index],
                text.segments,
                whole[index],
                (QUESTION_CUT,) if text.is_question_cut else (),
            )
            for index, text in enumerate(windowed)
        ]

    def _by_turn(
        self, verbatims: Sequence[Verbatim], windowed: Sequence[Windowed], vectors: Vectors
    ) -> list[dict[int, dict[str, SetResult]]]:
        """Each customer turn as a group of its own: its segments in the context of the turn."""
        out: list[dict[int, dict[str, SetResult]]] = [{} for _ in verbatims]
        places = [(index, part.turn) for index, text in enumerate(windowed) for part in text.segments]
        rows = [row for row, (index, _) in enumerate(places) if verbatims[index].is_transcript]
        keys = sorted({places[row] for row in rows})
        if not keys:
            return out
        number = {key: at for at, key in enumerate(keys)}
        groups = Groups(np.array([number[places[row]] for row in rows]), len(keys))
        own = Vectors(vectors.sums[rows], vectors.tokens[rows], vectors.first)
        scores = score_segments(own, self.bundle.head, groups, [index for index, _ in keys])
        results = annotate(scores, groups, self.bundle.layout.blocks, self.bundle.calibration)
        for at, (index, turn) in enumerate(keys):
            out[index][turn] = {name: values[at] for name, values in results.items()}
        return out
