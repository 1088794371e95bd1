"""A reader's records in, the same records with the facts of the input out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType
from typing import Any, Self

from vocservice.errors import InputError
from vocservice.records import RawVerbatim, Rejected
from vocservice.tables.columns import ALIASES, Columns
from vocservice.tables.header import Header

Record = RawVerbatim | Rejected


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a reader: path, field to column name, sheet of a workbook, partition columns, the file's name, and speakers who are
    customers, as from `turns.called`."""

    path: str
    wanted: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    partitions: Mapping[str, str | None] = field(default_factory=dict)
    name: str = ""
    customers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about an input before its first record.

    Attributes:
        path: as given; `-` is standard input.
        format: a name of `formats.FORMATS`.
        total_bytes: size on disk, None for a pipe.
        encoding: codec of a text file.
        delimiter: of CSV and TSV; None for a single column.
        columns: unique column keys of a table, the keys of every `row`; empty for JSON Lines.
        headers: the original names.
        header_rows: number of rows or lines before the first record.
        header_kind: plain, qualtrics or surveymonkey.
        fields: field (id, text, channel ...) to the key of its column; a table of one turn a row has a `speaker`.
        text_candidates: keys of all possible text columns.
        transcripts: whether records may have turns.
        sheets: names of a workbook's sheets.
        schema: the arrow schema of a Parquet file.
    """

    path: str
    format: str
    total_bytes: int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    header_rows: int = 0
    header_kind: str = "plain"
    fields: Mapping[str, str] = field(default_factory=dict)
    text_candidates: tuple[str, ...] = ()
    transcripts: bool = False
    sheets: tuple[str, ...] = ()
    schema: Any = None

    @property
    def id_column(self) -> str | None:
        """The key of the id column; None if rows are numbered."""
        return self.fields.get("id")

    @property
    def text_column(self) -> str | None:
        """The key of the text column; None for JSON Lines."""
        return self.fields.get("text")


class Source:
    """An iterator over the records of one input, with facts and progress."""

    def __init__(self, facts: Facts, records: Iterator[Record], *, bytes_read: Callable[[], int], close: Callable[[], None]):
        self.facts = facts
        self._records = records
        self._bytes_read = bytes_read
        self._close = close
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        try:
            return next(self._records)
        except StopIteration:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def total_bytes(self) -> int | None:
        """Size of the input on disk, None for a pipe."""
        return self.facts.total_bytes

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, for a progress bar."""
        return self._bytes_read()

    def close(self) -> None:
        """Close the input; safe to call twice."""
        self._records = iter(())
        if not self._closed:
            self._closed = True
            self._close()

    def mapped(self, facts: Facts, change: Callable[[Iterator[Record]], Iterator[Record]]) -> Self:
        """Replace the records, with new facts."""
        self.facts, self._records = facts, change(self._records)
        return self

    def limited(self, limit: int | None) -> Self:
        """Stop after `limit` records, rejected ones included."""
        if limit is not None:
            self._records = islice(self._records, limit)
        return self


def described(facts: Facts, header: Header, columns: Columns, *, skipped: int = 0) -> Facts:
    """The facts with those of a table's header; `skipped` rows preceded it."""
    return replace(
        facts,
        columns=header.keys,
        headers=header.names,
        header_rows=header.rows + skipped,
        header_kind=header.kind,
        fields={field: header.keys[index] for field, index in columns.fields.items()},
        text_candidates=tuple(header.keys[index] for index in columns.candidates),
    )


def wishes(*, id_column: str | None, text_column: str | None, mapping: Mapping[str, str] | None) -> dict[str, str]:
    """One map of field to column name from the reader's options.

    Raises:
        InputError: the mapping names a field that does not exist.
    """
    wanted = dict(mapping or {})
    unknown = sorted(set(wanted) - set(ALIASES))
    if unknown:
        raise InputError(f"the mapping has unknown fields ({', '.join(unknown)}); known are {', '.join(ALIASES)}")
    named = {"id": id_column, "text": text_column}
    return wanted | {key: name for key, name in named.items() if name is not None}
