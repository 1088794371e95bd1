"""The cells of one table row in, a raw verbatim or a rejected record out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from vocservice.records import RawVerbatim, Rejected
from vocservice.tables.cells import as_id, as_number, as_text
from vocservice.tables.columns import Columns
from vocservice.tables.encoding import has_undecoded, without_undecoded
from vocservice.tables.header import Header, plain

_REVIEW_LINK_ID = re.compile(r"(?:reviewid=|reviewplace:id=)([^&#\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Turns rows of one table into records; rows are numbered from 1 below the header."""

    header: Header
    columns: Columns

    def read(self, cells: Sequence[object], *, number: int) -> RawVerbatim:
        """Make a record from a complete row."""
        return RawVerbatim(
            id=self._id(cells, number),
            text=as_text(cells[self.columns.fields["text"]]),
            channel=self._optional("channel", cells),
            question=self._optional("question", cells) or self.columns.question,
            created_at=self._created_at(cells),
            language=self._optional("language", cells),
            subject=self._optional("subject", cells),
            score=self._score(cells),
            row=dict(zip(self.header.keys, cells, strict=True)),
            author=self._optional("author", cells),
        )

    def read_text(self, cells: Sequence[str], *, number: int, line: int) -> RawVerbatim | Rejected:
        """Make a record from a row of text cells, which may be ragged or have undecodable bytes."""
        width = len(self.header)
        if len(cells) < width or any(cells[width:]):
            return self._ragged(cells, number=number, line=line)
        if any(map(has_undecoded, cells)):
            return self._undecoded(cells, number=number, line=line)
        return self.read(cells[:width], number=number)

    def _ragged(self, cells: Sequence[str], *, number: int, line: int) -> Rejected:
        """Reject a row with too many or too few cells; its id is trusted only in the first column."""
        held = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        found = f"row {number} (line {line}) has {held} where the header has {len(self.header)}"
        remedy = "quote cells that hold the delimiter" if len(cells) > len(self.header) else "write a delimiter for each blank cell"
        message = f"{found}; {remedy}"
        record_id = self._id(cells, number) if self.columns.fields.get("id") == 0 and cells else f"row-{number}"
        return Rejected(without_undecoded(record_id), "ragged_row", message, self._shown(cells))

    def _undecoded(self, cells: Sequence[str], *, number: int, line: int) -> Rejected:
        message = f"row {number} (line {line}) holds bytes that do not belong to the file's encoding; save the file as UTF-8"
        return Rejected(without_undecoded(self._id(cells, number)), "invalid_encoding", message, self._shown(cells))

    def _shown(self, cells: Sequence[str]) -> dict[str, Any]:
        return dict(zip(self.header.keys, map(without_undecoded, cells), strict=False))

    def _id(self, cells: Sequence[object], number: int) -> str:
        index = self.columns.fields.get("id")
        found = as_id(cells[index]) if index is not None else ""
        if index is not None and plain(self.header.names[index]) == "reviewlink":
            found = _linked_id(found)
        return found if found.strip() else f"row-{number}"

    def _optional(self, field: str, cells: Sequence[object]) -> str | None:
        index = self.columns.fields.get(field)
        return (as_id(cells[index]).strip() or None) if index is not None else None

    def _created_at(self, cells: Sequence[object]) -> str | None:
        found = self._optional("created_at", cells)
        if found is None or self.columns.zone is None:
            return found
        try:
            naive = datetime.fromisoformat(found)
        except ValueError:
            return found
        zoned = naive if naive.tzinfo else naive.replace(tzinfo=self.columns.zone)
        return zoned.astimezone(UTC).isoformat() if 1 < zoned.year < 9999 else found

    def _score(self, cells: Sequence[object]) -> Mapping[str, Any] | None:
        index = self.columns.fields.get("score")
        value = as_number(cells[index]) if index is not None else None
        if value is None:
            return None
        return {"kind": self.columns.score_kind, "value": value} if self.columns.score_kind else {"value": value}


def _linked_id(link: str) -> str:
    match = _REVIEW_LINK_ID.search(link)
    return unquote(match.group(1)) if match else link
