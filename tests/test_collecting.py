"""Garbage is collected rarely within a block, and as before after the last of those that overlap."""

import gc
from collections.abc import Iterator

import pytest

from vocservice.collecting import ALLOCATIONS, rarely_collected


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    kept = gc.get_threshold()
    gc.set_threshold(500, 5, 5)
    yield (500, 5, 5)
    assert gc.get_threshold() == (500, 5, 5)
    gc.set_threshold(*kept)


def test_within_a_block_new_objects_are_scanned_rarely() -> None:
    with rarely_collected():
        assert gc.get_threshold() == (ALLOCATIONS, 5, 5)


def test_of_blocks_that_overlap_the_last_one_ends_it() -> None:
    first, second = rarely_collected(), rarely_collected()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (ALLOCATIONS, 5, 5)
    second.__exit__(None, None, None)


def test_an_error_ends_the_block() -> None:
    with pytest.raises(KeyError), rarely_collected():
        raise KeyError
