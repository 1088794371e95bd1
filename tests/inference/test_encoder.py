"""Batches run side by side: the same figures whatever the threads and the budget, a bounded number at once, an error of one comes out."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toymodel import WIDTH, segmented, verbatim

from vocservice.inference.bundle import Bundle, load_bundle
from vocservice.inference.encoder import Encoder, Placed, Vectors, batched
from vocservice.inference.windows import Window, Windowed, Windower
from vocservice.records import Segment

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


def placed(sizes: Sequence[int]) -> list[Placed]:
    return [Placed(Window((0,) * size, (0,) * size), number, number) for number, size in enumerate(sizes)]


def test_a_segment_in_two_windows_of_a_batch_gets_the_tokens_of_both(bundle: Bundle) -> None:
    """The shared tokens count twice: the windows read them in different contexts."""

    class Numbers:
        def run(self, _: None, inputs: dict[str, Any]) -> list[Any]:
            return [np.repeat(inputs["ids"][:, :, None], WIDTH, axis=2).astype(np.float32)]

    made = encoder(bundle, threads=1)
    made._session = Numbers()
    first, second = Window((9, 1, 2, 3, 9), (-1, 0, 0, 1, -1)), Window((9, 3, 4, 9), (-1, 1, 1, -1))
    one, other = Windowed((first, second), (Segment(0, 0, 2), Segment(0, 2, 4))), Windowed((second,), (Segment(0, 0, 1), Segment(0, 1, 2)))
    found = made.encode([one, other])
    assert found.sums[:, 0].tolist() == [3, 10, 0, 7]
    assert found.tokens.tolist() == [2, 3, 0, 2]
    assert found.first[:, 0].tolist() == [9, 9]


def sizes_of(sizes: Sequence[int], *, budget: int = 64, cost: int = 8) -> list[list[int]]:
    return [[one.size for one in batch] for batch in batched(placed(sizes), budget=budget, cost=cost)]


@pytest.mark.parametrize(
    ("sizes", "budget", "cost", "batches"),
    [
        ([], 64, 8, []),
        ([100], 64, 8, [[100]]),
        ([9, 8, 9, 8], 64, 8, [[8, 8, 9, 9]]),
        ([9, 8, 9, 8], 64, 0, [[9, 9], [8, 8]]),
        ([30, 5, 5, 5], 200, 8, [[30], [5, 5, 5]]),
        ([30, 5, 5, 5], 200, 80, [[5, 5, 5, 30]]),
        ([5, 5, 5, 30, 30], 64, 8, [[30, 30], [5, 5, 5]]),
    ],
    ids=["none", "beyond the budget alone", "alike", "for nothing", "one is long", "a batch is dear", "most tokens first"],
)
def test_windows_share_a_batch_while_padding_costs_less_than_another_batch(
    sizes: list[int], budget: int, cost: int, batches: list[list[int]]
) -> None:
    assert sizes_of(sizes, budget=budget, cost=cost) == batches


@pytest.mark.parametrize("seed", range(5))
def test_no_cut_of_the_sorted_windows_is_cheaper_and_each_is_in_one_batch(seed: int) -> None:
    sizes = sorted(np.random.default_rng(seed).integers(1, 40, 9).tolist())
    found = sizes_of(sizes)
    cuts = itertools.chain.from_iterable(itertools.combinations(range(1, 9), count) for count in range(9))
    ways = [[sizes[begin:end] for begin, end in itertools.pairwise((0, *cut, 9))] for cut in cuts]
    fitting = [way for way in ways if all(len(batch) * batch[-1] <= 64 for batch in way)]
    assert price(found) == min(price(way) for way in fitting)
    assert sorted(itertools.chain(*found)) == sizes


def price(batches: Sequence[Sequence[int]], cost: int = 8) -> int:
    return sum(len(batch) * batch[-1] + cost for batch in batches)


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


class Gate:
    """Lets nobody through until it is opened; counts who came."""

    def __init__(self, session: Any):
        self._session, self.opened, self.came = session, threading.Event(), 0

    def run(self, names: None, inputs: dict[str, Any]) -> Any:
        self.came += 1
        assert self.opened.wait(30)
        return self._session.run(names, inputs)


@pytest.mark.parametrize(("texts", "is_handed_over"), [(1, True), (2, True), (3, False), (9, False)])
def test_the_turn_ends_when_the_last_batch_is_begun_or_next_so_that_the_next_ones_fill_free_threads(
    bundle: Bundle, texts: int, is_handed_over: bool
) -> None:
    made, turn = encoder(bundle, threads=1, token_budget=1), threading.Lock()
    made._session = gate = Gate(made._session)
    given = [text for text in windowed(bundle) if len(text.windows) == 1][:texts]
    expected: list[Vectors] = []
    worker = threading.Thread(target=lambda: expected.append(made.encode(given, turn=turn)))
    worker.start()
    deadline = time.monotonic() + 30
    while not gate.came and time.monotonic() < deadline:
        time.sleep(0.001)
    assert turn.acquire(timeout=5 if is_handed_over else 0.05) is is_handed_over
    if is_handed_over:
        turn.release()
    gate.opened.set()
    worker.join()
    assert same(expected[0], made.encode(given, turn=turn)) and not turn.locked()


def test_the_turn_ends_with_an_error(bundle: Bundle) -> None:
    made, turn = encoder(bundle, threads=1, token_budget=1), threading.Lock()
    made._session = Slow(made._session, fails=True)
    with pytest.raises(RuntimeError, match="no"):
        made.encode(windowed(bundle), turn=turn)
    assert not turn.locked()


def test_the_error_of_a_batch_comes_out(bundle: Bundle) -> None:
    made = encoder(bundle, threads=2, token_budget=1)
    made._session = Slow(made._session, fails=True)
    with pytest.raises(RuntimeError, match="no"):
        made.encode(windowed(bundle))


def test_the_runtime_reports_nothing_to_its_maker(tmp_path: Path) -> None:
    """Where it does, it leaves the id of its session among the temporary files and one of the machine beside the user's."""
    kept = {name: os.environ[name] for name in ("PATH", "VOC_HOME") if name in os.environ}
    places = {name: str(tmp_path) for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    command = [sys.executable, "-c", "import vocservice.inference.encoder"]
    subprocess.run(command, check=True, env=kept | places, cwd=Path(__file__).parents[2])
    assert list(tmp_path.iterdir()) == []
