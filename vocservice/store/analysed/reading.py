"""A workspace and ids in, its analysed records with their valid labels out: the source of lists, exports and packing.

The last valid decision on a record's text counts: a person's corrections replace the model's labels.
`choosing` decides which records a selection means.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import product
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from vocservice.errors import InputError, RecordError
from vocservice.records import Json
from vocservice.reporting.own import own_fields
from vocservice.reporting.recovery import EXPERIENCE
from vocservice.reporting.rows import Fetched, Origin, row_of
from vocservice.reporting.rows import Row as ReportedRow
from vocservice.reporting.wording import Term
from vocservice.store.analysed.vectors import of_records
from vocservice.store.rows import as_text
from vocservice.store.schema import analyses, annotations, records, sources
from vocservice.store.types import place_of, to_micros

Line = tuple[int, str]  # position of a record in order of receipt: microseconds since 1970, and its id
NO_STAGE = NO_LABEL = "none"
ANY = "any"
YES, NO = "yes", "no"
OWN = "own."  # prefix of custom segment names
PLACED = ("stage", "factor", "polarity")
GROUP = "group:"  # prefix of factor group names
WIDE_SCOPES: Mapping[str, tuple[str, ...]] = {"any_service": ("service_complaint", "both"), "any_experience": EXPERIENCE}
LARGEST_PAGE = 100
_AT_ONCE = 500
_AT = func.coalesce(records.c.created_at, records.c.received_at, type_=records.c.received_at.type)


@dataclass(frozen=True, slots=True)
class Place:
    """A cell of the journey map: a factor at a stage, optionally with a polarity.

    Attributes:
        stage: `NO_STAGE` means no stage was given, `ANY` any stage.
        factor: `ANY` means any, or none without a polarity; a name after `GROUP` any of that group.
    """

    stage: str
    factor: str
    polarity: str | None = None


class Choice(NamedTuple):
    """A filter with several alternatives, or with excluded values."""

    name: str
    values: tuple[str, ...]
    is_not: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records; None means any.

    Attributes:
        since, until: first and last day, by the sender's time or else the time of receipt.
        source: a source's id, or `api`.
        stage, factor, flag: a given label; stage and factor together are a place, like `cell`.
        polarity: of the factor; of any factor if none is given.
        scope, outcome: a given label; `ANY` any, `NO_LABEL` none; a scope of `WIDE_SCOPES` several.
        level_from, level_to: lowest and highest level of sentiment, -2 to 2.
        scale: records with a score on this scale, as named in figures; `ANY` on any scale.
        score_from, score_to: lowest and highest score, in the sender's units.
        model, taxonomy: the version that labelled it.
        owner, metric: the owner or metric of something blamed, as counted in the scope figures.
        fixed: among records with an experience issue, alone or with a complaint: whether everything they blame is mended.
        reason: a given reason for review; of a corrected record the person's.
        needs_review: whether somebody should look at it, of records that were judged; of a corrected one as the person says.
        is_corrected: whether a person's labels replace the model's.
        customer_of: id of a record of the same customer.
        words: each occurs in the customer's redacted text or, if unwanted, does not.
        own: custom segments with their values, in order.
        also: filters with several values or exclusions, by name; segments prefixed with `OWN`.
    """

    since: date | None = None
    until: date | None = None
    channel: str | None = None
    source: str | None = None
    stage: str | None = None
    factor: str | None = None
    polarity: str | None = None
    scope: str | None = None
    flag: str | None = None
    score_kind: str | None = None
    level_from: int | None = None
    level_to: int | None = None
    scale: str | None = None
    score_from: float | None = None
    score_to: float | None = None
    outcome: str | None = None
    model: str | None = None
    taxonomy: str | None = None
    owner: str | None = None
    metric: str | None = None
    fixed: str | None = None
    reason: str | None = None
    needs_review: bool | None = None
    is_corrected: bool | None = None
    customer_of: str | None = None
    cell: Place | None = None
    words: tuple[Term, ...] = ()
    own: tuple[tuple[str, str], ...] = ()
    also: tuple[Choice, ...] = ()

    @property
    def ways(self) -> "tuple[Selection, ...]":
        """Expand into selections with one stage, factor and polarity each, as in a cell; a record matching any of them matches."""
        placed = [choice for choice in self.also if choice.name in PLACED and not choice.is_not]
        if not placed:
            return (self,)
        rest = tuple(choice for choice in self.also if choice not in placed)
        names = [choice.name for choice in placed]
        told: Any = [dict(zip(names, values, strict=True)) for values in product(*(choice.values for choice in placed))]
        return tuple(replace(self, also=rest, **values) for values in told)

    def named(self, name: str) -> tuple[str, ...]:
        """The alternative values of a filter; empty if not set."""
        held = getattr(self, name)
        return (
            (held,)
            if held is not None
            else tuple(value for one in self.also if one.name == name and not one.is_not for value in one.values)
        )

    def told(self, name: str) -> tuple[str, ...]:
        """The values of a filter, including excluded ones."""
        return (*self.named(name), *(value for one in self.also if one.name == name and one.is_not for value in one.values))

    @property
    def places(self) -> tuple[Place, ...]:
        """The cells in which a record must count."""
        own = (Place(self.stage, self.factor),) if self.stage and self.factor else ()
        return own + ((self.cell,) if self.cell else ())


@dataclass(frozen=True, slots=True)
class Taken:
    """A record with its valid labels; the analysis has the record's `id`. `details` are the sender's other fields."""

    id: str
    source_record: str
    source: str | None
    channel: str | None
    at: datetime
    received_at: datetime
    subject: str | None
    score: Json | None
    analysis: Json
    is_corrected: bool
    source_key: str
    details: Json | None
    needs_review: bool | None

    @property
    def own(self) -> Mapping[str, str]:
        """The fields that may be segments; parsed on each access, because most records are never asked."""
        return own_fields(self.details)

    @property
    def origin(self) -> Origin:
        """The context of the record beside its text."""
        return Origin(self.at.isoformat(), self.channel, self.subject, self.score, self.own)


@dataclass(frozen=True, slots=True)
class Page:
    """Records, last received first, and the cursor of the next page; None at the end."""

    taken: tuple[Taken, ...]
    cursor: str | None


def ids(connection: Connection, workspace_id: str, *, since: date | None = None, until: date | None = None) -> list[str]:
    """The analysed records between two days, in order of receipt; days as in `Selection`."""
    where = [records.c.workspace_id == workspace_id, records.c.status == "analysed"]
    if since is not None:
        where.append(datetime.combine(since, time.min, UTC) <= _AT)
    if until is not None:
        where.append(datetime.combine(until, time.max, UTC) >= _AT)
    return list(connection.scalars(select(records.c.id).where(*where).order_by(records.c.received_at, records.c.id)))


def of_ids(connection: Connection, workspace_id: str, ids: Sequence[str]) -> Iterator[Taken]:
    """These records, unordered; unanalysed ones are left out."""
    if not ids:
        return
    fixed = corrections(connection, workspace_id, records.c.id.in_(ids))
    for row in connection.execute(_chosen(connection).where(records.c.id.in_(ids))):
        if row.workspace_id == workspace_id and row.status == "analysed":  # checked here: in SQL it would use the wrong index
            yield _taken(row, fixed.get(row.id))


def in_order(connection: Connection, workspace_id: str, ids: Sequence[str]) -> Iterator[Taken]:
    """These records in this order, in batches; unanalysed ones are left out."""
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        found = {taken.id: taken for taken in of_ids(connection, workspace_id, some)}
        yield from (found[record_id] for record_id in some if record_id in found)


def erased_of(connection: Connection, workspace_id: str, ids: Iterable[str]) -> set[str]:
    """Which of these records were erased."""
    where = records.c.workspace_id == workspace_id, records.c.status == "erased"
    return set(connection.scalars(select(records.c.id).where(*where))) & set(ids)


def page(connection: Connection, workspace_id: str, lines: Sequence[Line], *, limit: int = 25) -> Page:
    """The first `limit` records, at most 100.

    Args:
        connection: to the store.
        workspace_id: whose records they are.
        lines: in display order; the record of a line may be gone.
        limit: how many.
    """
    size = max(1, min(limit, LARGEST_PAGE))
    found: list[Taken] = []
    for first in range(0, len(lines), size + 1):
        found += in_order(connection, workspace_id, [line[1] for line in lines[first : first + size + 1]])
        if len(found) > size:
            last = found[size - 1]
            return Page(tuple(found[:size]), _written((to_micros(last.received_at), last.id)))
    return Page(tuple(found), None)


class StoredRows(Fetched):
    """The rows of a workspace for reports, by position in a list of ids."""

    def __init__(self, connection: Connection, workspace_id: str, ids: Any):
        self._connection, self._workspace_id, self._ids = connection, workspace_id, ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: Any) -> Any:
        return self.many([at])[at]

    def many(self, places: Iterable[int]) -> Mapping[int, ReportedRow]:
        """The rows at some positions; unreadable or missing ones are left out."""
        wanted = {self._ids[at].decode(): at for at in places}
        found: dict[int, ReportedRow] = {}
        for taken in in_order(self._connection, self._workspace_id, list(wanted)):
            with suppress(RecordError):
                found[wanted[taken.id]] = row_of(taken.analysis, taken.origin)
        return found

    def vectors(self, places: Iterable[int]) -> Mapping[int, tuple[str, bytes]]:
        """Bundle and vector of the current analyses that have one; texts are not read."""
        wanted = {self._ids[at].decode(): at for at in places}
        found = of_records(self._connection, self._workspace_id, list(wanted))
        return {wanted[record_id]: held for record_id, held in found.items()}


def corrected(result: Json, labels: Json) -> Json:
    """An analysis with a person's labels: labels shared with the model keep their evidence, others have none."""
    found = {name: [_given(result, name, key) for key in labels.get(name) or ()] for name in ("stages", "flags", "reasons")}
    found["factors"] = [_given(result, "factors", one["key"], polarity=one["polarity"]) for one in labels.get("factors") or ()]
    single = {name: _single(result, name, labels.get(name)) for name in ("scope", "outcome")}
    made = {**result, **found, **single, "sentiment": _sentiment(result, labels.get("sentiment"))}
    return {name: value for name, value in made.items() if name in result or value}


def _chosen(connection: Connection) -> Select[Any]:
    current = and_(analyses.c.record_id == records.c.id, analyses.c.is_current)
    columns = [
        records.c[name]
        for name in (
            "id",
            "workspace_id",
            "status",
            "source_record",
            "source_key",
            "channel",
            "received_at",
            "subject_hash",
            "details",
            "needs_review",
            *_SCORE,
        )
    ]
    joined = records.join(analyses, current).outerjoin(sources, sources.c.id == records.c.source_id)
    found = select(*columns, _AT.label("at"), sources.c.name.label("source_name"), as_text(connection, analyses.c.result).label("result"))
    return found.select_from(joined)


_SCORE = ("score_kind", "score_value", "score_scale")


def corrections(connection: Connection, workspace_id: str, *which: ColumnElement[bool]) -> dict[str, Json]:
    """The corrected labels of each given record whose text was last validly decided by a correction."""
    stands = and_(records.c.id == annotations.c.record_id, records.c.revision == annotations.c.revision)
    chosen = (
        select(annotations.c.record_id, annotations.c.decision, annotations.c.labels)
        .join(records, stands)
        .where(annotations.c.workspace_id == workspace_id, annotations.c.undone_at.is_(None), *which)
        .order_by(annotations.c.created_at, annotations.c.id)
    )
    last = {row.record_id: row for row in connection.execute(chosen)}
    return {record_id: row.labels for record_id, row in last.items() if row.decision == "correct"}


def _taken(row: Row[*tuple[Any, ...]], labels: Json | None) -> Taken:
    result = orjson.loads(row.result)
    analysis = {**(corrected(result, labels) if labels else result), "id": row.id}
    score = {"kind": row.score_kind, "value": row.score_value, "scale": row.score_scale} if row.score_value is not None else None
    plain = (row.id, row.source_record, row.source_name, row.channel, row.at, row.received_at, row.subject_hash)
    needs_review = row.needs_review if labels is None else labels.get("needs_review")
    return Taken(*plain, score, analysis, labels is not None, row.source_key, row.details, needs_review)


def customers_words(analysis: Json) -> str:
    """The redacted text; for a transcript the customer's turns."""
    turns = analysis.get("turns")
    return "\n".join(turn["text"] for turn in turns if turn["speaker"] == "customer") if turns else str(analysis.get("text") or "")


def _written(line: Line) -> str:
    return f"{line[0]}.{line[1]}"


def line_of(cursor: str) -> Line:
    """The position in a cursor; it contains nothing else, and only orders records of the reader's own workspace.

    Raises:
        InputError: it is none (`cursor_invalid`).
    """
    found = place_of(cursor)
    if found is None:
        raise InputError("the cursor is none that was given out here; start without one", code="cursor_invalid")
    return found


def _given(result: Json, name: str, key: str, *, polarity: str | None = None) -> Json:
    held = next((label for label in result.get(name) or () if label["key"] == key), None)
    label: Json = dict(held) if held else {"key": key, "probability": None, "evidence": []}
    return label | ({"polarity": polarity} if polarity else {})


def _single(result: Json, name: str, key: str | None) -> Json | None:
    held = result.get(name)
    if key is None or (held and held["key"] == key):
        return held if key is not None else None
    return {"key": key, "probability": None, "because": "person", "evidence": []}


def _sentiment(result: Json, level: int | None) -> Json | None:
    held = result.get("sentiment")
    if level is None or (held and held["level"] == level):
        return held if level is not None else None
    return {"level": level, "score": level / 2, "probabilities": {}}
