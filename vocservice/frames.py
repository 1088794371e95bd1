"""A pandas or polars Series or DataFrame in, a DataFrame with the columns of the table writers out; neither library is required."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


def analyse_frame(
    x: Any, stream: Stream, *, label_sets: tuple[str, ...] = (), text_column: str | None = None, id_column: str | None = None
) -> Any:
    """Analyse the text column of a Series or DataFrame.

    Args:
        x: of pandas or polars.
        label_sets: names of the sets in `Analysis.labels`, each a column.
        stream: analyses records, in order.
        text_column: found by its name when not given; a Series is its own.
        id_column: found by its name when not given.

    Raises:
        InputError: a column is not there, or no text column is found.
    """
    build = _BUILDERS[_library(x)]
    if not hasattr(x, "columns"):
        cells = _cells(x)
        names, columns = _columns(stream({"text": as_text(cell)} for cell in cells), Layout(Facts("series", "frame"), label_sets))
        return build(x, names, columns)
    layout = Layout(_facts(x, text_column=text_column, id_column=id_column), label_sets)
    names, columns = _columns(stream(_records(x, layout.facts)), layout)
    return build(x, names, columns)


def _library(x: Any) -> str:
    return next(name for cls in type(x).__mro__ if (name := cls.__module__.partition(".")[0]) in _BUILDERS)


def _facts(frame: Any, *, text_column: str | None, id_column: str | None) -> Facts:
    """What a table reader would say of the frame, its columns named as text."""
    if not len(frame.columns):
        raise InputError("the DataFrame has no columns")
    header = read_header([[str(name) for name in frame.columns]])
    columns = choose_columns(header, wishes(id_column=id_column, text_column=text_column, mapping=None))
    fields = {field: header.keys[index] for field, index in columns.fields.items()}
    return Facts("frame", "frame", columns=header.keys, headers=header.names, fields=fields)


def _records(frame: Any, facts: Facts) -> Iterator[dict[str, str]]:
    """The columns that the analysis reads, as records; an id that is missing is left to be numbered."""
    used = [field for field in ("id", "text", "channel", "question") if field in facts.fields]
    columns = [_cells(_column(frame, facts.columns.index(facts.fields[field]))) for field in used]
    for cells in zip(*columns, strict=True):
        yield {field: as_id(cell) if field != "text" else as_text(cell) for field, cell in zip(used, cells, strict=True)}


def _column(frame: Any, index: int) -> Any:
    return frame.iloc[:, index] if hasattr(frame, "iloc") else frame.to_series(index)


def _cells(series: Any) -> list[Any]:
    """The cells as Python values, missing ones as None."""
    if hasattr(series, "to_list") and not hasattr(series, "iloc"):
        return list(series.to_list())
    return [None if missing else cell for cell, missing in zip(series.tolist(), series.isna().tolist(), strict=True)]


def _columns(results: Iterator[Result], layout: Layout) -> tuple[list[tuple[str, Kind]], list[Sequence[Any]]]:
    names = list(zip(layout.added_names, layout.added_kinds, strict=True))
    rows = [layout.added_cells(result) for result in results]
    return names, list(zip(*rows, strict=True)) if rows else [()] * len(names)


def _build_pandas(x: Any, names: Sequence[tuple[str, Kind]], columns: Sequence[Sequence[Any]]) -> Any:
    pandas = import_module("pandas")
    made = {name: pandas.array(list(cells), dtype=PANDAS_TYPES[kind]) for (name, kind), cells in zip(names, columns, strict=True)}
    added = pandas.DataFrame(made, index=x.index)
    return pandas.concat([x, added], axis="columns") if hasattr(x, "columns") else added


def _build_polars(x: Any, names: Sequence[tuple[str, Kind]], columns: Sequence[Sequence[Any]]) -> Any:
    polars = import_module("polars")
    schema = {name: getattr(polars, POLARS_TYPES[kind]) for name, kind in names}
    added = polars.DataFrame({name: list(cells) for (name, _), cells in zip(names, columns, strict=True)}, schema=schema)
    return x.hstack(added) if hasattr(x, "columns") else added


_BUILDERS: Mapping[str, Callable[[Any, Sequence[tuple[str, Kind]], Sequence[Sequence[Any]]], Any]] = {
    "pandas": _build_pandas,
    "polars": _build_polars,
}
