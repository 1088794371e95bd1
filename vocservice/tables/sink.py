"""Results in, bytes of one format out: what each `write_*` module offers to the writer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vocservice.records import Result
from vocservice.tables.layout import Layout


@dataclass(frozen=True, slots=True)
class Order:
    """What a sink is asked: the file to write, the table's layout, and the choices of the caller."""

    path: Path
    layout: Layout
    delimiter: str = ","
    excel: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record comes from when several inputs are read: the name of its input, and its place in that, from 1."""

    input: str
    row: int


class Sink(Protocol):
    """One open output."""

    def write(self, result: Result, origin: Origin | None, /) -> None:
        """Add one result; JSON Lines tell its origin, where it has one."""

    def close(self) -> None:
        """Write what is still held and close."""
