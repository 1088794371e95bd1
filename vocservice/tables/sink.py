"""Results in, bytes of one format out: the interface of each `write_*` module."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vocservice.records import Result
from vocservice.tables.layout import Layout


@dataclass(frozen=True, slots=True)
class Order:
    """A request to a sink: the file, the table's layout, and the caller's options."""

    path: Path
    layout: Layout
    delimiter: str = ","
    excel: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a record with several inputs: the input's name, and the position in it, from 1."""

    input: str
    row: int


class Sink(Protocol):
    """One open output."""

    def write(self, result: Result, origin: Origin | None, /) -> None:
        """Add one result; JSON Lines include its origin, if any."""

    def close(self) -> None:
        """Flush and close."""
