"""A pandas or polars Series or DataFrame, or Arrow data, in, a table with the columns of the table writers out; imports no library."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from vocservice.errors import InputError
from vocservice.records import Result
from vocservice.tables.cells import as_text
from vocservice.tables.columns import ColumnsError, choose_columns
from vocservice.tables.header import read_header
from vocservice.tables.labels import Kind
from vocservice.tables.layout import Layout
from vocservice.tables.source import Facts, described, wishes
from vocservice.tables.tablerow import RowReader
from vocservice.turns import is_turns

Stream = Callable[[Iterable[Any]], Iterator[Result]]

PANDAS_TYPES: Mapping[Kind, str] = {"string": "string", "int": "Int64", "float": "Float64", "bool": "boolean"}
POLARS_TYPES: Mapping[Kind, str] = {"string": "String", "int": "Int64", "float": "Float64", "bool": "Boolean"}
ARROW_TYPES: Mapping[Kind, str] = {"string": "string", "int": "int64", "float": "float64", "bool": "bool"}
_TABLES = frozenset({"DataFrame", "RecordBatch", "Table"})
_READ = ("id", "text", "channel", "question", "created_at", "score")  # all that the steps and the rules use of a row


def analyse_frame(
    x: Any,
    stream: Stream,
    *,
    label_sets: tuple[str, ...] = (),
    lacks: tuple[str, ...] = (),
    text_column: str | None = None,
    id_column: str | None = None,
) -> Any:
    """Analyse the text column of a Series, DataFrame or Arrow table.

    Args:
        x: of pandas, polars or pyarrow.
        label_sets: names of the sets in `Analysis.labels`, each a column.
        lacks: names of the sets missing from the taxonomy, which get no column.
        stream: analyses records, in order.
        text_column: found by name by default; a Series is its own.
        id_column: found by name by default.

    Raises:
        InputError: a column is missing, no text column is found, or it contains other values than texts.
    """
    library = _library(x)
    if not _is_table(x):
        items = [_item(cell) for cell in _cells(library, x, "text")]
        layout = Layout(Facts("series", "frame", transcripts=any(map(_has_turns, items))), label_sets, lacks=lacks)
        return library.build(x, *_columns(stream(items), layout))
    reader = _reader(library.names(x), text_column=text_column, id_column=id_column)
    layout = Layout(described(Facts("frame", "frame"), reader.header, reader.columns), label_sets, lacks=lacks)
    return library.build(x, *_columns(stream(_records(x, library, reader)), layout))


@dataclass(frozen=True, slots=True)
class Library:
    """The operations needed from pandas, polars and pyarrow.

    names: of a table's columns. column: one by its place. cells: of a column as Python values, missing ones None.
    build: names, kinds and cells of the new columns, beside those of a table.
    """

    names: Callable[[Any], Sequence[object]]
    column: Callable[[Any, int], Any]
    cells: Callable[[Any], list[Any]]
    build: Callable[[Any, Sequence[tuple[str, Kind]], Sequence[Sequence[Any]]], Any]


def _library(x: Any) -> Library:
    return next(_LIBRARIES[name] for cls in type(x).__mro__ if (name := cls.__module__.partition(".")[0]) in _LIBRARIES)


def _is_table(x: Any) -> bool:
    return any(cls.__name__ in _TABLES for cls in type(x).__mro__)


def _item(cell: Any) -> Any:
    """The item to analyse in a cell of a Series: a transcript or record as it is, anything else as a text."""
    if isinstance(cell, bytes | bytearray | memoryview):
        raise InputError("the Series holds bytes; it must hold texts, transcripts or records")
    plain = _unpacked(cell)
    return plain if isinstance(plain, list | tuple | Mapping) else {"text": as_text(plain)}


def _unpacked(cell: Any) -> Any:
    """An array in a cell as a list, as pandas reads lists from Parquet; other cells unchanged."""
    return cell.tolist() if getattr(cell, "ndim", 0) else cell


def _has_turns(item: Any) -> bool:
    return is_turns(item.get("turns") if isinstance(item, Mapping) else item)


def _reader(names: Sequence[object], *, text_column: str | None, id_column: str | None) -> RowReader:
    """A reader of the frame's rows, as for a file with these columns."""
    if not len(names):
        raise InputError("the DataFrame has no columns")
    header = read_header([[str(name) for name in names]])
    try:
        return RowReader(header, choose_columns(header, wishes(id_column=id_column, text_column=text_column, mapping=None)))
    except ColumnsError as error:
        raise InputError(error.told(f"with {error.field}_column="), code=error.code) from None


def _records(frame: Any, library: Library, reader: RowReader) -> Iterator[dict[str, Any]]:
    """The columns used in the analysis, as records like those of a file."""
    used = {field: index for field, index in reader.columns.fields.items() if field in _READ}
    narrow = _narrowed(reader, used)
    columns = {field: _cells(library, library.column(frame, index), field) for field, index in used.items()}
    if any(isinstance(_unpacked(cell), bytes | bytearray | memoryview | list | tuple | Mapping) for cell in columns["text"]):
        raise InputError("the text column holds bytes, lists or objects; it must hold text (choose another with text_column=)")
    for number, cells in enumerate(zip(*columns.values(), strict=True), 1):
        record = narrow.read(cells, number=number)
        yield {field: value for field in used if (value := getattr(record, field)) is not None}


def _narrowed(reader: RowReader, used: Mapping[str, int]) -> RowReader:
    """A reader of rows that hold only some columns."""
    header = read_header([[reader.header.names[index] for index in used.values()]])
    return RowReader(header, replace(reader.columns, fields={field: place for place, field in enumerate(used)}))


def _cells(library: Library, column: Any, field: str) -> list[Any]:
    try:
        return library.cells(column)
    except (ValueError, OverflowError):
        raise InputError(f"the {field} column holds a date beyond the years 1 to 9999, or what is no UTF-8") from None


def _columns(results: Iterator[Result], layout: Layout) -> tuple[list[tuple[str, Kind]], list[Sequence[Any]]]:
    names = list(zip(layout.added_names, layout.added_kinds, strict=True))
    rows = [layout.added_cells(result) for result in results]
    return names, list(zip(*rows, strict=True)) if rows else [()] * len(names)


def _pandas_cells(series: Any) -> list[Any]:
    return [None if missing else cell for cell, missing in zip(series.tolist(), series.isna().tolist(), strict=True)]


def _arrow_cells(array: Any) -> list[Any]:
    from vocservice.tables.read_parquet import coarse

    kind = coarse(array.type)
    return list((array if kind == array.type else array.cast(kind, safe=False)).to_pylist())


def _build_pandas(x: Any, names: Sequence[tuple[str, Kind]], columns: Sequence[Sequence[Any]]) -> Any:
    pandas = import_module("pandas")
    made = {name: pandas.array(list(cells), dtype=PANDAS_TYPES[kind]) for (name, kind), cells in zip(names, columns, strict=True)}
    added = pandas.DataFrame(made, index=x.index)
    return pandas.concat([x, added], axis="columns") if _is_table(x) else added


def _build_polars(x: Any, names: Sequence[tuple[str, Kind]], columns: Sequence[Sequence[Any]]) -> Any:
    polars = import_module("polars")
    schema = {name: getattr(polars, POLARS_TYPES[kind]) for name, kind in names}
    added = polars.DataFrame({name: list(cells) for (name, _), cells in zip(names, columns, strict=True)}, schema=schema)
    return x.hstack(added) if _is_table(x) else added


def _build_arrow(x: Any, names: Sequence[tuple[str, Kind]], columns: Sequence[Sequence[Any]]) -> Any:
    arrow = import_module("pyarrow")
    made = [arrow.array(cells, type=arrow.type_for_alias(ARROW_TYPES[kind])) for (_, kind), cells in zip(names, columns, strict=True)]
    own = x.columns if _is_table(x) else []
    return arrow.table([*own, *made], names=[*(x.column_names if own else []), *(name for name, _ in names)])


_LIBRARIES: Mapping[str, Library] = {
    "pandas": Library(lambda x: x.columns, lambda x, at: x.iloc[:, at], _pandas_cells, _build_pandas),
    "polars": Library(lambda x: x.columns, lambda x, at: x.to_series(at), lambda series: list(series.to_list()), _build_polars),
    "pyarrow": Library(lambda x: x.column_names, lambda x, at: x.column(at), _arrow_cells, _build_arrow),
}
