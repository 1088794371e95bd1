"""Tests of `gather`: who comes while the model is busy shares its next pass, and one that fails fails alone."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import pytest
from builders import analysis

from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.web.gather import Gatherer


class Model:
    """Says which records it was given together; the first pass waits until it is let go."""

    def __init__(self) -> None:
        self.passes: list[list[str]] = []
        self.began, self.go, self.lock = Event(), Event(), Lock()
        self.running = self.most = 0

    def analyse(self, records: Sequence[RawVerbatim | Rejected]) -> list[Result]:
        with self.lock:
            self.passes.append([str(record.id) for record in records])
            self.running += 1
            self.most = max(self.most, self.running)
        self.began.set()
        assert self.go.wait(10)
        with self.lock:
            self.running -= 1
        if any(isinstance(record, RawVerbatim) and record.text == "poison" for record in records):
            raise ValueError("poison")
        return [record if isinstance(record, Rejected) else analysis(record.text or "", id=record.id) for record in records]


def gathered(model: Model, texts: Sequence[str], **budget: int) -> list[Future[Result]]:
    """The first text goes; the others come while the model is busy with it."""
    gatherer = Gatherer(**budget)
    with ThreadPoolExecutor(len(texts)) as pool:
        futures = [pool.submit(gatherer.result, RawVerbatim("0", texts[0]), model.analyse)]
        assert model.began.wait(10)
        futures += [pool.submit(gatherer.result, RawVerbatim(str(number), text), model.analyse) for number, text in enumerate(texts[1:], 1)]
        while len(gatherer._queue) < len(texts) - 1:
            pass
        model.go.set()
    return futures


def test_a_record_that_finds_the_model_free_goes_alone_and_at_once() -> None:
    model = Model()
    model.go.set()
    assert Gatherer().result(RawVerbatim("a", "It broke."), model.analyse).id == "a"
    assert model.passes == [["a"]]


def test_those_who_wait_share_the_next_pass_and_each_has_its_own_result() -> None:
    model = Model()
    futures = gathered(model, [f"text {number}" for number in range(20)])
    assert [future.result().id for future in futures] == [str(number) for number in range(20)]
    assert [len(shared) for shared in model.passes] == [1, 19] and model.most == 1


def test_a_pass_keeps_to_its_budget() -> None:
    by_number, by_size = Model(), Model()
    gathered(by_number, ["x"] * 9, most_records=3)
    assert [len(shared) for shared in by_number.passes] == [1, 3, 3, 2]
    gathered(by_size, ["x" * 60] * 5, most_characters=130)
    assert [len(shared) for shared in by_size.passes] == [1, 2, 2]


def test_one_larger_than_the_budget_still_goes() -> None:
    model = Model()
    model.go.set()
    assert Gatherer(most_characters=1).result(RawVerbatim("a", "It broke."), model.analyse).id == "a"


def test_one_that_fails_fails_alone() -> None:
    model = Model()
    futures = gathered(model, ["fine", "good", "poison", "well"])
    for future, text in zip(futures, ["fine", "good", "poison", "well"], strict=True):
        if text == "poison":
            with pytest.raises(ValueError, match="^poison$"):
                future.result()
        else:
            assert future.result().to_dict()["text"] == text


def test_a_thousand_requests_of_many_threads_all_end() -> None:
    model = Model()
    model.go.set()
    gatherer = Gatherer()
    with ThreadPoolExecutor(32) as pool:
        found = pool.map(lambda number: gatherer.result(RawVerbatim(str(number), "x"), model.analyse).id, range(1000))
        assert list(found) == [str(number) for number in range(1000)]
    assert model.most == 1
