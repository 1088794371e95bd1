"""Within a block garbage is collected rarely and threads take turns sooner; after the last of those that overlap all is as before."""

import gc
import sys
from collections.abc import Iterator

import pytest

from vocservice.interpreter import ALLOCATIONS, SWITCH_SECONDS, under_load

USUAL, BUSY = ((500, 5, 5), 0.004), ((ALLOCATIONS, 5, 5), SWITCH_SECONDS)


def state() -> tuple[tuple[int, int, int], float]:
    return gc.get_threshold(), pytest.approx(sys.getswitchinterval())


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(*USUAL[0])
    sys.setswitchinterval(USUAL[1])
    yield
    assert state() == USUAL
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_within_a_block_the_interpreter_is_set_for_it() -> None:
    with under_load():
        assert state() == BUSY


def test_of_blocks_that_overlap_the_last_one_ends_it() -> None:
    first, second = under_load(), under_load()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert state() == BUSY
    second.__exit__(None, None, None)


def test_an_error_ends_the_block() -> None:
    with pytest.raises(KeyError), under_load():
        raise KeyError
