"""A transaction in, its outcome out, retried while the database is busy or unavailable, so that computed results are not lost."""

import time
from collections.abc import Callable
from typing import TypeVar

from vocservice.errors import StoreError
from vocservice.jobs.backoff import full_jitter

T = TypeVar("T")
TRIES = 6


def persistently(transaction: Callable[[], T], *, tries: int = TRIES, sleep: Callable[[float], None] = time.sleep) -> T:
    """Run an atomic transaction.

    Raises:
        StoreError: the last attempt failed too.
    """
    for attempt in range(1, tries):
        try:
            return transaction()
        except StoreError as error:
            if error.code != "store_unavailable":
                raise
            sleep(full_jitter(attempt, first=0.2, factor=2.0, most=5.0))
    return transaction()
