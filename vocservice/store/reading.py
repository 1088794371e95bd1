"""A workspace and a selection in, its analysed records out, as a stream: what reports, lists and exports are made of.

The last decision that stands on a record's text counts: where a person corrected it, their labels stand in place of the model's.
Conditions on columns are the database's; those on labels are narrowed there and decided here, on the labels that count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, cast, exists, func, literal, or_, select, tuple_, type_coerce

from vocservice.errors import InputError, RecordError
from vocservice.records import Json
from vocservice.reporting.rows import Origin, row_of
from vocservice.store.database import POSTGRESQL
from vocservice.store.schema import analyses, annotations, records, sources
from vocservice.store.search import LISTS, has_label
from vocservice.store.types import from_micros, to_micros

NO_STAGE = "none"
SEARCHED = 50_000
LARGEST_PAGE = 100
_BATCH = 1000
_DAY = timedelta(days=1)
_AT = func.coalesce(records.c.created_at, records.c.received_at, type_=records.c.received_at.type)


@dataclass(frozen=True, slots=True)
class Place:
    """A cell of the journey map: a factor that stands at a stage; `NO_STAGE` is where no stage was given."""

    stage: str
    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records; None is any.

    Attributes:
        since, until: first and last day, by the sender's time, else that of receipt.
        source: a source's id, or `api`.
        stage, factor, flag: a label that was given; stage and factor together are a place, as is `cell`.
        polarity: of the factor; of any factor where none is named.
        words: each stands somewhere in the customer's redacted words, whatever the case.
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
    cell: Place | None = None
    words: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[Place, ...]:
        """The cells that a record must count in."""
        own = (Place(self.stage, self.factor),) if self.stage and self.factor else ()
        return own + ((self.cell,) if self.cell else ())


@dataclass(frozen=True, slots=True)
class Taken:
    """A record with the labels that count; the `id` of the analysis is the record's."""

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

    @property
    def origin(self) -> Origin:
        """What it brought beside its text."""
        return Origin(self.at.isoformat(), self.channel, self.subject, self.score)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, the last received first, and the cursor of those before them; None at the end.

    `is_cut` says that the search stopped at its limit, with more to look through.
    """

    taken: tuple[Taken, ...]
    cursor: str | None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a workspace holds now: equal while no report of it can have changed.

    `current` has, by bundle, how many analyses count and when the newest was made: a roll-back moves records from one to another.
    """

    count: int
    current: tuple[tuple[str, int, datetime], ...]
    decisions: int
    last_decision: datetime | None


def stamp(connection: Connection, workspace_id: str) -> Stamp:
    """How many analysed records there are, which analyses count, and how many decisions people made or undid."""
    analysed = select(func.count()).where(records.c.workspace_id == workspace_id, records.c.status == "analysed")
    counts = select(analyses.c.bundle, func.count(), func.max(analyses.c.created_at)).group_by(analyses.c.bundle)
    current = counts.where(analyses.c.workspace_id == workspace_id, analyses.c.is_current).order_by(analyses.c.bundle)
    decided = select(func.count() + func.count(annotations.c.undone_at), func.max(annotations.c.created_at))
    decisions, last = connection.execute(decided.where(annotations.c.workspace_id == workspace_id)).one()
    found = tuple((row[0], row[1], row[2]) for row in connection.execute(current))
    return Stamp(connection.execute(analysed).scalar_one(), found, decisions, last)


def pairs(connection: Connection, workspace_id: str, selection: Selection) -> Iterator[tuple[Json, Origin]]:
    """Analyses and their origins, as `read_rows` takes them, in the order of receipt."""
    return ((found.analysis, found.origin) for found in taken(connection, workspace_id, selection))


def taken(connection: Connection, workspace_id: str, selection: Selection) -> Iterator[Taken]:
    """The records of a selection, in the order of receipt."""
    chosen = _chosen(connection, workspace_id, selection).order_by(records.c.received_at, records.c.id)
    return _kept(connection, workspace_id, chosen, selection)


def page(connection: Connection, workspace_id: str, selection: Selection, *, limit: int = 25, cursor: str | None = None) -> Page:
    """Up to `limit` records, 100 at most, out of the next 50,000 of the workspace after the cursor.

    Raises:
        InputError: the cursor is none (`cursor_invalid`).
    """
    after = _read(cursor) if cursor else None
    edge = _edge(connection, workspace_id, after)
    chosen = _between(_chosen(connection, workspace_id, selection), after, edge)
    ordered = chosen.order_by(records.c.received_at.desc(), records.c.id.desc())
    size = max(1, min(limit, LARGEST_PAGE))
    found = tuple(islice(_kept(connection, workspace_id, ordered, selection), size + 1))
    if len(found) > size:
        return Page(found[:size], _written(found[size - 1].received_at, found[size - 1].id))
    return Page(found, _written(*edge) if edge else None, is_cut=edge is not None)


def channels(connection: Connection, workspace_id: str) -> tuple[str, ...]:
    """The channels of a workspace by name."""
    found = select(records.c.channel).where(records.c.workspace_id == workspace_id, records.c.channel.is_not(None)).distinct()
    return tuple(sorted(connection.scalars(found)))


def corrected(result: Json, labels: Json) -> Json:
    """An analysis with the labels that a person holds true: those of the model keep their evidence, others have none."""
    found = {name: [_given(result, name, key) for key in labels.get(name) or ()] for name in ("stages", "flags", "reasons")}
    found["factors"] = [_given(result, "factors", one["key"], polarity=one["polarity"]) for one in labels.get("factors") or ()]
    single = {name: _single(result, name, labels.get(name)) for name in ("scope", "outcome")}
    made = {**result, **found, **single, "sentiment": _sentiment(result, labels.get("sentiment"))}
    return {name: value for name, value in made.items() if name in result or value}


def _chosen(connection: Connection, workspace_id: str, selection: Selection) -> Select[Any]:
    is_postgresql = connection.dialect.name == POSTGRESQL
    current = and_(analyses.c.record_id == records.c.id, analyses.c.is_current)
    columns = [records.c[name] for name in ("id", "source_record", "channel", "received_at", "subject_hash", *_SCORE)]
    text = cast(analyses.c.result, Text) if is_postgresql else type_coerce(analyses.c.result, Text)
    joined = records.join(analyses, current).outerjoin(sources, sources.c.id == records.c.source_id)
    where = [records.c.workspace_id == workspace_id, records.c.status == "analysed"]
    where += [*_columns(selection), *_labels(selection, is_postgresql=is_postgresql)]
    found = select(*columns, _AT.label("at"), sources.c.name.label("source_name"), text.label("result"))
    return found.select_from(joined).where(*where).execution_options(yield_per=_BATCH)


_SCORE = ("score_kind", "score_value", "score_scale")


def _columns(selection: Selection) -> Iterator[ColumnElement[bool]]:
    named = {"source": records.c.source_key, "channel": records.c.channel, "score_kind": records.c.score_kind}
    yield from (column == value for name, column in named.items() if (value := getattr(selection, name)) is not None)
    if selection.since is not None:
        yield literal(_midnight(selection.since), records.c.received_at.type) <= _AT
    if selection.until is not None and selection.until < date.max:
        yield literal(_midnight(selection.until + _DAY), records.c.received_at.type) > _AT


def _labels(selection: Selection, *, is_postgresql: bool) -> Iterator[ColumnElement[bool]]:
    """What the model gave, or whatever a person corrected."""
    touched = exists().where(annotations.c.record_id == records.c.id, annotations.c.decision == "correct")
    asked = [(name, getattr(selection, name)) for name in LISTS]
    asked += [(name, getattr(selection.cell, name)) for name in ("stage", "factor") if selection.cell]
    for name, key in asked:
        if key is not None and (name, key) != ("stage", NO_STAGE):
            polarity = selection.polarity if name == "factor" and key == selection.factor else None
            yield or_(has_label(LISTS[name], key, polarity, is_postgresql=is_postgresql), touched)


def _kept(connection: Connection, workspace_id: str, chosen: Select[Any], selection: Selection) -> Iterator[Taken]:
    fixed = _corrections(connection, workspace_id)
    for row in connection.execute(chosen):
        found = _taken(row, fixed.get(row.id))
        if _fits(found, selection):
            yield found


def _corrections(connection: Connection, workspace_id: str) -> dict[str, Json]:
    """The labels of each record on whose text the last standing decision is a correction."""
    stands = and_(records.c.id == annotations.c.record_id, records.c.revision == annotations.c.revision)
    chosen = (
        select(annotations.c.record_id, annotations.c.decision, annotations.c.labels)
        .join(records, stands)
        .where(annotations.c.workspace_id == workspace_id, annotations.c.undone_at.is_(None))
        .order_by(annotations.c.created_at, annotations.c.id)
    )
    last = {row.record_id: row for row in connection.execute(chosen)}
    return {record_id: row.labels for record_id, row in last.items() if row.decision == "correct"}


def _taken(row: Row[*tuple[Any, ...]], labels: Json | None) -> Taken:
    result = orjson.loads(row.result)
    analysis = {**(corrected(result, labels) if labels else result), "id": row.id}
    score = {"kind": row.score_kind, "value": row.score_value, "scale": row.score_scale} if row.score_value is not None else None
    plain = (row.id, row.source_record, row.source_name, row.channel, row.at, row.received_at, row.subject_hash)
    return Taken(*plain, score, analysis, labels is not None)


def _fits(found: Taken, selection: Selection) -> bool:
    given = found.analysis
    if selection.scope is not None and (given.get("scope") or {}).get("key") != selection.scope:
        return False
    if not all(_has(given, held, getattr(selection, name)) for name, held in LISTS.items()):
        return False
    if selection.polarity is not None and not _is_polar(given, selection.factor, selection.polarity):
        return False
    return _says(given, selection.words) and all(_stands(found, place) for place in selection.places)


def _has(given: Json, held: str, key: str | None) -> bool:
    keys = [label["key"] for label in given.get(held) or ()]
    return key is None or key in keys or (held == "stages" and key == NO_STAGE and not keys)


def _is_polar(given: Json, factor: str | None, polarity: str) -> bool:
    return any(one["polarity"] == polarity and factor in (None, one["key"]) for one in given.get("factors") or ())


def _says(given: Json, words: Sequence[str]) -> bool:
    said = given.get("text", "").casefold() if words else ""
    return all(word.casefold() in said for word in words)


def _stands(found: Taken, place: Place) -> bool:
    """Whether the record counts in a cell; what no report can read counts in none."""
    from vocservice.reporting.rows import stages_of  # brings numpy, which no process that only takes feedback needs

    try:
        row = row_of(found.analysis, found.origin)
    except RecordError:
        return False
    stages = (stages_of(row, factor) or (NO_STAGE,) for factor in row.factors if factor.key == place.factor)
    return any(place.stage in found for found in stages)


def _edge(connection: Connection, workspace_id: str, after: tuple[datetime, str] | None) -> tuple[datetime, str] | None:
    """The last record that is looked through; None where all of them are."""
    mine = select(records.c.received_at, records.c.id).where(records.c.workspace_id == workspace_id)
    ordered = _between(mine, after, None).order_by(records.c.received_at.desc(), records.c.id.desc())
    row = connection.execute(ordered.offset(SEARCHED).limit(1)).one_or_none()
    return None if row is None else (row.received_at, row.id)


def _between(chosen: Select[Any], after: tuple[datetime, str] | None, edge: tuple[datetime, str] | None) -> Select[Any]:
    place = tuple_(records.c.received_at, records.c.id)
    if after:
        chosen = chosen.where(place < _place(after))
    return chosen.where(place >= _place(edge)) if edge else chosen


def _place(at: tuple[datetime, str]) -> Any:
    return tuple_(literal(at[0], records.c.received_at.type), literal(at[1]))


def _written(at: datetime, record_id: str) -> str:
    return f"{to_micros(at)}.{record_id}"


def _read(cursor: str) -> tuple[datetime, str]:
    """The place of a cursor; it holds nothing else, and only ever orders records of the reader's own workspace."""
    micros, _, record_id = cursor.partition(".")
    is_number = micros.isascii() and micros.isdigit() and len(micros) < 18
    if not (is_number and record_id.isascii() and record_id.isprintable()):
        raise InputError("the cursor is none that was given out here; start without one", code="cursor_invalid")
    return from_micros(int(micros)), record_id


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


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
