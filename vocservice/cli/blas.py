"""numpy's own threads, turned off for commands that serve: they spin while they wait for cores that the encoder is using.

The encoder and the requests already use every core. `OPENBLAS_NUM_THREADS` in the environment is respected.
"""

import os

THREADS = "OPENBLAS_NUM_THREADS"


def stay_in_one_thread() -> None:
    """Call before numpy is imported: its library reads this once."""
    os.environ.setdefault(THREADS, "1")
