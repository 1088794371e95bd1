"""A workspace in, its segments with values out, read from the records: for callers without columns."""

import numpy as np
from sqlalchemy import Connection, select

from vocservice.reporting.own import Fields, own_fields
from vocservice.reporting.segments import OwnFields
from vocservice.store.analysed import own
from vocservice.store.analysed.exported import Segments
from vocservice.store.database import Database
from vocservice.store.schema import records

_AT_ONCE = 50_000


def told(database: Database, workspace_id: str) -> Segments:
    """The segments of the analysed records, with the values that may be shown, as offered by the workbench.

    Raises:
        StoreError: the database does not answer.
    """
    while True:
        with database.read() as connection:
            found, subjects = _read(connection, workspace_id, own.of(connection, workspace_id))
        if not found.is_cut:
            return {name: frozenset(codes.names) for name, codes in found.offered(np.array(subjects, dtype=np.int32)).items()}
        own.choose(database, workspace_id)


def _read(connection: Connection, workspace_id: str, fields: Fields) -> tuple[OwnFields, list[int]]:
    """The custom fields of the analysed records that have any, and the number of the customer of each."""
    where = records.c.workspace_id == workspace_id, records.c.status == "analysed", records.c.details.is_not(None)
    chosen = select(records.c.id, records.c.subject_hash, records.c.details).where(*where)
    parts, sizes, customers = [OwnFields(fields=fields)], [0], dict[str, int]()
    subjects: list[int] = []
    for rows in connection.execute(chosen.execution_options(yield_per=_AT_ONCE)).partitions():
        told = [tuple(own_fields(row.details).items()) for row in rows]
        parts.append(OwnFields.of(told, np.arange(len(rows)), fields=fields))
        sizes.append(len(rows))
        subjects += [customers.setdefault(row.subject_hash or row.id, len(customers)) for row in rows]
    return OwnFields.joined(parts, sizes), subjects
