"""A pandas or polars Series or DataFrame, or Arrow data, in, a table with the columns of the table writers out; no library is required."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from vocservice.errors import InputError
from vocservice.records import Result
from vocservice.tables.cells import as_id, as_text
from vocservice.tables.columns import choose_columns
from vocservice.tables.header import read_header
from vocservice.tables.labels import Kind
from vocservice.tables.layout import Layout
from vocservice.tables.source import Facts, wishes

Stream = Callable[[Iterable[Any]], Iterator[Result]]

PANDAS_TYPES: Mapping[Kind, str] = {"string": "string", "int": "Int64", "float": "Float64", "bool": "boolean"}
POLARS_TYPES: Mapping[Kind, str] = {"string": "String", "int": "Int64", "float": "Float64", "bool": "Boolean"}
ARROW_TYPES: Mapping[Kind, str] = {"string": "string", "int": "int64", "float": "float64", "bool": "bool"}
_TABLES = frozenset({"DataFrame", "RecordBatch", "Table"})


def analyse_frame(
    x: Any, stream: Stream, *, label_sets: tuple[str, ...] = (), text_column: str | None = None, id_column: str | None = None
) -> Any:
    """Analyse the text column of a Series, DataFrame or Arrow table.

    Args:
        x: of pandas, polars or pyarrow.
        label_sets: names of the sets in `Analysis.labels`, each a column.
        stream: analyses records, in order.
        text_column: found by its name when not given; a Series is its own.
        id_column: found by its name when not given.

    Raises:
        InputError: a column is not there, or no text column is found.
    """
    library = _library(x)
    if not _is_table(x):
        layout = Layout(Facts("series", "frame"), label_sets)
        return library.build(x, *_columns(stream({"text": as_text(cell)} for cell in library.cells(x)), layout))
    layout = Layout(_facts(library.names(x), text_column=text_column, id_column=id_column), label_sets)
    return library.build(x, *_columns(stream(_records(x, library, layout.facts)), layout))


@dataclass(frozen=True, slots=True)
class Library:
    """What is asked of pandas, polars and pyarrow.

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


def _facts(names: Sequence[object], *, text_column: str | None, id_column: str | None) -> Facts:
    """What a table reader would say of the frame, its columns named as text."""
    if not len(names):
        raise InputError("the DataFrame has no columns")
    header = read_header([[str(name) for name in names]])
    columns = choose_columns(header, wishes(id_column=id_column, text_column=text_column, mapping=None))
    fields = {field: header.keys[index] for field, index in columns.fields.items()}
    return Facts("frame", "frame", columns=header.keys, headers=header.names, fields=fields)


def _records(frame: Any, library: Library, facts: Facts) -> Iterator[dict[str, str]]:
    """The columns that the analysis reads, as records; an id that is missing is left to be numbered."""
    used = [field for field in ("id", "text", "channel", "question") if field in facts.fields]
    columns = [library.cells(library.column(frame, facts.columns.index(facts.fields[field]))) for field in used]
    for cells in zip(*columns, strict=True):
        yield {field: as_id(cell) if field != "text" else as_text(cell) for field, cell in zip(used, cells, strict=True)}


def _columns(results: Iterator[Result], layout: Layout) -> tuple[list[tuple[str, Kind]], list[Sequence[Any]]]:
    names = list(zip(layout.added_names, layout.added_kinds, strict=True))
    rows = [layout.added_cells(result) for result in results]
    return names, list(zip(*rows, strict=True)) if rows else [()] * len(names)


def _pandas_cells(series: Any) -> list[Any]:
    return [None if missing else cell for cell, missing in zip(series.tolist(), series.isna().tolist(), strict=True)]


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
    "pyarrow": Library(lambda x: x.column_names, lambda x, at: x.column(at), lambda array: list(array.to_pylist()), _build_arrow),
}
