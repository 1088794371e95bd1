"""A workspace in, its anchor set out: some records, the same every time, as each bundle labelled them.

What a new bundle did to a figure is told by them. Those that most bundles labelled come first, so that records which came in after
a promotion push none out that was there before.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from vocservice.records import Json
from vocservice.reporting.rows import Origin
from vocservice.store.schema import analyses, records

MOST = 300
_RANDOM = 23  # of an id's letters those from here on are drawn by lot


def anchors(connection: Connection, workspace_id: str) -> Iterator[tuple[Json, Origin]]:
    """Every analysis of at most 300 records that more than one bundle labelled in their present text, as `read_rows` takes them."""
    same = (analyses.c.record_id == records.c.id) & (analyses.c.revision == records.c.revision)
    mine = (records.c.workspace_id == workspace_id, records.c.status == "analysed")
    several = select(records.c.id).join(analyses, same).where(*mine).group_by(records.c.id).having(func.count() > 1)
    order = func.count().desc(), func.substr(records.c.id, _RANDOM), records.c.id
    chosen = list(connection.scalars(several.order_by(*order).limit(MOST)))
    found = (
        select(records.c.id, analyses.c.result).join(analyses, same).where(records.c.id.in_(chosen), records.c.workspace_id == workspace_id)
    )
    return (({**row.result, "id": row.id}, Origin()) for row in connection.execute(found))
