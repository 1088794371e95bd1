"""Batches run side by side: the same figures whatever the threads and the budget, a bounded number at once, an error of one comes out."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toymodel import WIDTH, segmented, verbatim

from vocservice.inference.bundle import Bundle, load_bundle
from vocservice.inference.encoder import Encoder, Vectors
from vocservice.inference.windows import Windowed, Windower

TEXTS = [verbatim(" ".join(["the food was good but the crew was late"] * (1 + number % 7))) for number in range(40)]


@pytest.fixture(scope="module")
def bundle(toy_bundle: Path) -> Bundle:
    return load_bundle(toy_bundle)


def windowed(bundle: Bundle) -> list[Windowed]:
    return Windower(bundle.tokenizer, max_window=64).windows(TEXTS, segmented(TEXTS))


def encoder(bundle: Bundle, **options: int) -> Encoder:
    return Encoder(bundle.encoder, width=WIDTH, **options)


def same(first: Vectors, second: Vectors) -> bool:
    pairs = ((first.sums, second.sums), (first.tokens, second.tokens), (first.first, second.first))
    return all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_no_figure_hangs_on_the_number_of_threads(bundle: Bundle, threads: int) -> None:
    texts = windowed(bundle)
    one, many = (encoder(bundle, threads=count, token_budget=64).encode(texts) for count in (1, threads))
    assert any(len(text.windows) > 1 for text in texts) and one.tokens.sum() > 0
    assert same(one, many)


def test_what_batches_come_out_of_the_budget_is_no_matter_but_for_rounding(bundle: Bundle) -> None:
    texts = windowed(bundle)
    narrow, wide = (encoder(bundle, token_budget=budget).encode(texts) for budget in (1, 100_000))
    np.testing.assert_array_equal(narrow.tokens, wide.tokens)
    np.testing.assert_allclose(narrow.sums, wide.sums, atol=1e-4)


class Slow:
    """Counts who is in at once; fails on demand."""

    def __init__(self, session: Any, *, fails: bool = False):
        self._session, self._fails, self._lock = session, fails, threading.Lock()
        self.inside = self.most = 0

    def run(self, names: None, inputs: dict[str, Any]) -> Any:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.002)
        with self._lock:
            self.inside -= 1
        if self._fails:
            raise RuntimeError("no")
        return self._session.run(names, inputs)


@pytest.mark.parametrize("threads", [1, 3])
def test_as_many_batches_run_at_once_as_there_are_threads(bundle: Bundle, threads: int) -> None:
    made = encoder(bundle, threads=threads, token_budget=1)
    made._session = slow = Slow(made._session)
    made.encode(windowed(bundle))
    assert slow.most == threads


def test_the_error_of_a_batch_comes_out(bundle: Bundle) -> None:
    made = encoder(bundle, threads=2, token_budget=1)
    made._session = Slow(made._session, fails=True)
    with pytest.raises(RuntimeError, match="no"):
        made.encode(windowed(bundle))
