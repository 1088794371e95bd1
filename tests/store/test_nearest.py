"""Tests of `store.analysed.nearest`: the nearest first, of one block or many, of those that may be found only."""

import numpy as np
import pytest

from vocservice.store.analysed.nearest import nearest
from vocservice.store.analysed.vectors import Block

DRAW = np.random.default_rng(7)
ROWS = DRAW.integers(-127, 128, (50, 8)).astype(np.int8)
ROWS[3] = 0
IDS = tuple(f"r{number:02}" for number in range(50))


def blocks(size: int) -> list[Block]:
    return [Block(IDS[at : at + size], ROWS[at : at + size].tobytes()) for at in range(0, 50, size)]


def expected(query: np.ndarray, ids: set[str]) -> list[str]:
    floats = ROWS.astype(float)
    close = floats @ query / (np.maximum(np.linalg.norm(floats, axis=1), 1) * np.linalg.norm(query))
    return [name for _, name in sorted((-round(value, 5), name) for value, name in zip(close, IDS, strict=True) if name in ids)]


@pytest.mark.parametrize("size", [50, 7, 1])
@pytest.mark.parametrize("among", [None, set(IDS[::3]), set()])
def test_the_nearest_come_first(size: int, among: set[str] | None) -> None:
    query = DRAW.integers(-127, 128, 8).astype(np.int8)
    found = nearest(blocks(size), query.tobytes(), among=among, limit=10)
    ids = set(IDS) if among is None else among
    assert [near.id for near in found.near] == expected(query.astype(float), ids)[:10]
    assert found.searched == len(ids)
    assert all(-1.001 <= near.closeness <= 1.001 for near in found.near)
