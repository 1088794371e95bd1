"""Stored records as mappings in, a file with one row each out: Parquet or JSON Lines with lists of labels, or CSV with joined ones."""

import csv
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vocservice.tables.cells import as_json, as_text, safe_for_sheets
from vocservice.tables.labels import SEPARATOR

Rows = Iterable[Mapping[str, Any]]
_ROWS = 4096
_WORDS = pa.list_(pa.string())
_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("record", pa.string()),
        ("source", pa.string()),
        ("channel", pa.string()),
        ("created_at", _TIME),
        ("received_at", _TIME),
        ("subject", pa.string()),
        ("score_kind", pa.string()),
        ("score_value", pa.float64()),
        ("score_scale", pa.float64()),
        ("text", pa.string()),
        ("stages", _WORDS),
        ("factors", _WORDS),
        ("flags", _WORDS),
        ("sentiment", pa.int8()),
        ("sentiment_score", pa.float64()),
        ("scope", pa.string()),
        ("outcome", pa.string()),
        ("reasons", _WORDS),
        ("needs_review", pa.bool_()),
        ("model", pa.string()),
        ("taxonomy", pa.string()),
        ("is_corrected", pa.bool_()),
        ("segments", _WORDS),
    ]
)
ANONYMOUS = SCHEMA.remove(SCHEMA.get_field_index("subject"))


def write_records(path: Path, rows: Rows, *, schema: pa.Schema = SCHEMA) -> None:
    """Write Parquet, a row group at a time, with the columns of a schema.

    Raises:
        OSError: it cannot be written.
    """
    with pq.ParquetWriter(str(path), schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def write_lines(path: Path, rows: Rows) -> None:
    """Write JSON Lines of the columns of `ANONYMOUS`.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            file.write(as_json({name: row[name] for name in ANONYMOUS.names}) + "\n")


def write_table(path: Path, rows: Rows) -> None:
    """Write CSV of the columns of `ANONYMOUS`, safe to open in a spreadsheet.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ANONYMOUS.names)
        for row in rows:
            writer.writerow([_cell(row[name]) for name in ANONYMOUS.names])


def _cell(value: object) -> str:
    text = SEPARATOR.join(value) if isinstance(value, list) else value
    return safe_for_sheets(text) if isinstance(text, str) else as_text(text)


def _groups(rows: Rows) -> Iterable[list[Mapping[str, Any]]]:
    held = iter(rows)
    while group := list(islice(held, _ROWS)):
        yield group
