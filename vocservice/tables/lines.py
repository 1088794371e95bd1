"""A decoded stream in, numbered physical lines out; a line over the limit is skipped without being held in memory."""

from collections.abc import Iterator
from typing import NamedTuple, TextIO

MAX_LINE = 16 * 1024 * 1024
_SKIP = 1024 * 1024


class Line(NamedTuple):
    """One line with its line end; an overlong one has no text."""

    text: str
    number: int
    overlong: bool = False


def read_lines(stream: TextIO, *, limit: int = MAX_LINE) -> Iterator[Line]:
    """Split a stream opened with `newline=""` at LF, CR LF and CR."""
    number = 0
    while text := stream.readline(limit):
        number += 1
        if len(text) >= limit and not _is_ended(text):
            _skip_rest(stream)
            yield Line("", number, overlong=True)
        else:
            yield Line(text, number)


def _skip_rest(stream: TextIO) -> None:
    while (piece := stream.readline(_SKIP)) and not _is_ended(piece):
        pass


def _is_ended(text: str) -> bool:
    return text[-1] in "\r\n"
