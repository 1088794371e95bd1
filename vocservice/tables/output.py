"""Results in, an output file of any format out: written beside its name, renamed when whole, rejects listed in a second file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vocservice.errors import OutputError
from vocservice.records import Rejected, Result
from vocservice.tables.formats import STANDARD_STREAM, output_format, shown_name
from vocservice.tables.layout import Layout
from vocservice.tables.partial import Partial, unwritable
from vocservice.tables.rejects import RejectsFile
from vocservice.tables.sink import Order, Sink
from vocservice.tables.source import Facts
from vocservice.tables.write_jsonl import json_line


class Writer(Protocol):
    """Takes results in the order of their records; used in a `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def write(self, result: Result) -> None:
        """Add one result.

        Raises:
            OutputError: the disk is full or the stream is closed.
        """


def open_writer(path: str, *, facts: Facts, excel: bool = False, delimiter: str | None = None) -> Writer:
    """Choose the writer by the suffix and prove that the output can be written; nothing is overwritten before the end.

    Args:
        path: the output file, or `-` for JSON Lines on standard output.
        facts: of the input: whose columns a table keeps.
        excel: CSV for Excel: UTF-8 mark, CR LF, formulas in the caller's own cells made harmless.
        delimiter: of CSV; by the suffix by default.

    Raises:
        OutputError: the suffix is unknown, or the folder is missing or not writable, or the output is the input.
    """
    if path == STANDARD_STREAM:
        return StreamWriter()
    fmt = output_format(path)
    _check_not_input(path, facts)
    output = Partial(Path(path))
    output.claim()
    order = Order(output.partial, Layout(facts), delimiter=delimiter or ("\t" if fmt.name == "tsv" else ","), excel=excel)
    return FileWriter(output, order, fmt.writer)


class StreamWriter:
    """Writes JSON Lines to standard output, each line at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def write(self, result: Result) -> None:
        with _refusals("standard output"):
            sys.stdout.buffer.write(json_line(result.to_dict()))
            sys.stdout.buffer.flush()


class FileWriter:
    """Writes one file through the sink of its format, and the rejects beside it."""

    def __init__(self, output: Partial, order: Order, module: str):
        self._output, self._order, self._module = output, order, module
        self._rejects = RejectsFile(output.target)
        self._sink: Sink | None = None
        self._row = 0

    def __enter__(self) -> Self:
        with _refusals(self._output.name):
            self._sink = import_module(f"vocservice.tables.{self._module}").open_sink(self._order)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._finish()
        else:
            with suppress(Exception):
                self._close()

    def write(self, result: Result) -> None:
        if self._sink is None:
            raise OutputError("the writer is not open; use it in a with statement")
        self._row += 1
        with _refusals(self._output.name):
            self._sink.write(result)
            if isinstance(result, Rejected):
                self._rejects.add(result, row=self._row)

    def _finish(self) -> None:
        with _refusals(self._output.name):
            self._close()
            self._rejects.finish()
            self._output.finish()

    def _close(self) -> None:
        try:
            if self._sink is not None:
                self._sink.close()
        finally:
            self._rejects.close()


def _check_not_input(path: str, facts: Facts) -> None:
    with suppress(OSError, ValueError):
        if facts.path != STANDARD_STREAM and os.path.samefile(path, facts.path):
            raise OutputError(f"{shown_name(path)}: the output is the input; choose another name")


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn what the system refuses into an output error."""
    try:
        yield
    except OSError as error:
        raise unwritable(name, error) from None
    except Exception as error:
        if type(error).__module__.startswith("xlsxwriter"):
            raise unwritable(name, error) from None
        raise
