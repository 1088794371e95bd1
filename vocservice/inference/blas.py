"""One thread for the matrix products that numpy computes beside the encoder.

The threads of numpy's library (BLAS) spin for a while after each product, on cores that the encoder is using.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock

from threadpoolctl import ThreadpoolController

_TURN = Lock()  # the limit is that of the process: blocks that overlap would restore each other's


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block, products are computed in the thread that asks; for the whole process, so keep it short. One block at a time."""
    with _TURN, libraries().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def libraries() -> ThreadpoolController:
    """The BLAS libraries of the process, found on first use, when numpy has loaded its own."""
    return ThreadpoolController()
