"""Lines of delimited text in, rows of cells out: a quote that never closes costs one line, not the rest of the file."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Literal, NamedTuple

from vocservice.tables.lines import MAX_LINE, Line

MAX_FIELD = 10 * 1024 * 1024
MAX_ROW = 2 * MAX_LINE
MAX_ROW_LINES = 100_000


class Dialect(NamedTuple):
    """How a table is delimited."""

    delimiter: str
    quoted: bool = True
    spaced: bool = False


class Row(NamedTuple):
    """The cells of one row and its first line, or the fault (code, reason) that made it unreadable."""

    cells: list[str]
    line: int
    fault: tuple[str, str] | None = None


class _Feeder:
    """Feeds lines to the csv reader and remembers those of the current row, so that they can be read again.

    A reread line was reached inside a quote by a row that then failed. Any later row that reaches it inside a
    quote would fail at the same place, so it fails at once: no line is read more than a few times.
    """

    def __init__(self, lines: Iterator[Line]):
        self._lines = lines
        self._waiting: deque[Line] = deque()
        self._characters = 0
        self.taken: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        is_doomed = bool(self._waiting and self.taken)
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        self._characters += len(line.text)
        if is_doomed or line.overlong or len(self.taken) > MAX_ROW_LINES or self._characters > MAX_ROW:
            raise csv.Error("the row has no end")
        return line.text

    def begin(self) -> None:
        """Begin a row."""
        self.taken, self._characters = [], 0

    def put_back_after_first(self) -> None:
        self._waiting.extendleft(reversed(self.taken[1:]))


def parse_rows(lines: Iterator[Line], dialect: Dialect) -> Iterator[Row]:
    """Parse rows strictly; blank lines are skipped, unreadable rows yield their fault, and parsing restarts at the next line."""
    csv.field_size_limit(MAX_FIELD)
    feeder = _Feeder(lines)
    reader = _reader(feeder, dialect)
    while True:
        feeder.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            feeder.put_back_after_first()
            yield Row([], feeder.taken[0].number, _fault(feeder.taken))
        else:
            if cells:
                yield Row(cells, feeder.taken[0].number)


def _reader(feeder: _Feeder, dialect: Dialect) -> Iterator[list[str]]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    return csv.reader(feeder, strict=True, delimiter=dialect.delimiter, quoting=quoting, skipinitialspace=dialect.spaced)


def _fault(taken: list[Line]) -> tuple[str, str]:
    if taken[0].overlong or (len(taken) == 1 and len(taken[0].text) > MAX_FIELD):
        return "text_too_long", f"a cell is longer than {MAX_FIELD // 1024**2} MB"
    return "ragged_row", "a quote is never closed, or a quote inside a quoted cell is not doubled"
