"""A workspace in, its segments and their values out, read from the records themselves: for whoever holds no columns of them."""

import numpy as np
from sqlalchemy import Connection, select

from vocservice.reporting.own import own_fields
from vocservice.reporting.segments import OwnFields
from vocservice.store.analysed.exported import Segments
from vocservice.store.schema import records

_AT_ONCE = 50_000


def told(connection: Connection, workspace_id: str) -> Segments:
    """The segments of the analysed records, with the values of each that may be told: those that the workbench offers."""
    where = records.c.workspace_id == workspace_id, records.c.status == "analysed", records.c.details.is_not(None)
    chosen = select(records.c.id, records.c.subject_hash, records.c.details).where(*where)
    parts, sizes, customers = [OwnFields()], [0], dict[str, int]()
    subjects: list[int] = []
    for rows in connection.execute(chosen.execution_options(yield_per=_AT_ONCE)).partitions():
        parts.append(OwnFields.of([tuple(own_fields(row.details).items()) for row in rows], np.arange(len(rows))))
        sizes.append(len(rows))
        subjects += [customers.setdefault(row.subject_hash or row.id, len(customers)) for row in rows]
    offered = OwnFields.joined(parts, sizes).offered(np.array(subjects, dtype=np.int32))
    return {name: frozenset(codes.names) for name, codes in offered.items()}
