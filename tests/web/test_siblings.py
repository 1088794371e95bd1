"""Tests of `siblings`: whoever has the fewest connections need not wait for anybody, and who is gone counts for nobody."""

import pytest

from vocservice.web.serving.siblings import Siblings


def crowd(*connections: int) -> tuple[Siblings, list[int | None]]:
    made = Siblings(len(connections))
    places = [made.enter() for _ in connections]
    for place, count in zip(places, connections, strict=True):
        made.tell(place, count)
    return made, places


@pytest.mark.parametrize(
    ("connections", "more"),
    [((0,), [False]), ((5,), [False]), ((0, 0), [False, False]), ((4, 3), [True, False]), ((2, 7, 2), [False, True, False])],
)
def test_one_has_more_if_another_has_fewer(connections: tuple[int, ...], more: list[bool]) -> None:
    made, places = crowd(*connections)
    assert [made.has_more(place) for place in places] == more


def test_who_does_not_accept_yet_or_no_more_lets_nobody_wait() -> None:
    made = Siblings(2)
    first, second = made.enter(), made.enter()
    made.tell(first, 9)
    assert not made.has_more(first)
    made.tell(second, 0)
    assert made.has_more(first)
    made.leave(second)
    assert not made.has_more(first)


def test_a_place_is_one_process_s_until_it_is_given_back() -> None:
    made, places = crowd(1, 1)
    assert len(set(places)) == 2 and made.enter() is None
    made.leave(places[0])
    assert made.enter() == places[0]


def test_one_without_a_place_neither_waits_nor_counts() -> None:
    made, places = crowd(3)
    made.tell(None, 0)
    made.leave(None)
    assert not made.has_more(None) and not made.has_more(places[0]) and made.enter() is None
