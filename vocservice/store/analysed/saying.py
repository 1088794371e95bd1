"""Ids, or rows and days, of a workspace in, what these records say with their vectors out: the input of themes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from vocservice.errors import RecordError
from vocservice.reporting.columns import Columns
from vocservice.reporting.emerging import LARGEST, Period
from vocservice.reporting.frame import Bools
from vocservice.reporting.rows import row_of
from vocservice.reporting.saying import said, unexplained
from vocservice.reporting.themes import Said
from vocservice.store.analysed import reading, vectors
from vocservice.store.analysed.choosing import lines
from vocservice.store.analysed.reading import Taken


def said_of(connection: Connection, workspace_id: str, ids: Sequence[str], *, factor: str | None = None) -> list[Said]:
    """What the records say about a factor, or as a whole, in order of the ids; unreadable records are left out.

    Only vectors of the bundle that made most of them are used.
    """
    made = _of_one_bundle(vectors.of_records(connection, workspace_id, ids))
    return list(_said(reading.in_order(connection, workspace_id, ids), factor, made))


def period_of(connection: Connection, workspace_id: str, columns: Columns, mask: Bools, days: tuple[date, date]) -> Period:
    """The rows of a mask between two days that no factor explains."""
    day = columns.fields["day"]
    everything = mask & (day >= days[0].toordinal()) & (day <= days[1].toordinal()) & ~columns.is_skipped
    odd = everything & unexplained(columns)
    told = said_of(connection, workspace_id, [record_id for _, record_id in lines(columns, odd, limit=LARGEST)])
    return Period(*days, int(everything.sum()), int(odd.sum()), tuple(told))


def _of_one_bundle(found: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
    usual = Counter(bundle for bundle, _ in found.values()).most_common(1)
    return {record_id: vector for record_id, (bundle, vector) in found.items() if bundle == usual[0][0]}


def _said(records: Iterator[Taken], factor: str | None, made: Mapping[str, bytes]) -> Iterator[Said]:
    for taken in records:
        try:
            row = row_of(taken.analysis, taken.origin)
        except RecordError:
            continue
        yield said(row, factor=factor, told=reading.customers_words(taken.analysis), vector=made.get(taken.id, b""))
