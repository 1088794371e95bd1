"""A workspace in, the columns of its analysed records out: only changes since the last read come from the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from vocservice.errors import StoreError
from vocservice.store.analysed import own, packed
from vocservice.store.analysed.packed import Change
from vocservice.store.database import Database
from vocservice.taxonomy import Taxonomy

if TYPE_CHECKING:  # numpy is imported with the first figure
    from vocservice.reporting.columns import Columns
    from vocservice.reporting.own import Fields

AT_ONCE = 2000  # number of records packed while a page waits
_revisions = count(1)


@dataclass(slots=True)
class Progress:
    """Number of records read, and total in the workspace."""

    total: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """Columns, with a number that is unique in this process."""

    columns: Columns
    revision: int

    @property
    def fields(self) -> Fields:
        """The custom fields that count."""
        return self.columns.own.fields


class Table:
    """The columns of one workspace under one taxonomy, and their update."""

    def __init__(self, database: Database, workspace_id: str, taxonomy: Taxonomy):
        self.key = (workspace_id, taxonomy.id)
        self.progress = Progress()
        self.held: Held | None = None
        self._database, self._workspace_id, self._taxonomy = database, workspace_id, taxonomy
        self._following = 0
        self._applied: dict[str, int] = {}
        self._lock = Lock()

    def is_behind(self) -> bool:
        """Whether there is more to read than a page should wait for."""
        with self._database.read() as connection:
            is_other = self.held is None or self.held.fields != own.of(connection, self._workspace_id)
            return is_other or packed.waits(connection, self._workspace_id, more_than=AT_ONCE)

    def begin(self) -> None:
        """Set the amount to read."""
        with self._database.read() as connection:
            self.progress = Progress(packed.count(connection, self._workspace_id))

    def load(self) -> Held:
        """The current columns, however much there is to read."""
        with self._lock:
            while done := packed.catch_up(self._database, self._workspace_id):
                self.progress.read += done
            before, self.held = self.held, self._advanced()
            if self.held is not before and self.held.columns.own.is_cut:
                self._decide()
            return self.held

    def _decide(self) -> None:
        """There are more custom fields than are kept: let the store decide; while it cannot be written, decide in this process."""
        with suppress(StoreError):
            own.choose(self._database, self._workspace_id)
            self.held = self._advanced()

    def _advanced(self) -> Held:
        with self._database.read() as connection:
            fields = own.of(connection, self._workspace_id)
            is_same = self.held is not None and self.held.fields == fields
            span = packed.span(connection, self._workspace_id, self._following if is_same else 0)
            before = self.held if span.first else None
            batches = packed.changes(connection, self._workspace_id, span)
            found = self._whole(batches, fields) if before is None else self._changed(before, batches)
        self._following = span.following
        return found

    def _whole(self, batches: Iterator[list[Change]], fields: Fields) -> Held:
        from vocservice.reporting.columns import Columns

        self._applied = {}
        parts = [Columns.of(self._taxonomy, (), fields=fields)]
        for batch in batches:
            parts.append(Columns.of(self._taxonomy, ((change.record_id, change.packed) for change in batch), fields=fields))
            self.progress.read = max(self.progress.read, sum(map(len, parts)))
        return Held(Columns.joined(parts), next(_revisions))

    def _changed(self, before: Held, batches: Iterator[list[Change]]) -> Held:
        """PostgreSQL reports a change again while an older transaction is open: changes already applied are skipped."""
        changes = [change for batch in batches for change in batch]
        new = [(change.record_id, change.packed) for change in changes if self._applied.get(change.record_id) != change.number]
        self._applied = {change.record_id: change.number for change in changes}
        return Held(before.columns.changed(new), next(_revisions)) if new else before
