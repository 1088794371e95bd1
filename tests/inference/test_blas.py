"""numpy's own threads stay out of the encoder's way, and are the caller's again afterwards."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from vocservice.inference import blas
from vocservice.inference.encoder import Vectors
from vocservice.inference.heads import Groups, Head, score_segments


def threads() -> set[int]:
    return {library["num_threads"] for library in blas.libraries().select(user_api="blas").info()}


def test_within_there_is_one_thread_and_afterwards_as_many_as_before() -> None:
    with blas.libraries().limit(limits=3, user_api="blas"):
        with blas.one_thread():
            assert threads() == {1}
        assert threads() == {3}


def test_blocks_of_several_threads_restore_what_was_there_before_all_of_them() -> None:
    meeting, before = Barrier(4), threads()

    def work(_: int) -> set[int]:
        meeting.wait()
        with blas.one_thread():
            return threads()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [{1}] * 4
    assert threads() == before


def test_the_products_of_the_heads_are_in_such_a_block() -> None:
    seen: list[set[int]] = []

    class Told(np.ndarray):
        def __matmul__(self, other: object) -> object:
            seen.append(threads())
            return np.asarray(self) @ other

    sums = np.ones((2, 4), np.float32).view(Told)
    head = Head(np.ones((12, 3), np.float32), np.zeros(3, np.float32))
    vectors, groups = Vectors(sums, np.ones(2, np.float32), np.ones((1, 4), np.float32)), Groups(np.zeros(2, np.int64), 1)
    with blas.libraries().limit(limits=3, user_api="blas"):
        score_segments(vectors, head, groups, [0])
    assert seen == [{1}]
