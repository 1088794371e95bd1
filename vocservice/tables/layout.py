"""An input's facts in, the columns of the output table out: the caller's own unchanged, then the new ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from vocservice.records import Rejected, Result
from vocservice.tables.header import unique
from vocservice.tables.labels import Kind, NewColumn, exploded, exploded_columns, label_cells, new_columns, status_cells
from vocservice.tables.source import Facts

_OWN_COLUMNS = ("id", "text")
_IDS = ("id", "subject")


@dataclass(frozen=True)
class Layout:
    """The columns of a table.

    Attributes:
        facts: of the input; without columns (JSON Lines) the table gets `id` and `text` as analysed.
        label_sets: names of the sets in `Analysis.labels`, of other taxonomies.
        explode: the set with one row per label; None for one row per record.
        lacks: names of sets missing from the taxonomy, which get no column.
    """

    facts: Facts
    label_sets: tuple[str, ...] = ()
    explode: str | None = None
    lacks: tuple[str, ...] = ()

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Unique keys of the caller's columns."""
        return self.facts.columns or _OWN_COLUMNS

    @cached_property
    def headers(self) -> tuple[str, ...]:
        """The caller's columns as written."""
        return self.facts.headers or _OWN_COLUMNS

    @cached_property
    def id_places(self) -> frozenset[int]:
        """Indexes of the caller's id columns, of records and customers."""
        wanted = {self.facts.fields.get(field) for field in _IDS}
        return frozenset(place for place, key in enumerate(self.keys) if key in wanted)

    @cached_property
    def added(self) -> tuple[NewColumn, ...]:
        """The label columns."""
        if self.explode is not None:
            return exploded_columns(self.explode, lacks=self.lacks, transcripts=self.facts.transcripts)
        return new_columns(self.label_sets, lacks=self.lacks, transcripts=self.facts.transcripts)

    @cached_property
    def added_names(self) -> tuple[str, ...]:
        """Names of the status and label columns, numbered if the caller already has one."""
        taken = {name.casefold() for name in self.keys}
        status = "voc_status" if "status" in taken else "status"
        names = (status, "voc_error_code", "voc_error_message", *(column.name for column in self.added))
        start = len(self.keys)
        return unique((*(key.casefold() for key in self.keys), *names))[start:]

    @cached_property
    def added_kinds(self) -> tuple[Kind, ...]:
        """Cell types of the status and label columns."""
        return ("string", "string", "string", *(column.kind for column in self.added))

    def own_cells(self, result: Result) -> Sequence[object]:
        """The caller's cells; None if the row could not be read."""
        if not self.facts.columns:
            return (result.id, None if isinstance(result, Rejected) else result.text)
        row = result.row or {}
        return [row.get(key) for key in self.keys]

    def added_cells(self, result: Result) -> tuple[object, ...]:
        """The status and label cells."""
        return (*status_cells(result), *label_cells(result, self.added))

    def added_rows(self, result: Result) -> Iterator[tuple[object, ...]]:
        """The same for each row of a result."""
        return map(self.added_cells, exploded(result, self.explode) if self.explode is not None else (result,))

    def rows(self, result: Result) -> Iterator[tuple[object, ...]]:
        """The complete rows of one result."""
        own = self.own_cells(result)
        return ((*own, *added) for added in self.added_rows(result))
