"""Tests of the chunks: their sizes, that nothing is read ahead, and that what came before an error is not lost."""

from collections.abc import Iterator
from itertools import count

import pytest

from vocservice.chunks import chunked


@pytest.mark.parametrize(
    ("items", "chunks"), [([], []), ([1], [[1]]), ([1, 2, 3], [[1, 2, 3]]), ([1, 2, 3, 4], [[1, 2, 3], [4]]), ([0] * 6, [[0] * 3] * 2)]
)
def test_items_come_in_chunks_in_order(items: list[int], chunks: list[list[int]]) -> None:
    assert list(chunked(items, 3)) == chunks


def test_nothing_is_read_ahead() -> None:
    numbers = count()
    assert next(chunked(numbers, 3)) == [0, 1, 2] and next(numbers) == 3


@pytest.mark.parametrize(("good", "chunks"), [(0, []), (2, [[0, 1]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2], [3]])])
def test_what_came_before_an_error_comes_out_first(good: int, chunks: list[list[int]]) -> None:
    def items() -> Iterator[int]:
        yield from range(good)
        raise ValueError("cut off")

    found: list[list[int]] = []
    with pytest.raises(ValueError, match="cut off"):
        found.extend(chunked(items(), 3))
    assert found == chunks
