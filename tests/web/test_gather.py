"""Tests of `gather`: what comes while a pass is on shares the next one, what fails fails alone, and nobody waits without limit."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

import pytest

from vocservice.errors import StoreError
from vocservice.web.gather import Gatherer


class Work:
    """Says which items it was given together; passes wait until they are let go."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []
        self.began, self.go, self.lock = Event(), Event(), Lock()
        self.running = self.most = 0

    def do(self, items: Sequence[str]) -> list[str]:
        with self.lock:
            self.passes.append(list(items))
            self.running += 1
            self.most = max(self.most, self.running)
        self.began.set()
        assert self.go.wait(10)
        with self.lock:
            self.running -= 1
        if "poison" in items:
            raise ValueError("poison")
        if "gone" in items:
            raise StoreError("gone")
        return [item.upper() for item in items]


def gatherer(work: Work, **more: Any) -> Gatherer[str, str]:
    return Gatherer(work.do, **{"size": len, "most_items": 64, "most_size": 10_000, "ours": (StoreError,), **more})


def gathered(work: Work, items: Sequence[str], **budget: int) -> list[Future[str]]:
    """The first item goes; the others come, in this order, while its pass is on."""
    made = gatherer(work, **budget)
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(made.result, items[0])]
        assert work.began.wait(10)
        for number, item in enumerate(items[1:], 1):
            futures.append(pool.submit(made.result, item))
            while len(made._queue) < number:
                time.sleep(0)
        work.go.set()
    return futures


def test_what_finds_nobody_at_work_goes_alone_and_at_once() -> None:
    work = Work()
    work.go.set()
    assert gatherer(work).result("a") == "A"
    assert work.passes == [["a"]]


def test_those_who_wait_share_the_next_pass_and_each_has_its_own_outcome() -> None:
    work = Work()
    futures = gathered(work, [f"text {number}" for number in range(20)])
    assert [future.result() for future in futures] == [f"TEXT {number}" for number in range(20)]
    assert [len(shared) for shared in work.passes] == [1, 19] and work.most == 1


def test_a_pass_keeps_to_its_budget() -> None:
    by_number, by_size = Work(), Work()
    gathered(by_number, ["x"] * 9, most_items=3)
    assert [len(shared) for shared in by_number.passes] == [1, 3, 3, 2]
    gathered(by_size, ["x" * 60] * 5, most_size=130)
    assert [len(shared) for shared in by_size.passes] == [1, 2, 2]


def test_one_larger_than_the_budget_still_goes() -> None:
    work = Work()
    work.go.set()
    assert gatherer(work, most_size=1).result("abc") == "ABC"


def test_one_that_fails_fails_alone() -> None:
    work = Work()
    futures = gathered(work, ["fine", "good", "poison", "well"])
    for future, item in zip(futures, ["fine", "good", "poison", "well"], strict=True):
        if item == "poison":
            with pytest.raises(ValueError, match="^poison$"):
                future.result()
        else:
            assert future.result() == item.upper()


def test_what_no_item_is_at_fault_of_is_told_to_all_of_a_pass_and_not_tried_again() -> None:
    work = Work()
    futures = gathered(work, ["fine", "good", "gone"])
    assert futures[0].result() == "FINE"
    for future in futures[1:]:
        with pytest.raises(StoreError, match="gone"):
            future.result()
    assert work.passes == [["fine"], ["good", "gone"]]


def test_what_waits_too_long_for_its_pass_is_taken_back_undone() -> None:
    work = Work()
    made = gatherer(work, patience=0.2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(made.result, "a")
        assert work.began.wait(10)
        second = pool.submit(made.result, "b")
        with pytest.raises(StoreError) as caught:
            second.result(10)
        work.go.set()
        assert first.result(10) == "A"
    assert (caught.value.status, caught.value.code) == (503, "store_unavailable")
    assert work.passes == [["a"]]
    assert made.result("c") == "C"


def test_two_passes_go_on_at_a_time_where_two_may() -> None:
    work = Work()
    made = gatherer(work, passes=2)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(made.result, item) for item in "abc"]
        while len(work.passes) < 2 or len(made._queue) < 1:
            time.sleep(0)
        work.go.set()
    assert sorted(future.result() for future in futures) == ["A", "B", "C"]
    assert work.most == 2


def test_beside_another_a_pass_starts_once_as_many_wait_as_are_being_processed() -> None:
    work = Work()
    made = gatherer(work, passes=3)
    with ThreadPoolExecutor(8) as pool:
        futures = []
        for number, item in enumerate("abcdefgh"):
            futures.append(pool.submit(made.result, item))
            while sum(map(len, work.passes)) + len(made._queue) <= number:
                time.sleep(0)
        assert work.passes == [["a"], ["b"], ["c", "d"]] and made._running == 4
        work.go.set()
    assert [future.result() for future in futures] == list("ABCDEFGH")
    assert work.passes[3:] == [["e", "f", "g", "h"]]


def test_those_who_come_before_a_pass_has_taken_its_items_start_no_other() -> None:
    made = gatherer(Work(), passes=2)
    made._is_beginning = True
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(made.result, "a")
        while not made._queue:
            time.sleep(0)
        assert made._free == 2 and not late.done()
        made._work = lambda items: [item.upper() for item in items]
        with made._lock:
            made._is_beginning = False
            made._appoint()
    assert late.result() == "A"


def test_a_pass_that_gives_too_few_outcomes_is_no_outcome() -> None:
    made: Gatherer[str, str] = Gatherer(lambda items: [], size=len, most_items=2, most_size=9)
    with pytest.raises(RuntimeError, match="another number"):
        made.result("a")


def test_a_thousand_requests_of_many_threads_all_end() -> None:
    work = Work()
    work.go.set()
    made = gatherer(work)
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(made.result, (str(number) for number in range(1000))))
    assert found == [str(number) for number in range(1000)]
    assert work.most == 1
