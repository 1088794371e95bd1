"""A stream of analyses in, rows on disk and packed data in memory out: reports work on files of any length.

The file is private: it has no name, and is gone when closed or when the process ends.
"""

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from tempfile import TemporaryFile
from typing import Any

from vocservice.errors import OutputError, RecordError
from vocservice.records import Evidence, Factor, Label
from vocservice.reporting.columns import Columns, Stack
from vocservice.reporting.packing import Packed, pack
from vocservice.reporting.rows import Fetched, Origin, Row, Score, row_of
from vocservice.taxonomy import Taxonomy

AT_ONCE = 20_000
_NAMES = tuple(Row.__dataclass_fields__)


class Spool(Fetched, AbstractContextManager["Spool"]):
    """Rows by position, in order of addition.

    Attributes:
        skipped: number of analyses left out, by code.
        taxonomies: of the rows.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.taxonomies: set[str] = set()
        self._file = TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        self._starts = array("Q", [0])
        self._stacks: list[Stack] = []
        self._waiting: list[tuple[str, Packed]] = []

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, at: Any) -> Any:
        return self.many([at])[at]

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, told: Iterable[tuple[object, Origin, bytes]]) -> None:
        """Add analysis objects with context and vectors; rejected or malformed ones are counted by code.

        Raises:
            OutputError: the disk is full.
        """
        for analysis, origin, vector in told:
            try:
                row = row_of(analysis, origin, vector=vector)
            except RecordError as error:
                self.skipped[error.code] += 1
                continue
            self._add(row)

    def many(self, places: Iterable[int]) -> Mapping[int, Row]:
        """The rows at some positions."""
        return {at: self._read(at) for at in sorted(places)}

    def columns(self, taxonomy: Taxonomy) -> Columns:
        """All rows as columns, in order of addition."""
        self._stack()
        return Columns.joined([Columns.of(taxonomy, (), are_asked=True), *(Columns.stacked(taxonomy, stack) for stack in self._stacks)])

    def _add(self, row: Row) -> None:
        self._waiting.append((row.id, pack(row, order=len(self))))
        self.taxonomies |= {row.taxonomy} - {""}
        line = json.dumps(row, default=_plain, separators=(",", ":")).encode()
        try:
            self._file.write(line)
        except OSError as error:
            raise OutputError(f"the records cannot be written to the temporary folder (TMPDIR): {error.strerror}") from None
        self._starts.append(self._starts[-1] + len(line))
        if len(self._waiting) == AT_ONCE:
            self._stack()

    def _stack(self) -> None:
        if self._waiting:
            self._stacks.append(Stack.of(self._waiting, are_asked=True))
            self._waiting = []

    def _read(self, at: int) -> Row:
        self._file.seek(self._starts[at])
        return _row(json.loads(self._file.read(self._starts[at + 1] - self._starts[at])))


def _plain(value: Any) -> object:
    """JSON encoding of other types: parts of a row as lists of fields, days, and bytes as Latin-1 text."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [getattr(value, name) for name in type(value).__dataclass_fields__]


def _row(parts: list[Any]) -> Row:
    found = dict(zip(_NAMES, parts, strict=True))
    found["at"] = date.fromisoformat(found["at"]) if found["at"] else None
    found["score"] = Score(*found["score"]) if found["score"] else None
    found["stages"] = tuple(Label(key, sure, _evidence(pieces)) for key, sure, pieces in found["stages"])
    found["factors"] = tuple(Factor(key, sign, sure, _evidence(pieces)) for key, sign, sure, pieces in found["factors"])
    found["vector"] = found["vector"].encode("latin-1")
    return Row(**found | {name: tuple(found[name]) for name in ("flags", "texts")})


def _evidence(pieces: list[list[Any]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(*piece) for piece in pieces)
