"""Tests of work on several items at once: order, how far is read ahead, and errors in their place."""

from collections.abc import Iterator
from itertools import count
from threading import Barrier, Event

import pytest

from vocservice.overlap import AbandonedError, Turns, overlapped


def test_what_is_done_at_once_comes_out_in_order() -> None:
    met = Barrier(2)

    def work(number: int) -> list[int]:
        met.wait(10)  # both must be here before either goes on
        return [number, -number]

    assert list(overlapped(work, iter(range(4)), at_once=2)) == [0, 0, 1, -1, 2, -2, 3, -3]


def test_the_first_comes_out_first_though_it_takes_longer() -> None:
    second_is_done = Event()

    def work(number: int) -> list[int]:
        if number == 0:
            assert second_is_done.wait(10)
        else:
            second_is_done.set()
        return [number]

    assert list(overlapped(work, iter(range(3)), at_once=2)) == [0, 1, 2]


def test_no_more_is_read_than_is_worked_on_and_waits() -> None:
    numbers = count()
    found = overlapped(lambda number: [number], numbers, at_once=2)
    assert next(found) == 0 and next(numbers) == 3
    found.close()  # type: ignore[attr-defined]


def test_what_came_before_an_error_of_the_items_comes_out_first() -> None:
    def items() -> Iterator[int]:
        yield from range(2)
        raise ValueError("cut off")

    found: list[int] = []
    with pytest.raises(ValueError, match="cut off"):
        found.extend(overlapped(lambda number: [number], items(), at_once=2))
    assert found == [0, 1]


def test_an_error_of_the_work_comes_up_in_its_place_and_ends_it() -> None:
    def work(number: int) -> list[int]:
        if number == 1:
            raise KeyError(number)
        return [number]

    found: list[int] = []
    with pytest.raises(KeyError):
        found.extend(overlapped(work, iter(range(9)), at_once=2))
    assert found == [0]


def test_turns_let_nobody_in_once_the_work_is_abandoned() -> None:
    turns = Turns()
    with turns:
        turns.abandon()
    for _ in range(2):  # and the lock is free again
        with pytest.raises(AbandonedError), turns:
            pytest.fail("was let in")
