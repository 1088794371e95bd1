"""Customers behind records and cells, counted as one would by hand."""

from collections import Counter

import numpy as np
import pytest

from vocservice.reporting.voices import Heard, Runs


def by_hand(subjects: list[int]) -> Heard:
    times = Counter(subjects).values()
    return Heard(len(times), len(subjects) ** 2 / max(sum(n * n for n in times), 1))


@pytest.mark.parametrize("subjects", [[], [3], [3, 3, 3], [0, 5, 5, 2]])
def test_ten_records_of_one_customer_are_worth_one(subjects: list[int]) -> None:
    assert Heard.of(np.array(subjects, dtype=np.int64)) == by_hand(subjects)


@pytest.mark.parametrize("largest", [40, 400_000_000], ids=["codes of 32 bits", "codes of 64 bits"])
def test_each_cell_has_the_customers_of_its_records_and_so_have_cells_that_are_joined(largest: int) -> None:
    drawn = np.random.default_rng(5)
    cells, subjects = drawn.integers(0, 11, 600), drawn.integers(0, 40, 600)
    subjects[0], cells[0] = largest, 11
    runs, joined = Runs.of(cells, subjects, count=13), np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 4, 5])
    assert runs.heard() == [by_hand(subjects[cells == cell].tolist()) for cell in range(13)]
    together = runs.joined(joined, count=6)
    assert together.heard() == [by_hand(subjects[joined[cells] == cell].tolist()) for cell in range(6)]


def test_no_record_is_of_no_customer() -> None:
    none = np.zeros(0, dtype=np.int64)
    runs = Runs.of(none, none, count=2)
    assert runs.heard() == runs.joined(np.array([0, 0]), count=2).heard() == [Heard(0, 0.0)] * 2
    assert Runs.of(none, none, count=0).heard() == []
