"""Small builders for the tests of large jobs: a table of a few shards, and a process that is killed on its way."""

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from builders import TEXT, saved

from vocservice.batch.failpoints import FAILPOINT
from vocservice.cli import run

SHARD = 4
RECORDS = 11


def table(folder: Path, *, name: str = "in.csv", records: int = RECORDS) -> Path:
    """A CSV of texts that differ; one of them is rejected."""
    rows = (f"{number},{'poison' if number == 6 else TEXT} {number},=note {number}\n" for number in range(records))
    return saved(folder, name, "id,text,note\n" + "".join(rows))


def in_process(*arguments: object, before: Callable[[], None] = lambda: None) -> int:
    """Run `voc` in a process of its own, a fork of this one with its fakes; the status that `waitpid` gives."""
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            before()
            os._exit(run([str(argument) for argument in arguments]))
        finally:
            os._exit(99)
    return os.waitpid(child, 0)[1]


def killed_at(place: str, *arguments: object) -> None:
    """Run `voc` until a fail-point kills it."""
    status = in_process(*arguments, before=lambda: os.environ.update({FAILPOINT: place}))
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def with_files_up_to(size: int) -> Callable[[], None]:
    """No file may grow beyond so many bytes, as on a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
