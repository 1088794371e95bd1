"""A workspace in, the custom fields that count out: not hidden by an admin, and the most frequent if there are very many.

Stored in the row of the workspace, so that every process shows the same segments. With at most 24 fields all count
and nothing is stored; with more, the first reader that finds this lets it be decided once, and a worker updates it daily.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from vocservice.errors import InputError
from vocservice.reporting.own import EVERY, MOST_FIELDS, Fields, most_told, own_fields
from vocservice.reporting.packing import read_context
from vocservice.store import audit
from vocservice.store.analysed import packed
from vocservice.store.audit import Act
from vocservice.store.database import Database, now
from vocservice.store.schema import packed as table
from vocservice.store.schema import workspaces

MOST_HIDDEN = 200
_COUNTED, _CLEARED = 50_000, 100_000  # limit of counted names, and size from which the rarest are dropped
_AT_ONCE = 10_000


def of(connection: Connection, workspace_id: str) -> Fields:
    """The custom fields of a workspace that count."""
    return _fields(connection.scalar(_kept(workspace_id)))


def told(connection: Connection, workspace_id: str) -> Mapping[str, int]:
    """Number of records with each custom field, including hidden ones; reads the shared contexts of records."""
    counts: Counter[str] = Counter()
    here = table.c.workspace_id == workspace_id, table.c.fixed.is_not(None), table.c.context != ""
    shared = select(table.c.context, func.count()).where(*here).group_by(table.c.context)
    for context, records in connection.execute(shared.execution_options(yield_per=_AT_ONCE)):
        counts.update(dict.fromkeys((name for name, _ in read_context(context)[1]), records))
        if len(counts) > _CLEARED:
            counts = Counter(dict(counts.most_common(_COUNTED)))
    return counts


def seen(database: Database, workspace_id: str) -> tuple[Fields, Mapping[str, int]]:
    """The custom fields that count, and the number of records with each, including hidden ones; packs up to 1,000 waiting records first.

    Raises:
        StoreError: the database is busy or gone.
    """
    packed.catch_up(database, workspace_id)
    with database.read() as connection:
        return of(connection, workspace_id), told(connection, workspace_id)


def choose(database: Database, workspace_id: str) -> Fields:
    """Decide which fields are kept, over all records; waiting ones are packed first, however long it takes.

    Raises:
        StoreError: the database is busy or gone.
    """
    while packed.catch_up(database, workspace_id):
        pass
    return _decide(database, workspace_id)


def choose_due(database: Database) -> int:
    """Update each workspace not yet updated today; return their number.

    Nothing is packed for it: a workspace with many waiting records is updated once they are packed.

    Raises:
        StoreError: the database is busy or gone.
    """
    with database.read() as connection:
        today = now(connection).date()
        kept = connection.execute(select(workspaces.c.id, workspaces.c.own_fields).where(workspaces.c.own_fields.is_not(None)))
        due = [row.id for row in kept if row.own_fields["held"] is not None and date.fromisoformat(row.own_fields["on"]) < today]
        due = [workspace_id for workspace_id in due if not packed.waits(connection, workspace_id, more_than=packed.AT_ONCE)]
    for workspace_id in due:
        _decide(database, workspace_id)
    return len(due)


def set_hidden(database: Database, workspace_id: str, name: str, is_hidden: bool, *, actor: str) -> None:
    """Hide or show a custom field; if not all are kept, the choice is updated. Idempotent.

    Raises:
        InputError: the name cannot be a segment (`field_unfit`), it is not hidden (`field_unknown`), or too many are (`fields_full`).
        StoreError: the database is busy or gone.
    """
    with database.write() as connection:
        before = _fields(connection.scalar(_kept(workspace_id).with_for_update()))
        if is_hidden:
            _check_hideable(before, name)
        elif name not in before.hidden:
            raise InputError("no custom field of this name is hidden", code="field_unknown")
        hidden = before.hidden | {name} if is_hidden else before.hidden - {name}
        if hidden == before.hidden:
            return
        _keep(connection, workspace_id, replace(before, hidden=hidden))
        audit.write(connection, workspace_id, Act(actor, f"field.{'hide' if is_hidden else 'show'}", name, {}))
    if before.held is not None:
        choose(database, workspace_id)


def _decide(database: Database, workspace_id: str) -> Fields:
    """All fields, or of more than 24 the most frequent, among the packed records."""
    while True:
        with database.read() as connection:
            before = of(connection, workspace_id)
            counts = {name: count for name, count in told(connection, workspace_id).items() if name not in before.hidden}
        found = replace(before, held=frozenset(most_told(counts, MOST_FIELDS)) if len(counts) > MOST_FIELDS else None)
        with database.write() as connection:
            if _fields(connection.scalar(_kept(workspace_id).with_for_update())) == before:
                _keep(connection, workspace_id, found)
                return found


def _check_hideable(before: Fields, name: str) -> None:
    if not own_fields({name: "x"}):
        raise InputError("no segment can have this name: it is blank or too long, or tells people apart", code="field_unfit")
    if name not in before.hidden and len(before.hidden) >= MOST_HIDDEN:
        raise InputError(f"{MOST_HIDDEN} custom fields are already hidden; show one of them first", code="fields_full")


def _kept(workspace_id: str) -> Select[Any]:
    return select(workspaces.c.own_fields).where(workspaces.c.id == workspace_id)


def _fields(kept: Mapping[str, Any] | None) -> Fields:
    if kept is None:
        return EVERY
    return Fields(frozenset(kept["hidden"]), None if kept["held"] is None else frozenset(kept["held"]))


def _keep(connection: Connection, workspace_id: str, fields: Fields) -> None:
    """With the day of the decision; empty if everything counts."""
    held = None if fields.held is None else sorted(fields.held)
    kept = {"hidden": sorted(fields.hidden), "held": held, "on": now(connection).date().isoformat()}
    connection.execute(update(workspaces).where(workspaces.c.id == workspace_id).values(own_fields=None if fields == EVERY else kept))
