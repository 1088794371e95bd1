"""Records with their valid labels in, flat rows and export files out: redacted text and label keys, no names or addresses."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from vocservice.records import Json
from vocservice.reporting.own import OTHER
from vocservice.store.analysed import reading
from vocservice.store.analysed.reading import Taken
from vocservice.store.database import Database
from vocservice.store.received.records import API

Write = Callable[[Path, Iterable[Taken]], object]
Segments = Mapping[str, frozenset[str]]  # the values that may be shown, per custom field that is a segment


def written(database: Database, workspace_id: str, ids: Sequence[str], path: Path, write: Write) -> int:
    """Export records in this order and return their number; the file is rewritten if one of them was erased meanwhile.

    Raises:
        StoreError: the database does not answer.
    """
    while True:
        told: list[str] = []
        with database.read() as connection:
            write(path, _noted(reading.in_order(connection, workspace_id, ids), told))
        with database.read() as connection:
            if not reading.erased_of(connection, workspace_id, told):
                return len(told)
        path.unlink()


def exported(taken: Taken, segments: Segments) -> Json:
    """A record as a row; docs/exports.md describes the columns."""
    given, score = taken.analysis, taken.score or {}
    mood = given.get("sentiment") or {}
    return {
        "record": taken.id,
        "source": taken.source or API,
        "channel": taken.channel,
        "created_at": taken.at,
        "received_at": taken.received_at,
        "subject": taken.subject,
        "score_kind": score.get("kind"),
        "score_value": score.get("value"),
        "score_scale": score.get("scale"),
        "text": given.get("text"),
        "stages": [label["key"] for label in given.get("stages") or ()],
        "factors": [f"{label['key']}{label['polarity']}" for label in given.get("factors") or ()],
        "flags": [label["key"] for label in given.get("flags") or ()],
        "sentiment": mood.get("level"),
        "sentiment_score": mood.get("score"),
        "scope": (given.get("scope") or {}).get("key"),
        "outcome": (given.get("outcome") or {}).get("key"),
        "reasons": [label["key"] for label in given.get("reasons") or ()],
        "needs_review": (given.get("needs_review") or {}).get("value"),
        "model": given.get("model"),
        "taxonomy": given.get("taxonomy"),
        "is_corrected": taken.is_corrected,
        "segments": [f"{name}={value}" for name, value in segments_of(taken, segments)],
    }


def segments_of(taken: Taken, segments: Segments) -> Iterator[tuple[str, str]]:
    """The segments of a record with their values; rare values become `other`."""
    own = taken.own
    for name, values in segments.items():
        if name in own:
            yield name, own[name] if own[name] in values else OTHER


def _noted(records: Iterable[Taken], told: list[str]) -> Iterator[Taken]:
    """The same; also collects the id of each yielded record."""
    for taken in records:
        told.append(taken.id)
        yield taken
