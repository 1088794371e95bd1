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


class Sink(Protocol):
    """One open output."""

    def write(self, result: Result) -> None:
        """Add one result."""

    def close(self) -> None:
        """Write what is still held and close."""
