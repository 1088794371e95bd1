"""The name of a place in the code in, the death of the process out, where `VOC_FAILPOINT` names it: a hook for tests of crashes."""

import os
import signal

FAILPOINT = "VOC_FAILPOINT"


def reached(name: str) -> None:
    """Die as by `kill -9` when this is the place that the environment names; otherwise nothing."""
    if os.environ.get(FAILPOINT) == name:
        os.kill(os.getpid(), signal.SIGKILL)
