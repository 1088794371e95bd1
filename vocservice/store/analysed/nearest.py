"""The vector of a text in, the records of a workspace with the nearest texts out: sketches in memory say whose vectors are read."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from vocservice.reporting.columns import Columns
from vocservice.reporting.frame import Bools
from vocservice.reporting.sketches import likely
from vocservice.reporting.themes import matrix_of
from vocservice.store.analysed import vectors
from vocservice.store.analysed.choosing import ids_of

READ = 2000  # vectors compared as they are


@dataclass(frozen=True, slots=True)
class Near:
    """A record and the cosine similarity of its vector to the query, -1 to 1."""

    id: str
    closeness: float


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest records, nearest first, and the number of records with a vector."""

    near: tuple[Near, ...]
    searched: int


def nearest(connection: Connection, workspace_id: str, columns: Columns, mask: Bools, *, bundle: str, vector: bytes, limit: int) -> Found:
    """The records nearest to a vector; exact up to `READ` records, above that nearly all of the nearest are found.

    Args:
        connection: to the store.
        workspace_id: whose records they are.
        columns: of the workspace.
        mask: the records that may be found.
        bundle: the one that made `vector`; its vectors are searched.
        vector: signed bytes.
        limit: how many.
    """
    rows = np.flatnonzero(mask & columns.has_vector(bundle))
    ids = ids_of(columns, rows[likely(columns.sketches[rows], vector, limit=READ)])
    held = {name: made for name, (by, made) in vectors.of_records(connection, workspace_id, ids).items() if by == bundle}
    close = (matrix_of(list(held.values())) @ matrix_of([vector])[0]).tolist() if held else []
    found = sorted(map(Near, held, close), key=lambda one: (-one.closeness, one.id))
    return Found(tuple(found[:limit]), len(rows))
