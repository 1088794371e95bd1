"""Tests of `store.analysed.nearest`: the nearest come first, of those that may be found, by the vectors that the store has now."""

import numpy as np
import pytest
from builders import analysis
from sqlalchemy import delete

from store.bench import Bench, said, take
from store.test_vectors import analysed
from vocservice.reporting.columns import Columns
from vocservice.store.analysed import nearest as module
from vocservice.store.analysed.nearest import Found, nearest
from vocservice.store.analysed.table import Table
from vocservice.store.received import records
from vocservice.store.schema import vectors
from vocservice.taxonomy import load_taxonomy

DRAW = np.random.default_rng(7)
ROWS = DRAW.integers(-127, 128, (30, 16)).astype(np.int8)
QUERY = DRAW.integers(-127, 128, 16).astype(np.int8)
MODEL = "fake-1"


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """Thirty records, each with the vector of its number; the last one was analysed by another bundle, the one before has none."""
    for number, row in enumerate(ROWS):
        bench.deliver(said(f"r{number:02}", "It crashed"))
        bundle = "b-2" if number == 29 else MODEL
        analysed(bench, b"" if number == 28 else row.tobytes(), bundle=bundle, result=analysis("It crashed.", model=bundle))
    assert not take(bench)
    return bench


def columns(bench: Bench) -> Columns:
    return Table(bench.database, bench.workspace, load_taxonomy()).load().columns


def found(bench: Bench, held: Columns, mask: np.ndarray, *, limit: int = 10, bundle: str = MODEL) -> Found:
    with bench.database.read() as connection:
        return nearest(connection, bench.workspace, held, mask, bundle=bundle, vector=QUERY.tobytes(), limit=limit)


def names(bench: Bench, told: Found) -> list[str]:
    held = {row["id"]: row["source_record"] for row in bench.rows(records.records)}
    return [held[near.id] for near in told.near]


def expected(numbers: list[int]) -> list[str]:
    floats, query = ROWS.astype(float), QUERY.astype(float)
    close = floats @ query / (np.linalg.norm(floats, axis=1) * np.linalg.norm(query))
    return [f"r{number:02}" for number in sorted(numbers, key=lambda number: -close[number])]


@pytest.mark.parametrize("step", [1, 3])
def test_the_nearest_come_first(filled: Bench, step: int) -> None:
    held = columns(filled)
    mask = np.arange(30) % step == 0
    told = found(filled, held, mask)
    order = expected(list(range(0, 28, step)))
    assert (names(filled, told), told.searched) == (order[:10], len(order))
    assert all(-1.001 <= near.closeness <= 1.001 for near in told.near)


def test_only_the_vectors_worth_it_are_read(filled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ", 8)
    told = found(filled, columns(filled), np.ones(30, dtype=bool))
    assert (len(told.near), told.searched) == (8, 28)
    assert names(filled, told) == [name for name in expected(list(range(28))) if name in names(filled, told)]


def test_nothing_is_found_where_nothing_may_be_or_no_such_bundle_is_known(filled: Bench) -> None:
    held = columns(filled)
    assert found(filled, held, np.zeros(30, dtype=bool)) == Found((), 0)
    assert found(filled, held, np.ones(30, dtype=bool), bundle="b-3") == Found((), 0)


def test_a_vector_that_went_meanwhile_is_left_out(filled: Bench) -> None:
    held, everything = columns(filled), np.ones(30, dtype=bool)
    first = found(filled, held, everything).near[0].id
    with filled.database.write() as connection:
        connection.execute(delete(vectors).where(vectors.c.record_id == first))
    assert first not in {near.id for near in found(filled, held, everything).near}
