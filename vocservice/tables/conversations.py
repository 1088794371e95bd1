"""Rows of one turn each in, one record per conversation out: adjacent rows with the same id, one conversation in memory at a time.

The caller's columns stay, except those of turns: each cell is that of the first row, and the text is the customer's.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import Any

from vocservice.moments import tells_no_day
from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.tables.cells import as_id, as_text
from vocservice.tables.columns import TURN_FIELDS
from vocservice.tables.lines import MAX_LINE
from vocservice.tables.prefixes import parted
from vocservice.tables.source import Facts, Record, Source
from vocservice.turns import author_of, has_no_customer, role_among, turn_of, warnings_of

MAX_CHARACTERS = MAX_LINE
MAX_ROWS = 100_000
REMEMBERED = 100_000


def is_of_turns(facts: Facts) -> bool:
    """Whether a table has one turn a row."""
    return "speaker" in facts.fields


def as_conversations(source: Source, customers: Container[str] = ()) -> Source:
    """The same input with joined rows; `customers` are speakers who are customers, as from `turns.called`."""
    facts = source.facts
    return source.mapped(_described(facts), lambda records: _conversations(records, facts, customers))


def _described(facts: Facts) -> Facts:
    """Facts of the remaining columns: those of single turns are dropped."""
    gone = {facts.fields[field] for field in TURN_FIELDS if field in facts.fields} - {facts.fields["id"], facts.fields["text"]}
    kept = [index for index, key in enumerate(facts.columns) if key not in gone]
    return replace(
        facts,
        columns=tuple(facts.columns[index] for index in kept),
        headers=tuple(facts.headers[index] for index in kept),
        transcripts=True,
        schema=facts.schema and _schema(facts.schema, kept, facts.columns.index(facts.fields["text"])),
    )


def _schema(schema: Any, kept: list[int], text: int) -> Any:
    """The types of the remaining columns; the joined text is a text."""
    import pyarrow as pa  # only for Parquet input

    return pa.schema([pa.field(schema.field(index).name, pa.string()) if index == text else schema.field(index) for index in kept])


def _conversations(records: Iterable[Record], facts: Facts, customers: Container[str]) -> Iterator[Record]:
    """An unreadable row is rejected at once, before the conversation it is in."""
    begun: _Conversation | None = None
    seen: dict[int, None] = {}
    for row in (_with_id(record, facts) for record in records):
        if isinstance(row, Rejected):
            yield row
        elif begun is not None and begun.first.id == row.id:
            begun.add(row)
        else:
            if begun is not None:
                yield begun.record()
            begun = _Conversation(row, facts, customers, is_again=_is_known(row.id, seen))
    if begun is not None:
        yield begun.record()


def _with_id(record: Record, facts: Facts) -> Record:
    if isinstance(record, Rejected) or as_id((record.row or {}).get(facts.fields["id"])).strip():
        return record
    return Rejected(record.id, "invalid_turns", f"{record.id} names no conversation; fill its column in every row", record.row)


def _is_known(conversation: str, seen: dict[int, None]) -> bool:
    """Whether a conversation occurred among recent ones, remembered by hash."""
    mark = hash(conversation)
    is_known = seen.pop(mark, 0) is None
    seen[mark] = None
    if len(seen) > REMEMBERED:
        del seen[next(iter(seen))]
    return is_known


class _Conversation:
    """The rows of one conversation so far; of an overlong one only its length."""

    def __init__(self, first: RawVerbatim, facts: Facts, customers: Container[str], *, is_again: bool):
        self.first, self._facts, self._customers, self._is_again = first, facts, customers, is_again
        self._turns: list[RawTurn] = []
        self._rows = self._characters = 0
        self.add(first)

    def add(self, row: RawVerbatim) -> None:
        self._rows += 1
        self._characters += len(row.text or "")
        if not self._is_again and not self._is_too_long:
            self._turns.append(self._turn(row))

    def record(self) -> Record:
        """The conversation, or its rejection."""
        if self._is_again:
            return self._rejected("invalid_turns", "came before, so its rows stand apart: sort the table by conversation, then by time")
        if self._is_too_long:
            return self._rejected("text_too_long", f"has {self._rows} turns and {self._characters} characters: split it")
        turns = tuple(parted(self._turns))
        if has_no_customer(turns):
            message = "has no turn that is said by a customer; give their turns the speaker customer"
            return replace(self._rejected("empty_text", message), field="speaker")
        said = "\n".join(turn.text for turn in turns if turn.speaker == "customer")
        begun = next((turn.at for turn in turns if turn.at and not tells_no_day(turn.at)), None)
        return replace(
            self.first,
            text=None,
            turns=turns,
            created_at=self.first.created_at or begun,
            author=None,
            warnings=warnings_of(turns),
            row=self._row(said),
        )

    @property
    def _is_too_long(self) -> bool:
        return self._rows > MAX_ROWS or self._characters > MAX_CHARACTERS

    def _turn(self, row: RawVerbatim) -> RawTurn:
        name = self._cell(row, "speaker").strip()
        author = self._cell(row, "author").strip() or author_of(name)
        return turn_of(role_among(name, self._customers), row.text or "", self._cell(row, "at").strip() or None, author)

    def _cell(self, row: RawVerbatim, field: str) -> str:
        key = self._facts.fields.get(field)
        return as_text((row.row or {}).get(key)) if key is not None else ""

    def _row(self, text: str) -> dict[str, Any]:
        return {**(self.first.row or {}), self._facts.fields["text"]: text}

    def _rejected(self, code: str, message: str) -> Rejected:
        return Rejected(self.first.id, code, f"the conversation {message}", self._row(""))
