"""A path or `-` in, a stream of raw verbatims and rejections out, for any format."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

from vocservice.errors import InputError
from vocservice.records import RawVerbatim
from vocservice.tables.columns import ColumnsError
from vocservice.tables.conversations import as_conversations, is_of_turns
from vocservice.tables.formats import Format, input_format, shown_name
from vocservice.tables.prefixes import dialogue
from vocservice.tables.source import Record, Request, Source, wishes
from vocservice.tables.stream import file_size, is_stream
from vocservice.turns import called


def read(
    path: str,
    *,
    id_column: str | None = None,
    text_column: str | None = None,
    mapping: Mapping[str, str] | None = None,
    limit: int | None = None,
    sheet: str | None = None,
    partitions: Mapping[str, str | None] | None = None,
    name: str = "",
    customers: Iterable[str] = (),
    joins: bool = True,
) -> Source:
    """Open an input and detect format, encoding and columns; records are read lazily.

    Args:
        path: a file, its format given by the suffix, or `-` for JSON Lines on standard input.
        id_column: the column (or JSON key) of the record's id.
        text_column: the column (or JSON key) of the text.
        mapping: further fields (see `columns.ALIASES`) to columns.
        limit: maximum number of records.
        sheet: of a workbook; the first by default.
        partitions: columns given by the folders of a Parquet file, with their value.
        name: the sender's file name; by default that of the path.
        customers: speaker names of customers, besides well-known words.
        joins: whether rows of one turn each are joined into conversations; else each is a record.

    Returns:
        An iterator of records with the input's facts; close it, or use it in a `with`.

    Raises:
        InputError: the input cannot be used; also while iterating, if it is truncated or damaged.
    """
    if limit is not None and limit < 0:
        raise InputError("the limit must not be negative")
    if not is_stream(str(path)):
        file_size(str(path))  # a missing file matters more than an unknown suffix
    kind = input_format(str(path))
    module = import_module(f"vocservice.tables.{kind.reader}")
    wanted = wishes(id_column=id_column, text_column=text_column, mapping=mapping)
    known = frozenset(filter(None, map(called, customers)))
    with _naming(shown_name(str(path))):
        _check_rereadable(str(path), kind)
        source: Source = module.read(Request(str(path), wanted, sheet, partitions or {}, name, known))
    return _with_turns(source, known, joins=joins).limited(limit)


def _with_turns(source: Source, customers: frozenset[str], *, joins: bool) -> Source:
    """Join the rows of a table into conversations; other inputs already have turns."""
    if joins and is_of_turns(source.facts):
        return as_conversations(source, customers)
    return source.mapped(source.facts, _with_dialogues) if source.facts.columns else source


def _with_dialogues(records: Iterator[Record]) -> Iterator[Record]:
    """Split a text with a pasted dialogue into turns."""
    for record in records:
        if isinstance(record, RawVerbatim) and (turns := dialogue(record.text or "")):
            yield replace(record, text=None, turns=turns)
        else:
            yield record


def _check_rereadable(path: str, kind: Format) -> None:
    """A table is read more than once: for its encoding, its delimiter, its rows."""
    if kind.name != "jsonl" and is_stream(path):
        raise InputError("a pipe can only be JSON Lines (.jsonl); write the table to a file first")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Check columns without the file; there may be several faults."""
    try:
        yield
    except ColumnsError as error:
        raise error.in_file(name) from None
    except InputError as error:
        if error.message.startswith(f"{name}: "):
            raise
        raise InputError(f"{name}: {error.message}", code=error.code) from None
