"""Ids of a workspace in, what these records say on one thing, with their vectors, out: what themes are made of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection

from vocservice.errors import RecordError
from vocservice.records import Json
from vocservice.reporting.columns import Columns
from vocservice.reporting.emerging import UNSURE
from vocservice.reporting.frame import Bools
from vocservice.reporting.quotes import plain_quote, quote_of
from vocservice.reporting.rows import row_of
from vocservice.reporting.themes import Said
from vocservice.store import reading, vectors
from vocservice.store.reading import Taken


def said_of(connection: Connection, workspace_id: str, ids: Sequence[str], *, factor: str | None = None) -> list[Said]:
    """What the records say of a factor, or as a whole, in the order of the ids; one that no report can read is left out.

    Vectors are those of the bundle that made most of them; others are as if they were not there.
    """
    made = _of_one_bundle(vectors.of_records(connection, workspace_id, ids))
    return list(_said(reading.in_order(connection, workspace_id, ids), factor, made))


def unexplained(columns: Columns) -> Bools:
    """Rows to which no factor was given, or none that is likelier than not; what a person gave counts as sure."""
    sure = np.zeros(len(columns), dtype=bool)
    places = columns.places
    sure[places.row[(places.sure >= 10 * UNSURE) | (places.sure == 0)]] = True
    return ~(sure | columns.is_skipped)


def _of_one_bundle(found: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
    usual = Counter(bundle for bundle, _ in found.values()).most_common(1)
    return {record_id: vector for record_id, (bundle, vector) in found.items() if bundle == usual[0][0]}


def _said(records: Iterator[Taken], factor: str | None, made: Mapping[str, bytes]) -> Iterator[Said]:
    for taken in records:
        try:
            row = row_of(taken.analysis, taken.origin)
        except RecordError:
            continue
        evidence = [piece.text for one in row.factors if one.key == factor for piece in one.evidence]
        words = "\n".join(evidence) or _customers_words(taken.analysis)
        quote = (quote_of(row, factor) if factor else None) or plain_quote(row)
        yield Said(taken.id, words, taken.subject or taken.id, row.level, quote, made.get(taken.id, b""))


def _customers_words(analysis: Json) -> str:
    """The text; of a transcript the customer's turns."""
    turns = analysis.get("turns")
    return "\n".join(turn["text"] for turn in turns if turn["speaker"] == "customer") if turns else str(analysis.get("text") or "")
