"""Tests of sketches: one bit per number, of any width, and those that are left hold the nearest vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocservice.reporting import sketches
from vocservice.reporting.packing import sketch_of
from vocservice.reporting.sketches import joined, likely, stacked

WIDTH = 384


def drawn(n: int, *, seed: int) -> np.ndarray:
    """(n, width) vectors around forty centres, as texts about forty matters."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(0, 40, (40, WIDTH))
    return (centres[draw.integers(0, 40, n)] + draw.normal(0, 30, (n, WIDTH))).clip(-127, 127).astype(np.int8)


def stack(rows: np.ndarray) -> sketches.Sketches:
    return stacked([sketch_of(row.tobytes()) for row in rows])


def nearest(rows: np.ndarray, vector: np.ndarray, count: int) -> set[int]:
    floats = rows.astype(float)
    return set(np.argsort(-(floats @ vector / np.linalg.norm(floats, axis=1)))[:count].tolist())


@given(st.binary(min_size=1, max_size=200))
def test_a_bit_is_set_where_a_number_is_positive(vector: bytes) -> None:
    sketch = sketch_of(vector)
    assert len(sketch) % 8 == 0 and len(sketch) * 8 - len(vector) < 64
    bits = np.unpackbits(np.frombuffer(sketch, np.uint8))
    assert bits[: len(vector)].tolist() == (np.frombuffer(vector, np.int8) > 0).astype(int).tolist()
    assert not bits[len(vector) :].any()


@pytest.mark.parametrize("near", [20_000, 1500])
def test_of_many_rows_nearly_all_of_the_nearest_are_left(near: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "NEAR", near)
    rows = drawn(5000, seed=1)
    held, found = stack(rows), 0
    for number in range(20):
        left = likely(held, rows[number].tobytes(), limit=400)
        assert len(left) == len(set(left.tolist())) == 400 and number in left
        found += len(nearest(rows, rows[number].astype(float), 50) & set(left.tolist()))
    assert found >= 0.97 * 20 * 50  # forty matters of 125 rows each: 400 drawn by chance would hold 8 %


def test_of_few_rows_all_are_left() -> None:
    rows = drawn(30, seed=2)
    assert sorted(likely(stack(rows), rows[0].tobytes(), limit=30).tolist()) == list(range(30))
    assert likely(stack(rows)[:0], rows[0].tobytes(), limit=30).tolist() == []


def test_shorter_sketches_are_filled_up_and_say_the_same() -> None:
    long, short = drawn(9, seed=3), drawn(9, seed=4)[:, :40]
    both = joined([stack(long), stack(short), stacked([]), stacked([b"", b""])])
    assert both.shape == (20, WIDTH // 64) and not both[18:].any()
    assert np.array_equal(both[9:18, :1], stack(short)) and not both[9:18, 1:].any()
    assert likely(both[9:18], short[4].tobytes(), limit=1).tolist() == [4]
