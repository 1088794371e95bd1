"""A path or `-` in, a streaming source of raw verbatims and rejected records out, whatever the format."""

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
    """Open an input and find its format, encoding and columns; records are read as they are asked for.

    Args:
        path: a file, its format given by the suffix, or `-` for JSON Lines on standard input.
        id_column: the column (or JSON key) of the record's id.
        text_column: the column (or JSON key) of the text.
        mapping: further fields (see `columns.ALIASES`) to columns.
        limit: stop after so many records.
        sheet: the sheet of a workbook; the first one by default.
        partitions: columns of a Parquet file that its folders name, with their one value.
        name: what its sender calls the file; that of the path by default.
        customers: what speakers of conversations are called who are customers, beside well-known words.
        joins: whether the rows of a table with one turn a row become conversations; else each is a record by itself.

    Returns:
        An iterator of records with the input's facts; close it, or use it in a `with`.

    Raises:
        InputError: the whole input cannot be used; also while iterating, when it turns out to be cut off or damaged.
    """
    if limit is not None and limit < 0:
        raise InputError("the limit must not be negative")
    if not is_stream(str(path)):
        file_size(str(path))  # that there is no such file is more than that its suffix is not known
    kind = input_format(str(path))
    module = import_module(f"vocservice.tables.{kind.reader}")
    wanted = wishes(id_column=id_column, text_column=text_column, mapping=mapping)
    known = frozenset(filter(None, map(called, customers)))
    with _naming(shown_name(str(path))):
        _check_rereadable(str(path), kind)
        source: Source = module.read(Request(str(path), wanted, sheet, partitions or {}, name, known))
    return _with_turns(source, known, joins=joins).limited(limit)


def _with_turns(source: Source, customers: frozenset[str], *, joins: bool) -> Source:
    """Conversations out of the rows of a table; what is no table is read with its turns."""
    if joins and is_of_turns(source.facts):
        return as_conversations(source, customers)
    return source.mapped(source.facts, _with_dialogues) if source.facts.columns else source


def _with_dialogues(records: Iterator[Record]) -> Iterator[Record]:
    """A text into which a whole dialogue was pasted is its turns."""
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
    """What is wrong with columns is known without the file; there may be several."""
    try:
        yield
    except ColumnsError as error:
        raise error.in_file(name) from None
    except InputError as error:
        if error.message.startswith(f"{name}: "):
            raise
        raise InputError(f"{name}: {error.message}", code=error.code) from None
