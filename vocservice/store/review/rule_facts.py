"""A stored record with an analysis in, facts for rules out: the same for new and old analyses."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, select

from vocservice.pace import Said, said_in
from vocservice.records import Json, RawTurn
from vocservice.rules.facts import Facts
from vocservice.store.schema import records, sources

COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(records.c.channel, records.c.source_key, sources.c.name.label("source_name"), records.c.score_kind, records.c.score_value),
    *(records.c.score_scale, records.c.details, records.c.created_at, records.c.received_at, records.c.is_transcript),
)


@cache  # run for every analysed record if there are rules
def of_record() -> Select[Any]:
    """The row for `facts`; the record's id is bound as `record`."""
    joined = records.outerjoin(sources, sources.c.id == records.c.source_id)
    return select(*COLUMNS, records.c.clean).select_from(joined).where(records.c.id == bindparam("record"))


def facts(row: RowMapping, clean: Json | None, result: Json, *, now: datetime) -> Facts:
    """The facts of a row with these columns; `clean` is its redacted verbatim, used for the times of turns."""
    score = {"kind": row["score_kind"], "value": row["score_value"], "scale": row["score_scale"]}
    return Facts(
        result,
        now,
        channel=row["channel"],
        sources=tuple(name for name in (row["source_name"], row["source_key"]) if name),
        score=score if row["score_value"] is not None else None,
        metadata=row["details"],
        created_at=row["created_at"],
        received_at=row["received_at"],
        said=said_of(clean),
    )


def said_of(clean: Json | None) -> tuple[Said, ...]:
    """Speakers and times in a redacted verbatim; empty for a text or without one."""
    held = clean or {}
    turns = (RawTurn(turn["speaker"], turn.get("text") or "", turn.get("at")) for turn in held.get("turns") or ())
    return said_in(turns, held.get("warnings") or ())
