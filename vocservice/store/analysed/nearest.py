"""The vector of a text in, the records of a workspace with the nearest texts out: an exhaustive search, block by block."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from vocservice.reporting.themes import matrix_of
from vocservice.store.analysed.vectors import Block


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


def nearest(blocks: Iterable[Block], vector: bytes, *, among: Collection[str] | None = None, limit: int) -> Found:
    """The records nearest to a vector.

    Args:
        blocks: the vectors to search, all of the bundle that made `vector`.
        among: the records that may be found; any by default.
    """
    wanted, searched = matrix_of([vector])[0], 0
    best: list[Near] = []
    for block in blocks:
        rows = np.frombuffer(block.vectors, np.int8).reshape(len(block.ids), -1)
        at = np.arange(len(rows)) if among is None else np.flatnonzero([record_id in among for record_id in block.ids])
        floats = rows[at].astype(np.float32)
        close = floats @ wanted / np.maximum(np.sqrt(np.einsum("ij,ij->i", floats, floats)), 1.0)
        top = np.argsort(-close, kind="stable")[:limit]
        best += [Near(block.ids[at[place]], float(close[place])) for place in top.tolist()]
        best = sorted(best, key=lambda one: (-one.closeness, one.id))[:limit]
        searched += len(at)
    return Found(tuple(best), searched)
