"""Inputs being read in, progress on standard error out: a bar on a terminal, a line every ten seconds elsewhere, or nothing."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vocservice.batch.inputs import Inputs
from vocservice.errors import InputError

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_FRAMES = 0.1
MAX_COUNTED_BYTES = 32 * 1024 * 1024


class Shows(Protocol):
    """Shows the number of finished records."""

    def show(self, records: int) -> None: ...


class Nothing:
    """Shows nothing."""

    def show(self, records: int) -> None:
        return None


class Lines:
    """Writes a plain line every few seconds."""

    def __init__(self, meter: "Meter"):
        self._meter, self._last = meter, time.monotonic()

    def show(self, records: int) -> None:
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            click.echo(self._meter.line(records), err=True)


class Bar:
    """A bar with rate and time left."""

    def __init__(self, progress: Progress, meter: "Meter"):
        self._progress, self._meter, self._last = progress, meter, 0.0
        self._task = progress.add_task("", total=1.0 if meter.is_known else None, done="0 records")

    def show(self, records: int) -> None:
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_FRAMES:
            self._last = now
            self._progress.update(self._task, completed=self._meter.share(records) or 0.0, done=self._meter.done(records))


class Meter:
    """Progress of a run: by records if their number is known, else by bytes read."""

    def __init__(self, inputs: Inputs, *, total: int | None = None):
        self._inputs, self._total, self._started = inputs, total, time.monotonic()

    @property
    def is_known(self) -> bool:
        return self._total is not None or bool(self._inputs.total_bytes)

    def share(self, records: int) -> float | None:
        """Between 0 and 1; null when the size of the input is not known."""
        if self._total is not None:
            return min(records / max(self._total, 1), 1.0)
        size = self._inputs.total_bytes
        return min(self._inputs.bytes_read / size, 1.0) if size else None

    def done(self, records: int) -> str:
        """Records and rate."""
        return f"{records} records, {records / max(time.monotonic() - self._started, 1e-9):.1f}/s"

    def line(self, records: int) -> str:
        """The same with share and time left, if known; omitted once the input has been read to its end."""
        share = self.share(records)
        if not share or share >= 1:
            return self.done(records)
        left = (time.monotonic() - self._started) * (1 - share) / share
        return f"{self.done(records)}, {share:.0%}, {left:.0f} s left"


@contextmanager
def open_progress(inputs: Inputs, *, is_wanted: bool) -> Iterator[Shows]:
    """Choose the progress display for the terminal."""
    if not is_wanted:
        yield Nothing()
    elif not _is_terminal():
        yield Lines(Meter(inputs))
    else:
        meter = Meter(inputs, total=_count(inputs))
        with _bar(has_end=meter.is_known) as progress:
            yield Bar(progress, meter)


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _bar(*, has_end: bool) -> Progress:
    """Show share and time left only if the end is known. Rich respects NO_COLOR by itself."""
    done = TextColumn("{task.fields[done]}")
    known: tuple[ProgressColumn, ...] = (TextColumn("{task.percentage:>3.0f}%"), done, TimeElapsedColumn(), TimeRemainingColumn())
    columns = (BarColumn(), *(known if has_end else (done, TimeElapsedColumn())))
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _count(inputs: Inputs) -> int | None:
    """Reading a small file twice costs little compared with its analysis, and gives a reliable time left."""
    size = inputs.total_bytes
    if size is None or size > MAX_COUNTED_BYTES:
        return inputs.selection.limit
    with suppress(InputError), inputs.again() as counted:  # later damage is reported when it is reached
        return sum(1 for _ in counted)
    return None
