"""Tests of what complaints are held against, with figures worked out by hand."""

import numpy as np
import pytest

from vocservice.reporting.bases import Bases, average_of
from vocservice.reporting.stats import binomial_tail, predictive_tail

LATE = np.arange(60) >= 40  # 20 late rows of 60
COMPLAINTS = np.ones(60, dtype=bool)
SUBJECT = np.arange(60)
SIDES = (LATE, ~LATE)


def test_the_average_is_of_the_cells_that_are_blamed() -> None:
    assert average_of([np.arange(9), np.arange(3)], COMPLAINTS, SUBJECT) == pytest.approx(0.1)
    assert average_of([], COMPLAINTS, SUBJECT) == average_of([np.arange(9)], COMPLAINTS, SUBJECT) == 0.0


def test_what_came_before_too_exceeds_the_average_alone() -> None:
    held = np.arange(0, 60, 3)  # as often early as late
    found = Bases.of(SUBJECT, COMPLAINTS, SIDES, 0.1).excess(held)
    assert found is not None and (found.base, found.hits, found.expected) == ("the average cell", 20, pytest.approx(6.0))
    assert found.p == pytest.approx(2 * binomial_tail(20, 60, 0.1)) and found.ratio == pytest.approx(20 / 6)


def test_what_is_new_exceeds_its_own_past_and_what_is_unsure_may_have_been_there() -> None:
    held, bases = np.arange(50, 60), Bases.of(SUBJECT, COMPLAINTS, SIDES, 0.2)
    found = bases.excess(held)
    assert found is not None and (found.base, found.hits) == ("earlier records", 10)
    assert found.expected == pytest.approx(20 * 0.5 / 41) and found.p == pytest.approx(2 * predictive_tail(10, 20, 0, 40))
    unsure = bases.excess(held, np.arange(30, 36))
    assert unsure is not None and unsure.p > found.p


@pytest.mark.parametrize(("average", "early"), [(0.1, 19), (0.0, 60)])
def test_without_a_past_or_an_average_there_is_a_base_less(average: float, early: int) -> None:
    sides = (np.arange(60) >= early, np.arange(60) < early)
    found = Bases.of(SUBJECT, COMPLAINTS, sides, average).excess(np.arange(0, 60, 3))
    assert found.base == "the average cell" and found.p == binomial_tail(20, 60, 0.1) if average else found is None  # type: ignore[union-attr]


def test_whoever_complains_ten_times_is_one_customer_in_every_count() -> None:
    twice = np.arange(60) // 2  # two complaints each, both on one side
    bases = Bases.of(twice, COMPLAINTS, SIDES, average_of([np.arange(9), np.arange(3)], COMPLAINTS, twice))
    assert (bases.all, bases.late, bases.earlier, bases.average) == (30, 10, 20, pytest.approx(3.5 / 30))
    found = bases.excess(np.arange(40, 60))
    assert found is not None and (found.hits, found.p) == (10, pytest.approx(2 * predictive_tail(10, 10, 0, 20)))
    one = Bases.of(np.where(LATE, 99, SUBJECT), COMPLAINTS, SIDES, 0.1).excess(np.arange(40, 60))
    assert one is not None and one.hits == 1 and one.p > 0.9
