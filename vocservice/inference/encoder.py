"""Windows in, pooled vectors out: one encoder pass per window, in batches filled to a token budget.

Windows of similar length share a batch to keep padding low. As many batches run at once as there are threads, one thread each. Token
vectors are summed into their segments as each batch finishes, in batch order, so that memory does not grow with the length of a text and
results do not depend on the number of threads.
"""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
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
BATCH_COST = 16  # fixed cost of a batch in tokens: the weights are read once more


@dataclass(frozen=True, slots=True)
class Vectors:
    """Pooled token vectors of a batch of verbatims, segments packed one after the other.

    sums: (segments, width) sums of token vectors; tokens: (segments,) how many; first: (verbatims, width) mean [CLS].
    """

    sums: Floats
    tokens: Floats
    first: Floats


class Placed(NamedTuple):
    """A window, the index of its text, and the index of the text's first segment among all segments."""

    window: Window
    text: int
    first_segment: int

    @property
    def size(self) -> int:
        return len(self.window.ids)


class Pooled(NamedTuple):
    """Output of a batch. first: (windows, width) [CLS]; sums, tokens: (runs, width), (runs,) of adjacent tokens of one of `segments`."""

    first: Floats
    segments: list[int]
    sums: Floats
    tokens: Floats


class Encoder:
    """An ONNX encoder: `ids, mask -> token vectors`; `threads` is the total over all batches, by default one per core."""

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

    def encode(self, texts: Sequence[Windowed], *, turn: AbstractContextManager[object] | None = None) -> Vectors:
        """Encode a batch of windowed verbatims.

        Args:
            texts: the batch.
            turn: held until its last windows are under way, so that the next batch of another thread fills the free encoder threads.
        """
        firsts = np.cumsum([0, *(len(text.segments) for text in texts)])
        vectors = Vectors(
            np.zeros((firsts[-1], self._width), np.float32),
            np.zeros(firsts[-1], np.float32),
            np.zeros((len(texts), self._width), np.float32),
        )
        work = [Placed(window, index, firsts[index]) for index, text in enumerate(texts) for window in text.windows]
        batches = batched(work, budget=self._budget, cost=self._cost)
        with closing(_within(turn or nullcontext(), batches)) as begun:
            for batch, pooled in zip(batches, in_order(self._pool, self._run, begun, at_once=self._threads), strict=True):
                for row, placed in enumerate(batch):
                    vectors.first[placed.text] += pooled.first[row] / len(texts[placed.text].windows)
                for run, segment in enumerate(pooled.segments):  # a segment in two windows appears twice
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


def _within(turn: AbstractContextManager[object], batches: Sequence[list[Placed]]) -> Generator[list[Placed]]:
    """The batches, with `turn` held until all are taken."""
    with turn:
        yield from batches


def batched(work: Sequence[Placed], *, budget: int, cost: int) -> list[list[Placed]]:
    """Split windows into batches of at most `budget` tokens with padding, largest first, so that threads finish together.

    A batch costs its padded tokens plus `cost`; of all ways to cut the windows, sorted by length, the cheapest is chosen.
    """
    windows = sorted(work, key=lambda placed: placed.size)
    least, begins = [0], [0]  # before each position: the cost of its windows, and where their last batch begins
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
    """Sum token vectors into their segments, one run of a segment at a time."""
    owned = owner.ravel()
    keep = np.flatnonzero(owned != NO_SEGMENT)
    owned, rows = owned[keep], hidden.reshape(-1, hidden.shape[-1])[keep]
    starts = np.flatnonzero(np.r_[True, owned[1:] != owned[:-1]][: len(owned)])
    sums = np.add.reduceat(rows, starts, axis=0) if len(starts) else rows
    tokens = np.diff(np.r_[starts, len(owned)]).astype(np.float32)
    return Pooled(hidden[:, 0].copy(), owned[starts].tolist(), sums, tokens)
