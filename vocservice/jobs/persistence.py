"""A transaction in, its outcome out, tried again for a while where the database is busy or gone: what was computed is not thrown away."""

import time
from collections.abc import Callable
from typing import TypeVar

from vocservice.errors import StoreError
from vocservice.jobs.backoff import full_jitter

T = TypeVar("T")
TRIES = 6


def persistently(transaction: Callable[[], T], *, tries: int = TRIES, sleep: Callable[[float], None] = time.sleep) -> T:
    """Run a transaction that is all or nothing.

    Raises:
        StoreError: it failed at the last try too.
    """
    for attempt in range(1, tries):
        try:
            return transaction()
        except StoreError as error:
            if error.code != "store_unavailable":
                raise
            sleep(full_jitter(attempt, first=0.2, factor=2.0, most=5.0))
    return transaction()
