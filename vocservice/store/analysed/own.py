"""A workspace in, which own fields of its records count out: those that an admin hid do not, and of very many those told most often do.

It stands in the row of the workspace, so that every process shows the same segments. Of a workspace that tells at most 24 fields all count
and nothing is kept; of one that tells more a reader who finds that out has it decided, once, and a worker decides anew every day.
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
_COUNTED, _CLEARED = 50_000, 100_000  # names that are counted at most, and from how many on the rarest are forgotten
_AT_ONCE = 10_000


def of(connection: Connection, workspace_id: str) -> Fields:
    """Which own fields of a workspace count."""
    return _fields(connection.scalar(_kept(workspace_id)))


def told(connection: Connection, workspace_id: str) -> Mapping[str, int]:
    """How many records tell each own field, hidden ones too; it reads what every record has in common with others."""
    counts: Counter[str] = Counter()
    here = table.c.workspace_id == workspace_id, table.c.fixed.is_not(None), table.c.context != ""
    shared = select(table.c.context, func.count()).where(*here).group_by(table.c.context)
    for context, records in connection.execute(shared.execution_options(yield_per=_AT_ONCE)):
        counts.update(dict.fromkeys((name for name, _ in read_context(context)[1]), records))
        if len(counts) > _CLEARED:
            counts = Counter(dict(counts.most_common(_COUNTED)))
    return counts


def seen(database: Database, workspace_id: str) -> tuple[Fields, Mapping[str, int]]:
    """Which own fields count, and how many records tell each, hidden ones too; up to 1,000 that wait are packed first.

    Raises:
        StoreError: the database is busy or gone.
    """
    packed.catch_up(database, workspace_id)
    with database.read() as connection:
        return of(connection, workspace_id), told(connection, workspace_id)


def choose(database: Database, workspace_id: str) -> Fields:
    """Decide which fields are held, of all records: what waits is packed first, however long that takes.

    Raises:
        StoreError: the database is busy or gone.
    """
    while packed.catch_up(database, workspace_id):
        pass
    return _decide(database, workspace_id)


def choose_due(database: Database) -> int:
    """Decide anew for each workspace for which that was done before today; returns how many these were.

    Nothing is packed for it: a workspace of which many records wait has its turn when they are.

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
    """Hide an own field, or bring it back; where not all are held, which are is decided anew. What is so already stays.

    Raises:
        InputError: no segment can be called that (`field_unfit`), it is not hidden (`field_unknown`), or too many are (`fields_full`).
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
    """All that are told, or of more than 24 those told most often, of the records that are packed."""
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
    """With the day on which it was decided; nothing where everything counts."""
    held = None if fields.held is None else sorted(fields.held)
    kept = {"hidden": sorted(fields.hidden), "held": held, "on": now(connection).date().isoformat()}
    connection.execute(update(workspaces).where(workspaces.c.id == workspace_id).values(own_fields=None if fields == EVERY else kept))
