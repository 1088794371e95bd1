"""Windows in, pooled vectors out: one pass of the encoder over each window, in batches filled to a token budget.

Windows are sorted by length so that little is padded; token vectors are summed into their segments as soon as a batch
is done, so memory does not grow with the length of a text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vocservice.errors import BundleError
from vocservice.inference.windows import NO_SEGMENT, Window, Windowed

Floats = NDArray[np.float32]

TOKEN_BUDGET = 512


@dataclass(frozen=True, slots=True)
class Vectors:
    """Pooled token vectors of a batch of verbatims, segments packed one after the other.

    sums: (segments, width) sums of token vectors; tokens: (segments,) how many; first: (verbatims, width) mean [CLS].
    """

    sums: Floats
    tokens: Floats
    first: Floats


class Encoder:
    """An ONNX encoder: `ids, mask -> token vectors`."""

    def __init__(self, path: Path, *, width: int, pad: int = 0, threads: int | None = None, token_budget: int = TOKEN_BUDGET):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"encoder {path.name} cannot be loaded: {type(error).__name__}") from None
        self._width, self._pad, self._budget = width, pad, token_budget

    def encode(self, texts: Sequence[Windowed]) -> Vectors:
        """Encode a batch of windowed verbatims."""
        firsts = np.cumsum([0, *(len(text.segments) for text in texts)])
        vectors = Vectors(
            np.zeros((firsts[-1], self._width), np.float32),
            np.zeros(firsts[-1], np.float32),
            np.zeros((len(texts), self._width), np.float32),
        )
        work = [(index, window) for index, text in enumerate(texts) for window in text.windows]
        for batch in _batches(work, self._budget):
            hidden, owner = self._run([window for _, window in batch])
            for row, (index, window) in enumerate(batch):
                vectors.first[index] += hidden[row, 0] / len(texts[index].windows)
                owner[row, : len(window.ids)] += np.where(owner[row, : len(window.ids)] == NO_SEGMENT, 0, firsts[index])
            _accumulate(vectors, hidden, owner)
        return vectors

    def _run(self, windows: list[Window]) -> tuple[Floats, NDArray[np.int64]]:
        longest = max(len(window.ids) for window in windows)
        ids = np.full((len(windows), longest), self._pad, np.int64)
        mask = np.zeros((len(windows), longest), np.int64)
        owner = np.full((len(windows), longest), NO_SEGMENT, np.int64)
        for row, window in enumerate(windows):
            size = len(window.ids)
            ids[row, :size], mask[row, :size], owner[row, :size] = window.ids, 1, window.segments
        (hidden,) = self._session.run(None, {"ids": ids, "mask": mask})
        return hidden, owner


def _accumulate(vectors: Vectors, hidden: Floats, owner: NDArray[np.int64]) -> None:
    """Add token vectors to their segments: runs of one segment are summed in one stroke."""
    owned = owner.ravel()
    keep = np.flatnonzero(owned != NO_SEGMENT)
    if not len(keep):
        return
    owned, rows = owned[keep], hidden.reshape(-1, hidden.shape[-1])[keep]
    starts = np.flatnonzero(np.r_[True, owned[1:] != owned[:-1]])
    np.add.at(vectors.sums, owned[starts], np.add.reduceat(rows, starts, axis=0))
    np.add.at(vectors.tokens, owned[starts], np.diff(np.r_[starts, len(owned)]).astype(np.float32))


def _batches(work: list[tuple[int, Window]], budget: int) -> Iterator[list[tuple[int, Window]]]:
    batch: list[tuple[int, Window]] = []
    for item in sorted(work, key=_size):
        if batch and (len(batch) + 1) * _size(item) > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _size(item: tuple[int, Any]) -> int:
    return len(item[1].ids)
