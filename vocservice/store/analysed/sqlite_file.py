"""Analysed records in, an SQLite file for Datasette and DuckDB out: one table of records, one per label set."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from vocservice.errors import OutputError
from vocservice.records import Json
from vocservice.store.analysed.exported import Segments, exported, segments_of
from vocservice.store.analysed.reading import Taken

FEEDBACK, SEGMENTS = "feedback", "segments"
_LABEL = {"probability": "REAL", "evidence": "TEXT"}
TABLES: Mapping[str, Mapping[str, str]] = {
    FEEDBACK: {
        "record": "TEXT PRIMARY KEY",
        "source": "TEXT",
        "channel": "TEXT",
        "created_at": "TEXT",
        "received_at": "TEXT",
        "score_kind": "TEXT",
        "score_value": "REAL",
        "score_scale": "REAL",
        "text": "TEXT",
        "sentiment": "INTEGER",
        "sentiment_score": "REAL",
        "scope": "TEXT",
        "outcome": "TEXT",
        "needs_review": "INTEGER",
        "model": "TEXT",
        "taxonomy": "TEXT",
        "is_corrected": "INTEGER",
    },
    "stages": {"record": "TEXT REFERENCES feedback", "stage": "TEXT", **_LABEL},
    "factors": {"record": "TEXT REFERENCES feedback", "factor": "TEXT", "polarity": "TEXT", **_LABEL},
    "flags": {"record": "TEXT REFERENCES feedback", "flag": "TEXT", **_LABEL},
    "reasons": {"record": "TEXT REFERENCES feedback", "reason": "TEXT", **_LABEL},
    SEGMENTS: {"record": "TEXT REFERENCES feedback", "segment": "TEXT", "value": "TEXT"},
}
_INSERTS = {name: f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})" for name, columns in TABLES.items()}  # noqa: S608 - our own names


def write_sqlite(path: Path, records: Iterable[Taken], segments: Segments) -> None:
    """Write the file, replacing any other.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode = OFF")
            file.execute("BEGIN")
            _make(file)
            for taken in records:
                for name, rows in _rows(taken, segments):
                    file.executemany(_INSERTS[name], rows)
            _index(file)
            file.execute("COMMIT")
    except sqlite3.Error as error:
        raise OutputError(f"{path.name}: cannot be written ({error.sqlite_errorname})") from None


def _make(file: sqlite3.Connection) -> None:
    for name, columns in TABLES.items():
        file.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")


def _index(file: sqlite3.Connection) -> None:
    for name in TABLES.keys() - {FEEDBACK}:
        file.execute(f"CREATE INDEX {name}_record ON {name} (record)")


def _rows(taken: Taken, segments: Segments) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The rows of each table; times in ISO 8601, as SQLite and DuckDB read them."""
    row = exported(taken, {})  # segments have their own table
    times = {name: row[name].isoformat() for name in ("created_at", "received_at")}
    yield FEEDBACK, [tuple((row | times)[name] for name in TABLES[FEEDBACK])]
    yield SEGMENTS, [(taken.id, *told) for told in segments_of(taken, segments)]
    for name in TABLES.keys() - {FEEDBACK, SEGMENTS}:
        yield name, [(taken.id, *_label(label)) for label in taken.analysis.get(name) or ()]


def _label(label: Json) -> Iterator[Any]:
    yield label["key"]
    if "polarity" in label:
        yield label["polarity"]
    yield label["probability"]
    yield orjson.dumps(label.get("evidence") or []).decode()
