"""Windows in, pooled vectors out: one encoder pass per window, in batches filled to a token budget.

Windows of similar length share a batch to keep padding low. As many batches run at once as there are threads, one thread each. Token
vectors are summed into their segments as each batch finishes, in batch order, so that memory does not grow with the length of a text and
results do not depend on the number of threads.
"""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import chain
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
            turn: held until its last windows are under way or next, so that those of another thread fill the free encoder threads.
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
            for batch, hidden in zip(batches, in_order(self._pool, self._run, begun, at_once=self._threads + 1), strict=True):
                _add_batch(vectors, batch, hidden, [len(texts[placed.text].windows) for placed in batch])
        return vectors

    def _run(self, batch: list[Placed]) -> Floats:
        """Token vectors (windows, tokens, width). Encoder threads do nothing else, as they wait for Python's lock after each step."""
        mask = _mask(batch)
        ids = np.full(mask.shape, self._pad, np.int64)
        ids[mask] = list(chain.from_iterable(placed.window.ids for placed in batch))
        hidden: Floats = self._session.run(None, {"ids": ids, "mask": mask.astype(np.int64)})[0]
        return hidden


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


def _mask(batch: Sequence[Placed]) -> NDArray[np.bool_]:
    """(windows, tokens): whether there is a token, or padding."""
    sizes = np.array([placed.size for placed in batch])
    return np.arange(sizes.max()) < sizes[:, None]


def _add_batch(vectors: Vectors, batch: Sequence[Placed], hidden: Floats, windows: Sequence[int]) -> None:
    """Add the token vectors of a batch to their texts and segments; `windows` is how many each text has."""
    _add(vectors.first, [placed.text for placed in batch], hidden[:, 0] / np.array(windows, np.float32)[:, None])
    owner = _owner(batch).ravel()
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    sums, tokens = np.add.reduceat(hidden.reshape(len(owner), -1), starts, axis=0), np.diff(np.r_[starts, len(owner)]).astype(np.float32)
    owned = owner[starts] != NO_SEGMENT
    segments = owner[starts[owned]].tolist()
    _add(vectors.sums, segments, sums[owned])
    _add(vectors.tokens, segments, tokens[owned])


def _owner(batch: Sequence[Placed]) -> NDArray[np.int64]:
    """(windows, tokens): the segment of each token among all, or NO_SEGMENT."""
    mask = _mask(batch)
    owner = np.full(mask.shape, NO_SEGMENT, np.int64)
    owner[mask] = list(chain.from_iterable(placed.window.segments for placed in batch))
    firsts = np.array([placed.first_segment for placed in batch])
    return np.where(owner == NO_SEGMENT, NO_SEGMENT, owner + firsts[:, None])


def _add(totals: Floats, places: list[int], rows: Floats) -> None:
    """Add rows to those at the places, in order; a place comes again where a segment is in two windows."""
    if len(set(places)) == len(places):
        totals[places] += rows
    else:
        np.add.at(totals, places, rows)
