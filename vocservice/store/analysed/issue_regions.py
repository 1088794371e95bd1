"""Issues in, the vector regions of their causes out, one per bundle for which it was computed."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from vocservice.reporting.regions import Region
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import issue_regions, issues

CARRIER = "workbench"


def of_workspace(connection: Connection, workspace_id: str) -> Mapping[str, tuple[Region, ...]]:
    """The regions of each issue for one cause, newest first."""
    order = (issue_regions.c.made_at.desc(), issue_regions.c.bundle)
    found: dict[str, tuple[Region, ...]] = {}
    for row in connection.execute(select(issue_regions).where(issue_regions.c.workspace_id == workspace_id).order_by(*order)):
        region = Region(row.bundle, bytes(row.own), bytes(row.others), row.radius)
        found[row.issue_id] = (*found.get(row.issue_id, ()), region)
    return found


def keep(connection: Connection, workspace_id: str, issue_id: str, region: Region) -> bool:
    """Store the region of an issue; False if it has one for this bundle."""
    values = {"issue_id": issue_id, "workspace_id": workspace_id, "bundle": region.bundle, "made_at": now(connection)}
    return insert_if_new(connection, issue_regions, values | {name: getattr(region, name) for name in ("own", "others", "radius")})


def carry(connection: Connection, workspace_id: str, issue_id: str, region: Region, *, before: str) -> None:
    """Store a region carried over from another bundle; ignored if the issue is gone or has one."""
    exists = connection.execute(select(issues.c.id).where(issues.c.id == issue_id, issues.c.workspace_id == workspace_id)).first()
    if exists and keep(connection, workspace_id, issue_id, region):
        audit.write(connection, workspace_id, Act(CARRIER, "issue.carry", issue_id, {"before": before, "after": region.bundle}))
