"""The vectors of a workspace in, a cache of this process out, so that searches need not read them again.

They are read again after any change of the workspace; too many to cache are read from the store each time.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Lock

from vocservice.store.analysed import vectors
from vocservice.store.analysed.vectors import Block
from vocservice.store.database import Database

MOST = 500_000  # of 384 bytes, plus an id of 87


@dataclass(slots=True)
class Shelf:
    """The vectors cached by one process; least recently used ones are evicted. A forked process starts empty."""

    most: int = MOST
    _lock: Lock = field(default_factory=Lock)
    _held: OrderedDict[tuple[str, str], tuple[int, tuple[Block, ...]]] = field(default_factory=OrderedDict)
    _process: int = 0

    def blocks(self, database: Database, workspace_id: str, bundle: str, *, revision: int) -> Iterable[Block]:
        """The vectors made by a bundle in a workspace.

        Args:
            revision: changes whenever a record of the workspace does.
        """
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._held.clear()
            found = self._held.pop((workspace_id, bundle), None)
            if found is None or found[0] != revision:
                found = None  # evict old vectors before loading new ones, so that there are never more than `most`
                with database.read() as connection:
                    count = vectors.counts(connection, workspace_id).get(bundle, 0)
                    if count > self.most:
                        return _streamed(database, workspace_id, bundle)
                    self._make_room(count)
                    found = revision, tuple(vectors.blocks(connection, workspace_id, bundle))
            self._held[workspace_id, bundle] = found
            return found[1]

    def _make_room(self, count: int) -> None:
        while self._held and count + sum(len(block.ids) for _, blocks in self._held.values() for block in blocks) > self.most:
            self._held.popitem(last=False)


def _streamed(database: Database, workspace_id: str, bundle: str) -> Iterator[Block]:
    with database.read() as connection:
        yield from vectors.blocks(connection, workspace_id, bundle)
