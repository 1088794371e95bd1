"""Vectors of analysed texts in, those of given records out: stored, replaced and deleted with the analysis.

A vector is `width` signed bytes (`inference.pooling`). A record has one per bundle, all for its current revision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, insert, or_, select

from vocservice.store.schema import analyses, vectors

_AT_ONCE = 500
# Built once: per record, building a statement costs more than running it.
_OLD = or_(vectors.c.bundle == bindparam("made_by"), vectors.c.revision != bindparam("made_of"))
_DROP_OLD = delete(vectors).where(vectors.c.record_id == bindparam("record"), _OLD)
_INSERT = insert(vectors)
_CHOSEN = select(vectors.c.workspace_id, vectors.c.record_id, vectors.c.bundle, vectors.c.vector)


@dataclass(frozen=True, slots=True)
class Held:
    """Record, bundle and revision of a vector."""

    workspace_id: str
    record_id: str
    revision: int
    bundle: str


def keep(connection: Connection, held: Held, vector: bytes) -> None:
    """Replace the vector of the same bundle and delete those of earlier revisions; an empty one only deletes."""
    connection.execute(_DROP_OLD, {"record": held.record_id, "made_by": held.bundle, "made_of": held.revision})
    if vector:
        values = {"workspace_id": held.workspace_id, "record_id": held.record_id, "revision": held.revision, "bundle": held.bundle}
        connection.execute(_INSERT, values | {"vector": vector})


def drop(connection: Connection, record_id: str) -> None:
    """Delete every vector of a record."""
    connection.execute(delete(vectors).where(vectors.c.record_id == record_id))


def of_records(connection: Connection, workspace_id: str, ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """By record: the bundle of its current analysis, and that bundle's vector; records without one are left out."""
    current = and_(
        analyses.c.record_id == vectors.c.record_id,
        analyses.c.is_current,
        analyses.c.bundle == vectors.c.bundle,
        analyses.c.revision == vectors.c.revision,
    )
    found = _read(connection, workspace_id, ids, _CHOSEN.join(analyses, current))
    return {record_id: (bundle, vector) for record_id, bundle, vector in found}


def of_bundles(connection: Connection, workspace_id: str, ids: Sequence[str]) -> dict[str, dict[str, bytes]]:
    """The vectors of some records by bundle, then by record, including those of earlier promotions."""
    found: dict[str, dict[str, bytes]] = {}
    for record_id, bundle, vector in _read(connection, workspace_id, ids, _CHOSEN):
        found.setdefault(bundle, {})[record_id] = vector
    return found


def _read(connection: Connection, workspace_id: str, ids: Sequence[str], chosen: Select[Any]) -> Iterator[tuple[str, str, bytes]]:
    """Record, bundle and vector of some records of a workspace."""
    for start in range(0, len(ids), _AT_ONCE):
        for owner, record_id, bundle, vector in connection.execute(chosen.where(vectors.c.record_id.in_(ids[start : start + _AT_ONCE]))):
            if owner == workspace_id:  # checked here: in SQL it would use the wrong index
                yield record_id, bundle, vector
