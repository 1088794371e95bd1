"""Files and options in, one stream of records out, with shared facts and progress."""

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Self

from vocservice.errors import InputError
from vocservice.tables import Facts, Source, read
from vocservice.tables.columns import named
from vocservice.tables.conversations import is_of_turns
from vocservice.tables.formats import STANDARD_STREAM, shown_name
from vocservice.tables.places import Place
from vocservice.tables.sink import Origin
from vocservice.tables.source import Record, wishes
from vocservice.tables.stream import is_stream

MAX_OPEN = 64
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Selection:
    """Columns (`mapping`: field to column, below the two with an option), sheet, limit over all inputs,
    speaker names of customers, and whether rows of one turn each are joined."""

    id_column: str | None = None
    text_column: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    limit: int | None = None
    customers: tuple[str, ...] = ()
    joins: bool = True

    @property
    def wanted(self) -> dict[str, str]:
        """Field to the caller's column."""
        return wishes(id_column=self.id_column, text_column=self.text_column, mapping=self.mapping)


@dataclass
class Inputs:
    """One or more open inputs, read in sequence; of very many, most are open only while being read."""

    places: tuple[Place, ...]
    selection: Selection
    sources: tuple[Source, ...]
    facts: Facts
    stamps: tuple[object, ...] = ()
    _stack: ExitStack = field(default_factory=ExitStack)
    _starts: list[int] = field(default_factory=list)

    @classmethod
    def open(cls, places: Sequence[Place], selection: Selection, *, is_table: bool) -> Self:
        """Open all inputs before the first record is read.

        Args:
            places: files, or `-`.
            selection: what to read of them.
            is_table: whether the output keeps the inputs' columns, which must then be the same in all.

        Raises:
            InputError: an input cannot be used, or the columns differ.
        """
        if [place.path for place in places].count(STANDARD_STREAM) > 1:
            raise InputError("standard input (-) can be read once only")
        stamps = tuple(_stamp(place.path) for place in places)
        with ExitStack() as stack:
            openers = (_open if number < MAX_OPEN else _open_later for number in count())
            sources = tuple(stack.enter_context(opener(place, selection)) for opener, place in zip(openers, places, strict=False))
            facts = _shared([source.facts for source in sources], is_table=is_table)
            return cls(tuple(places), selection, sources, facts, stamps, stack.pop_all())

    def __iter__(self) -> Iterator[Record]:
        return islice(self._records(), self.selection.limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    @property
    def total_bytes(self) -> int | None:
        """Size of all inputs, None if one is a pipe."""
        sizes = [source.total_bytes for source in self.sources]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def bytes_read(self) -> int:
        return sum(source.bytes_read for source in self.sources)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(place.path for place in self.places)

    @property
    def mapping(self) -> dict[str, str]:
        """Field to column (or JSON key), detected or given."""
        return dict(self.facts.fields) or self.selection.wanted

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs: file names, with folders if ambiguous."""
        names = tuple(map(shown_name, self.paths))
        if len({*self.paths}) == len({*names}):
            return names
        paths = [Path(path).absolute() for path in self.paths]
        common = os.path.commonpath([path.parent for path in paths])
        return tuple("/".join(map(shown_name, path.relative_to(common).parts)) for path in paths)

    def origin(self, row: int) -> Origin | None:
        """Origin of the n-th record overall, from 1; None with one input."""
        if len(self.sources) == 1:
            return None
        number = bisect_right(self._starts, row - 1) - 1
        return Origin(self.names[number], row - self._starts[number])

    def _records(self) -> Iterator[Record]:
        read = 0
        for source in self.sources:
            self._starts.append(read)
            for record in source:
                read += 1
                yield record

    def touched(self) -> Iterator[int]:
        """Paths of files modified since they were opened."""
        return (index for index, (path, stamp) in enumerate(zip(self.paths, self.stamps, strict=True)) if _stamp(path) != stamp)

    def check_untouched(self) -> None:
        """Refuse files modified or replaced since they were opened: their hashes would not match what is read.

        Raises:
            InputError: one was modified.
        """
        if touched := next((self.paths[index] for index in self.touched() if not is_stream(self.paths[index])), None):
            raise changed(touched)

    def again(self) -> "Inputs":
        """The same inputs from the start; only for files."""
        return Inputs.open(self.places, self.selection, is_table=False)

    def turns(self) -> Iterator[Record]:
        """The rows of tables with one turn a row, from the start and each by itself, beyond the limit too; nothing of other inputs."""
        places = [place for place, source in zip(self.places, self.sources, strict=True) if is_of_turns(source.facts)]
        if places:
            with Inputs.open(places, replace(self.selection, joins=False, limit=None), is_table=False) as rows:
                yield from rows


def changed(path: str) -> InputError:
    """The error for an input that was written to under a run."""
    return InputError(f"{shown_name(path)}: changed while it was read; start over when it is whole, or with a copy of it")


def _open(place: Place, selection: Selection) -> Source:
    return read(
        place.path,
        mapping=selection.wanted,
        sheet=selection.sheet,
        partitions=place.partitions,
        name=place.name,
        customers=selection.customers,
        joins=selection.joins,
    )


def _open_later(place: Place, selection: Selection) -> Source:
    """The facts now; the file is reopened in turn, streams stay open."""
    first = _open(place, selection)
    if not os.path.isfile(place.path):
        return first
    first.close()
    later = _Later(place, selection)
    return Source(first.facts, later.records(), bytes_read=later.bytes_read, close=later.close)


class _Later:
    """A source that opens when its first record is asked for."""

    def __init__(self, place: Place, selection: Selection):
        self._place, self._selection = place, selection
        self._source: Source | None = None

    def records(self) -> Iterator[Record]:
        self._source = _open(self._place, self._selection)
        yield from self._source

    def bytes_read(self) -> int:
        return self._source.bytes_read if self._source is not None else 0

    def close(self) -> None:
        if self._source is not None:
            self._source.close()


def _stamp(path: str) -> object:
    with suppress(OSError, ValueError):
        found = os.stat(path)
        return found.st_size, found.st_mtime_ns
    return None


def _shared(facts: Sequence[Facts], *, is_table: bool) -> Facts:
    """The first input's facts; columns keep their Parquet types only if all inputs agree."""
    first = facts[0]
    for other in facts[1:]:
        if is_table and other.columns != first.columns:
            names = f"{shown_name(first.path)} and {shown_name(other.path)}"
            raise InputError(f"{names} have different columns ({_difference(first, other)}); write JSON Lines, or one output each")
    schemas = [one.schema for one in facts]
    schema = first.schema if all(other is not None and other.equals(first.schema) for other in schemas) else None
    return replace(first, transcripts=any(other.transcripts for other in facts), schema=schema)


def _difference(first: Facts, other: Facts) -> str:
    """The columns in which two inputs differ."""
    sides = ((one, [key for key in one.columns if key not in two.columns]) for one, two in ((first, other), (other, first)))
    only = [f"only in {shown_name(one.path)}: {named(keys, most=_MOST_NAMED)}" for one, keys in sides if keys]
    return "; ".join(only) or "the same in another order"
