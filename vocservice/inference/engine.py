"""Verbatims with their segments in, label results out: windows, encoder, heads and calibration of one bundle.

One forward pass serves every head; of a transcript all of the customer's segments are pooled for the labels, and those
of each turn for its own sentiment.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from vocservice.errors import BundleError
from vocservice.inference.annotate import OrdinalResult, SetResult, annotate, ordinal_results
from vocservice.inference.bundle import Bundle
from vocservice.inference.encoder import Encoder, Vectors
from vocservice.inference.heads import Groups, score_segments
from vocservice.inference.pooling import pooled
from vocservice.inference.windows import Windowed, Windower
from vocservice.records import Segment, Verbatim

QUESTION_CUT = "question_cut"


@dataclass(frozen=True, slots=True)
class Scored:
    """One verbatim's results: per label set, and per customer turn its sentiment (turn index -> result).

    Evidence rows count `segments`; `vector` is what `pooled` makes of the verbatim; `warnings` what the model could not read whole.
    """

    sets: dict[str, SetResult]
    turns: dict[int, OrdinalResult]
    segments: tuple[Segment, ...]
    vector: bytes = b""
    warnings: tuple[str, ...] = ()


class Engine:
    """A bundle made ready to score; thread-safe, loaded once."""

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
            turn: held while the encoder has the batch, so that callers of several threads can have it one after the other.
        """
        if not verbatims:
            return []
        windowed = self._windower.windows(verbatims, segments)
        with turn or nullcontext():
            vectors = self._encoder.encode(windowed)
        owner = np.repeat(np.arange(len(windowed)), [len(text.segments) for text in windowed])
        groups = Groups(owner, len(windowed))
        scores = score_segments(vectors, self.bundle.head, groups, range(len(windowed)))
        if not np.isfinite(scores).all():
            raise BundleError(f"bundle {self.bundle.id} gave scores that are not numbers")
        results = annotate(scores, groups, self.bundle.layout.blocks, self.bundle.calibration)
        turns = self._turn_sentiment(verbatims, windowed, vectors)
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

    def _turn_sentiment(
        self, verbatims: Sequence[Verbatim], windowed: Sequence[Windowed], vectors: Vectors
    ) -> list[dict[int, OrdinalResult]]:
        """Each customer turn of a transcript on its own: its segments in the context of the turn."""
        out: list[dict[int, OrdinalResult]] = [{} for _ in verbatims]
        ordinal = [b for b in self.bundle.layout.blocks if b.label_set.name == "sentiment" and b.label_set.kind == "ordinal"]
        if not ordinal or not any(verbatim.is_transcript for verbatim in verbatims):
            return out
        places = [(index, part.turn) for index, text in enumerate(windowed) for part in text.segments]
        keys = sorted(set(places))
        number = {key: at for at, key in enumerate(keys)}
        groups = Groups(np.array([number[place] for place in places]), len(keys))
        scores = score_segments(vectors, self.bundle.head, groups, [index for index, _ in keys])
        results = ordinal_results(scores, groups, ordinal[0], self.bundle.calibration.ordinal["sentiment"])
        for (index, turn), result in zip(keys, results, strict=True):
            if verbatims[index].is_transcript:
                out[index][turn] = result
        return out
