"""Results in, a Parquet file out: the caller's columns with their types, row groups of bounded size."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vocservice.records import Result
from vocservice.tables.cells import as_text
from vocservice.tables.encoding import without_undecoded
from vocservice.tables.labels import Kind
from vocservice.tables.layout import Layout
from vocservice.tables.read_parquet import coarse
from vocservice.tables.sink import Order, Origin

ROWS_HELD = 4096
CHARACTERS_HELD = 16 * 1024 * 1024
TYPES: Mapping[Kind, pa.DataType] = {"string": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}


class ParquetSink:
    """Writes a row group once enough rows or characters are buffered."""

    def __init__(self, path: Path, layout: Layout):
        self._layout = layout
        self._schema = schema_of(layout)
        self._rows: list[tuple[object, ...]] = []
        self._characters = 0
        self._writer = pq.ParquetWriter(str(path), self._schema, compression="zstd")

    def write(self, result: Result, _: Origin | None = None) -> None:
        for cells in self._layout.rows(result):
            self._add(cells)

    def _add(self, cells: tuple[object, ...]) -> None:
        self._rows.append(cells)
        self._characters += sum(len(cell) for cell in cells if isinstance(cell, str))
        if len(self._rows) >= ROWS_HELD or self._characters >= CHARACTERS_HELD:
            self._flush()

    def close(self) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [_array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._rows, self._characters = [], 0
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))


def open_sink(order: Order) -> ParquetSink:
    """Open the file of a request."""
    return ParquetSink(order.path, order.layout)


def schema_of(layout: Layout) -> pa.Schema:
    """Original types of the caller's Parquet columns, text for other formats."""
    source = layout.facts.schema
    own = [_written(field.type) for field in source] if source is not None else [pa.string()] * len(layout.keys)
    added = [TYPES[kind] for kind in layout.added_kinds]
    names = (*layout.keys, *layout.added_names)
    return pa.schema([pa.field(name, kind) for name, kind in zip(names, [*own, *added], strict=True)])


def _written(kind: pa.DataType) -> pa.DataType:
    """Replace storage types by the type of their values."""
    if pa.types.is_dictionary(kind):
        return _written(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _written(kind.storage_type)
    return pa.string() if pa.types.is_string_view(kind) else coarse(kind)


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array([None if value is None else without_undecoded(as_text(value)) for value in values], type=kind)
    return pa.array(values, type=kind)
