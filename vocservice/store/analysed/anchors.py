"""A workspace in, its anchor set out: a stable set of records as labelled by each bundle.

It shows the effect of a new bundle on a figure. Records labelled by most bundles come first, so that records received after
a promotion do not displace earlier ones.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from vocservice.records import Json
from vocservice.reporting.rows import Origin
from vocservice.store.schema import analyses, records

MOST = 300
_RANDOM = 23  # characters of an id from here on are random


def anchors(connection: Connection, workspace_id: str) -> Iterator[tuple[Json, Origin]]:
    """Every analysis of at most 300 records whose current text several bundles labelled, in the form of `read_rows`."""
    same = (analyses.c.record_id == records.c.id) & (analyses.c.revision == records.c.revision)
    mine = (records.c.workspace_id == workspace_id, records.c.status == "analysed")
    several = select(records.c.id).join(analyses, same).where(*mine).group_by(records.c.id).having(func.count() > 1)
    order = func.count().desc(), func.substr(records.c.id, _RANDOM), records.c.id
    chosen = list(connection.scalars(several.order_by(*order).limit(MOST)))
    found = (
        select(records.c.id, analyses.c.result).join(analyses, same).where(records.c.id.in_(chosen), records.c.workspace_id == workspace_id)
    )
    return (({**row.result, "id": row.id}, Origin()) for row in connection.execute(found))
