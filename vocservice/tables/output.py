"""Results in, an output file of any format out: written under a temporary name, renamed when complete, with a rejects file."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vocservice.errors import OutputError
from vocservice.records import Rejected, Result
from vocservice.tables.dialect import DELIMITERS
from vocservice.tables.formats import STANDARD_STREAM, output_format, shown_name
from vocservice.tables.layout import Layout
from vocservice.tables.partial import Partial, unwritable
from vocservice.tables.rejects import RejectsFile, rejects_of
from vocservice.tables.sink import Order, Origin, Sink
from vocservice.tables.source import Facts
from vocservice.tables.write_jsonl import result_line


class Writer(Protocol):
    """Takes results in order of their records; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def write(self, result: Result, origin: Origin | None = None) -> None:
        """Add one result, with its origin if there are several inputs.

        Raises:
            OutputError: the disk is full.
            BrokenPipeError: the reader of standard output closed the pipe.
        """


def check_output(path: str, *, inputs: Sequence[str], is_claimed: bool = True) -> None:
    """Check, before any work, that an output can be written and overwrites no input.

    Args:
        path: the output file, or `-`.
        inputs: every file that is read, or `-`.
        is_claimed: whether to test the folder by creating the partial file, which is removed again.

    Raises:
        OutputError: the suffix is unknown, the folder is missing or not writable, a file to be written is an input, or there is a
            folder of its name.
    """
    if path == STANDARD_STREAM:
        return
    output_format(path)
    _check_not_input(path, inputs)
    if is_claimed:
        for file in _files_of(path):
            if file.claim():
                file.release()


def written_beside(path: str) -> tuple[str, ...]:
    """Every file that a run writes for an output: itself, its rejects, its manifest, and each of them while unfinished."""
    if path == STANDARD_STREAM:
        return ()
    return tuple(str(name) for file in _files_of(path) for name in (file.target, file.partial))


def open_writer(
    path: str,
    *,
    facts: Facts,
    label_sets: Sequence[str] = (),
    lacks: Sequence[str] = (),
    excel: bool = False,
    delimiter: str | None = None,
    explode: str | None = None,
) -> Writer:
    """Choose the writer by suffix and check that the output can be written; nothing is overwritten before the end.

    Args:
        path: the output file, or `-` for JSON Lines on standard output.
        facts: of the input: whose columns a table keeps.
        label_sets: names of the sets in `Analysis.labels`, each a column of a table.
        lacks: names of the sets that the taxonomy has not; they get no column.
        excel: CSV for Excel: byte order mark, CR LF, formulas in the caller's cells escaped.
        delimiter: of CSV and TSV; by default the input's if it has the same format, else by suffix.
        explode: the set with one row per label in a table.

    Raises:
        OutputError: the suffix is unknown, or the folder is missing or not writable, or the output is the input.
    """
    if path == STANDARD_STREAM:
        return StreamWriter()
    fmt = output_format(path)
    _check_not_input(path, (facts.path,))
    output = Partial(Path(path))
    output.claim()
    layout = Layout(facts, tuple(label_sets), explode, tuple(lacks))
    order = Order(output.partial, layout, delimiter=delimiter or _delimiter(fmt.name, facts), excel=excel)
    return FileWriter(output, order, fmt.writer)


class StreamWriter:
    """Writes JSON Lines to standard output, each line at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def write(self, result: Result, origin: Origin | None = None) -> None:
        if sys.stdout is None:
            raise OutputError("standard output is closed; name a file with -o OUT")
        with _refusals("standard output", keeps=False):
            sys.stdout.buffer.write(result_line(result, origin))
            sys.stdout.buffer.flush()


class FileWriter:
    """Writes one file with the sink of its format, and the rejects file."""

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
            self._drop_if_unused()

    def write(self, result: Result, origin: Origin | None = None) -> None:
        if self._sink is None:
            raise OutputError("the writer is not open; use it in a with statement")
        self._row += 1
        with _refusals(self._output.name):
            self._sink.write(result, origin)
            if isinstance(result, Rejected):
                self._rejects.add(result, row=self._row, origin=origin)

    def _finish(self) -> None:
        with _refusals(self._output.name):
            self._close()
            self._rejects.finish()
            self._output.finish()

    def _drop_if_unused(self) -> None:
        """A partial file is kept only if it has records."""
        if not self._row:
            self._output.discard()

    def _close(self) -> None:
        try:
            if self._sink is not None:
                self._sink.close()
        finally:
            self._rejects.close()


def manifest_of(output: Path) -> Partial:
    """The manifest of an output."""
    return Partial(output.with_name(output.name + ".manifest.json"))


def _delimiter(wanted: str, facts: Facts) -> str:
    """The input's delimiter is reused, except unusual declared ones."""
    if facts.format == wanted and facts.delimiter in DELIMITERS:
        return facts.delimiter
    return "\t" if wanted == "tsv" else ","


def _files_of(path: str) -> tuple[Partial, ...]:
    output = Path(path)
    return Partial(output), rejects_of(output), manifest_of(output)


def _check_not_input(path: str, inputs: Sequence[str]) -> None:
    """Check that no input, nor the mapping, is the output, its partial file, its rejects file or its manifest."""
    for written in written_beside(path):
        if any(_is_same(written, name) for name in inputs):
            raise OutputError(f"{shown_name(written)}: the output is the input; choose another name")


def _is_same(path: str, name: str) -> bool:
    with suppress(OSError, ValueError):
        found = os.fstat(sys.stdin.fileno()) if name == STANDARD_STREAM else os.stat(name)
        return os.path.samestat(os.stat(path), found)
    return False


@contextmanager
def _refusals(name: str, *, keeps: bool = True) -> Iterator[None]:
    """Translate system errors into output errors, except a closed pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(name, error, keeps=keeps) from None
    except Exception as error:
        if type(error).__module__.startswith("xlsxwriter"):
            raise unwritable(name, _cause(error)) from None
        raise


def _cause(error: Exception) -> Exception:
    """The system error that xlsxwriter wraps, or its own."""
    return next((found for found in error.args if isinstance(found, OSError)), error)
