"""The beginning of a delimited file in, its dialect out: delimiter, quoting, blanks after delimiters."""

import io
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from vocservice.tables.lines import read_lines
from vocservice.tables.rows import Dialect, Row, parse_rows

DELIMITERS = (",", ";", "\t", "|")
_ROWS = 100
_DECLARED = re.compile(r"^sep=(.)\r?\n?")
_QUOTED_TAB_CELL = re.compile(r'(?:^|\t)"[^\t\r\n]*"(?=[\t\r\n]|$)', re.MULTILINE)


class _Score(NamedTuple):
    """Evidence for a dialect, strongest first."""

    known_header: bool
    many_columns: bool
    regular: float
    columns: int
    expected: bool
    quoted: bool


def declared_delimiter(sample: str) -> str | None:
    """The delimiter declared by Excel's first line `sep=;`, if present."""
    match = _DECLARED.match(sample)
    return match.group(1) if match else None


def sniff(sample: str, *, expected: str, is_known: Callable[[str], bool]) -> Dialect:
    """Choose the dialect under which the sample looks most like a table.

    Args:
        sample: the first characters of the file, whole lines.
        expected: the delimiter implied by the suffix, preferred in ties.
        is_known: whether a header cell is the name of a wanted column.

    Returns:
        The best dialect; the expected delimiter in ties.
    """
    declared = declared_delimiter(sample)
    if declared:
        return Dialect(declared)
    return max(_dialects(sample, expected), key=lambda dialect: _score(sample, dialect, expected, is_known))


def _dialects(sample: str, expected: str) -> Iterator[Dialect]:
    """The candidate dialects; tabs without quoting only if quotes clearly do not quote."""
    header = sample.split("\n", 1)[0]
    for delimiter in DELIMITERS:
        yield Dialect(delimiter, spaced=f'{delimiter} "' in header)
    if expected == "\t" and '"' in sample and not _QUOTED_TAB_CELL.search(sample):
        yield Dialect("\t", quoted=False)


def _score(sample: str, dialect: Dialect, expected: str, is_known: Callable[[str], bool]) -> _Score:
    rows = list(islice(parse_rows(read_lines(io.StringIO(sample, newline="")), dialect), _ROWS))
    if not rows or rows[0].fault:
        return _Score(False, False, 0.0, 0, dialect.delimiter == expected, dialect.quoted)
    width = len(rows[0].cells)
    known = any(is_known(cell) for cell in rows[0].cells)
    return _Score(known, width > 1, _regularity(rows, width), width, dialect.delimiter == expected, dialect.quoted)


def _regularity(rows: list[Row], width: int) -> float:
    body = rows[1:]
    if not body:
        return 1.0
    return round(sum(len(row.cells) == width for row in body) / len(body), 2)
