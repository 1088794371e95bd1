"""A Parquet file in, its rows out as records, a small batch at a time; cells keep their types."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vocservice.errors import InputError
from vocservice.tables.columns import ColumnsError, choose_columns
from vocservice.tables.formats import shown_name
from vocservice.tables.header import Header, read_header
from vocservice.tables.source import Facts, Record, Request, Source, described
from vocservice.tables.stream import file_size
from vocservice.tables.tablerow import RowReader

BATCH = 256
_STREAM_BUFFER = 1024 * 1024
_DAMAGED = "the Parquet file is damaged or cut off (write it again)"


def read(request: Request) -> Source:
    """Open a Parquet file.

    Raises:
        InputError: the file is missing, is no Parquet, or its text or id column holds lists, structures or bytes;
            while iterating, when a page is damaged or a date lies beyond the years 1 to 9999.
    """
    total = file_size(request.path)
    file = _open(request.path)
    try:
        added = {name: value for name, value in request.partitions.items() if name not in file.schema_arrow.names}
        schema = _with_texts(file.schema_arrow, added)
        header = _header(schema, request.path)
        columns = choose_columns(header, request.wanted)
        _check_types(schema, {field: columns.fields[field] for field in ("id", "text") if field in columns.fields})
    except BaseException:
        file.close()
        raise
    progress = _Progress(total, file.metadata.num_rows)
    facts = described(Facts(request.path, "parquet", total, schema=schema), header, columns)
    records = _records(file, RowReader(header, columns), progress, shown_name(request.path), tuple(added.values()))
    return Source(facts, records, bytes_read=progress.bytes_read, close=file.close)


class _Progress:
    """Rows read, as a share of the file's bytes."""

    def __init__(self, total: int, rows: int):
        self._total, self._rows = total, rows
        self.done = 0

    def bytes_read(self) -> int:
        return self._total * self.done // self._rows if self._rows else self._total


def _open(path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=_STREAM_BUFFER, coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError, ValueError):
        raise InputError(f"{shown_name(path)}: {_DAMAGED}, or it is no Parquet file") from None


def _header(schema: pa.Schema, path: str) -> Header:
    if not schema.names:
        raise InputError(f"{shown_name(path)}: the Parquet file has no columns")
    return read_header([schema.names])


def _check_types(schema: pa.Schema, fields: dict[str, int]) -> None:
    for field, index in fields.items():
        kind = schema.field(index).type
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not _is_plain(value):
            hint = f"; the type of this one is {str(value)[:40]}"
            raise ColumnsError("not_text", field=field, columns=tuple(schema.names), hint=hint)


def _is_plain(kind: pa.DataType) -> bool:
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return not (binary or pa.types.is_nested(kind) or pa.types.is_binary_view(kind) or isinstance(kind, pa.BaseExtensionType))


def _with_texts(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    for name in names:
        schema = schema.append(pa.field(name, pa.string()))
    return schema


def _records(file: pq.ParquetFile, reader: RowReader, progress: _Progress, name: str, added: tuple[str | None, ...]) -> Iterator[Record]:
    numbers = count(1)
    try:
        for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
            for cells in zip(*_columns(batch, name, after=progress.done), strict=True):
                yield reader.read((*cells, *added), number=(number := next(numbers)))
                progress.done = number
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise InputError(f"{name}: {_DAMAGED} after row {progress.done}") from None


def _columns(batch: pa.RecordBatch, name: str, *, after: int) -> Iterator[list[Any]]:
    for number, column in enumerate(batch.columns, 1):
        try:
            yield _values(column)
        except (pa.ArrowException, UnicodeDecodeError):
            raise
        except (ValueError, OverflowError):
            where = f"column {number} of rows {after + 1} to {after + len(column)}"
            raise InputError(f"{name}: {where} holds a date beyond the years 1 to 9999, or a duration as long; leave it out") from None


def _values(column: pa.Array) -> list[Any]:
    """Python values; nanoseconds are truncated to microseconds, the resolution of Python's dates."""
    kind = coarse(column.type)
    values: list[Any] = (column if kind == column.type else column.cast(kind, safe=False)).to_pylist()
    return values


def coarse(kind: pa.DataType) -> pa.DataType:
    """The type with nanoseconds replaced by microseconds."""
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    return pa.time64("us") if pa.types.is_time64(kind) and kind.unit == "ns" else kind
