"""Windows in, pooled vectors out: one pass of the encoder over each window, in batches filled to a token budget.

Windows of like length share a batch so that little is padded. As many batches as there are threads are run at once, each by one
thread; token vectors are summed into their segments as soon as a batch is done, in the order of the batches, so that neither
memory grows with the length of a text nor a figure hangs on the number of threads.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vocservice.errors import BundleError
from vocservice.inference.windows import NO_SEGMENT, Window, Windowed
from vocservice.overlap import cores, in_order

Floats = NDArray[np.float32]

TOKEN_BUDGET = 512
BATCH_COST = 16  # what a batch costs beside its tokens, in tokens: the weights are read once more


@dataclass(frozen=True, slots=True)
class Vectors:
    """Pooled token vectors of a batch of verbatims, segments packed one after the other.

    sums: (segments, width) sums of token vectors; tokens: (segments,) how many; first: (verbatims, width) mean [CLS].
    """

    sums: Floats
    tokens: Floats
    first: Floats


class Placed(NamedTuple):
    """A window, the index of its text, and that of the text's first segment among those of all texts."""

    window: Window
    text: int
    first_segment: int

    @property
    def size(self) -> int:
        return len(self.window.ids)


class Pooled(NamedTuple):
    """What is kept of a batch. first: (windows, width) [CLS]; sums, tokens: (runs, width), (runs,) of neighbours of one of `segments`."""

    first: Floats
    segments: list[int]
    sums: Floats
    tokens: Floats


class Encoder:
    """An ONNX encoder: `ids, mask -> token vectors`; `threads` are those of all its batches together, each core one by default."""

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        pad: int = 0,
        threads: int | None = None,
        token_budget: int = TOKEN_BUDGET,
        batch_cost: int = BATCH_COST,
    ):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"encoder {path.name} cannot be loaded: {type(error).__name__}", remedy=BundleError.RENEW) from None
        self._width, self._pad, self._budget, self._cost = width, pad, token_budget, batch_cost
        self._threads = threads or cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="encoder")

    def encode(self, texts: Sequence[Windowed]) -> Vectors:
        """Encode a batch of windowed verbatims."""
        firsts = np.cumsum([0, *(len(text.segments) for text in texts)])
        vectors = Vectors(
            np.zeros((firsts[-1], self._width), np.float32),
            np.zeros(firsts[-1], np.float32),
            np.zeros((len(texts), self._width), np.float32),
        )
        work = [Placed(window, index, firsts[index]) for index, text in enumerate(texts) for window in text.windows]
        batches = batched(work, budget=self._budget, cost=self._cost)
        for batch, pooled in zip(batches, in_order(self._pool, self._run, batches, at_once=self._threads), strict=True):
            for row, placed in enumerate(batch):
                vectors.first[placed.text] += pooled.first[row] / len(texts[placed.text].windows)
            for run, segment in enumerate(pooled.segments):  # one that two windows share comes twice
                vectors.sums[segment] += pooled.sums[run]
                vectors.tokens[segment] += pooled.tokens[run]
        return vectors

    def _run(self, batch: list[Placed]) -> Pooled:
        longest = max(placed.size for placed in batch)
        ids = np.full((len(batch), longest), self._pad, np.int64)
        mask = np.zeros((len(batch), longest), np.int64)
        owner = np.full((len(batch), longest), NO_SEGMENT, np.int64)
        for row, placed in enumerate(batch):
            size, owners = placed.size, np.array(placed.window.segments)
            ids[row, :size], mask[row, :size] = placed.window.ids, 1
            owner[row, :size] = np.where(owners == NO_SEGMENT, NO_SEGMENT, owners + placed.first_segment)
        (hidden,) = self._session.run(None, {"ids": ids, "mask": mask})
        return _pool(hidden, owner)


def batched(work: Sequence[Placed], *, budget: int, cost: int) -> list[list[Placed]]:
    """All windows in batches of at most `budget` tokens with padding, those with most tokens first, so that threads end together.

    A batch costs its tokens with padding, and `cost` of them more: of all ways to cut the windows, sorted by length, the cheapest.
    """
    windows = sorted(work, key=lambda placed: placed.size)
    least, begins = [0], [0]  # before each place: what its windows cost, and where their last batch begins
    for end, placed in enumerate(windows, 1):
        longest = placed.size
        fitting = range(max(0, end - max(1, budget // longest)), end)
        total, begin = min((least[begin] + (end - begin) * longest + cost, begin) for begin in fitting)
        least.append(total)
        begins.append(begin)
    batches, end = [], len(windows)
    while end:
        batches.append(windows[begins[end] : end])
        end = begins[end]
    return sorted(batches, key=lambda batch: -len(batch) * batch[-1].size)


def _pool(hidden: Floats, owner: NDArray[np.int64]) -> Pooled:
    """Token vectors summed into their segments: runs of one segment in one stroke."""
    owned = owner.ravel()
    keep = np.flatnonzero(owned != NO_SEGMENT)
    owned, rows = owned[keep], hidden.reshape(-1, hidden.shape[-1])[keep]
    starts = np.flatnonzero(np.r_[True, owned[1:] != owned[:-1]][: len(owned)])
    sums = np.add.reduceat(rows, starts, axis=0) if len(starts) else rows
    tokens = np.diff(np.r_[starts, len(owned)]).astype(np.float32)
    return Pooled(hidden[:, 0].copy(), owned[starts].tolist(), sums, tokens)
