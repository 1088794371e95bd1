"""The name of a code location in, the death of the process out if `VOC_FAILPOINT` names it: a hook for crash tests."""

import os
import signal

FAILPOINT = "VOC_FAILPOINT"


def reached(name: str) -> None:
    """Die as by `kill -9` if this is the location named in the environment."""
    if os.environ.get(FAILPOINT) == name:
        os.kill(os.getpid(), signal.SIGKILL)
