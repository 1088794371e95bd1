"""Ids of a workspace in, what these records say on one thing, with their vectors, out: what themes are made of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from vocservice.errors import RecordError
from vocservice.records import Json
from vocservice.reporting.rows import row_of
from vocservice.reporting.saying import said
from vocservice.reporting.themes import Said
from vocservice.store import reading, vectors
from vocservice.store.reading import Taken


def said_of(connection: Connection, workspace_id: str, ids: Sequence[str], *, factor: str | None = None) -> list[Said]:
    """What the records say of a factor, or as a whole, in the order of the ids; one that no report can read is left out.

    Vectors are those of the bundle that made most of them; others are as if they were not there.
    """
    made = _of_one_bundle(vectors.of_records(connection, workspace_id, ids))
    return list(_said(reading.in_order(connection, workspace_id, ids), factor, made))


def _of_one_bundle(found: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
    usual = Counter(bundle for bundle, _ in found.values()).most_common(1)
    return {record_id: vector for record_id, (bundle, vector) in found.items() if bundle == usual[0][0]}


def _said(records: Iterator[Taken], factor: str | None, made: Mapping[str, bytes]) -> Iterator[Said]:
    for taken in records:
        try:
            row = row_of(taken.analysis, taken.origin)
        except RecordError:
            continue
        yield said(row, factor=factor, told=_customers_words(taken.analysis), vector=made.get(taken.id, b""))


def _customers_words(analysis: Json) -> str:
    """The text; of a transcript the customer's turns."""
    turns = analysis.get("turns")
    return "\n".join(turn["text"] for turn in turns if turn["speaker"] == "customer") if turns else str(analysis.get("text") or "")
