"""Stored records as mappings in, a Parquet file of one row each out, with lists where a record can have many labels."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

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
    ]
)


def write_records(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the file, a row group at a time.

    Raises:
        OSError: it cannot be written.
    """
    with pq.ParquetWriter(str(path), SCHEMA, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterable[list[Mapping[str, Any]]]:
    held = iter(rows)
    while group := list(islice(held, _ROWS)):
        yield group
