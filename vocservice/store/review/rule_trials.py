"""A rule in, its effect on the desk out: tested on the newest stored analyses as if they were new.

Nothing is written. The result also has what the model brought to the desk, and people's decisions on both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import orjson
from sqlalchemy import Connection, RowMapping, Select, and_, select

from vocservice.records import Json
from vocservice.rules.evaluate import Match, match
from vocservice.rules.facts import Facts, words_of
from vocservice.rules.syntax import Node
from vocservice.store.review import rule_facts, urgency
from vocservice.store.rows import as_text
from vocservice.store.schema import analyses, annotations, records, sources

DEFAULT, MOST = 2000, 50_000
EXAMPLES = 10
_SNIPPET = 300
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Past:
    """A record as analysed; `verdict` is whether a person found it worth reading, None without a decision."""

    record_id: str
    at: datetime
    facts: Facts
    by_model: bool
    verdict: bool | None


@dataclass(frozen=True, slots=True)
class Week:
    """The records received in a week, by its Monday, and the matches."""

    monday: date
    records: int
    hits: int


@dataclass(frozen=True, slots=True)
class Example:
    """A matching record, the reason, and the beginning of its redacted text."""

    record_id: str
    at: datetime
    because: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Of the records brought to the desk: how many were decided, and confirmed as worth reading."""

    confirmed: int
    dismissed: int

    @property
    def decided(self) -> int:
        return self.confirmed + self.dismissed

    @property
    def precision(self) -> float | None:
        """The share confirmed; None without decisions."""
        return self.confirmed / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval (Wilson)."""
        from vocservice.reporting.stats import wilson  # imports numpy, which a process that only receives feedback does not need

        if not self.decided:
            return None
        low, high = wilson(self.confirmed, self.decided)
        return float(low), float(high)

    def to_dict(self) -> Json:
        interval = [round(end, 4) for end in self.interval] if self.interval else None
        precision = None if self.precision is None else round(self.precision, 4)
        counts = {"decided": self.decided, "confirmed": self.confirmed, "dismissed": self.dismissed}
        return counts | {"precision": precision, "interval": interval}


@dataclass(frozen=True, slots=True)
class Trial:
    """The effect of a rule on `records` of the past.

    `both`, `rule_only` and `model_only` count records brought to the desk by rule and model, by the rule alone, by the model alone;
    `is_cut` means that older ones were not tested.
    """

    records: int
    hits: int
    both: int
    model_only: int
    rule: Judged
    model: Judged
    weeks: tuple[Week, ...]
    examples: tuple[Example, ...]
    is_cut: bool

    @property
    def rule_only(self) -> int:
        return self.hits - self.both

    @property
    def before(self) -> int:
        """Number brought to the desk by the model, ignoring other rules."""
        return self.both + self.model_only

    @property
    def after(self) -> int:
        """Number that model and rule would have brought."""
        return self.before + self.rule_only

    def to_dict(self) -> Json:
        overlap = {"both": self.both, "rule_only": self.rule_only, "model_only": self.model_only}
        weeks = [{"week": week.monday.isoformat(), "records": week.records, "hits": week.hits} for week in self.weeks]
        shown = [{"record": one.record_id, "at": one.at.isoformat(), "because": one.because, "text": one.text} for one in self.examples]
        counts = {"records": self.records, "hits": self.hits, "cut": self.is_cut, "overlap": overlap}
        queue = {"before": self.before, "after": self.after}
        return counts | {"queue": queue, "rule": self.rule.to_dict(), "model": self.model.to_dict(), "weeks": weeks, "examples": shown}


@dataclass(slots=True)
class _Tally:
    records: int = 0
    by: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    judged: Counter[tuple[str, bool]] = field(default_factory=Counter)
    weeks: Counter[tuple[date, bool]] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def add(self, one: Past, found: Match | None) -> None:
        self.records += 1
        self.by[found is not None, one.by_model] += 1
        self.weeks[_monday(one.at), found is not None] += 1
        for who, brought in (("rule", found is not None), ("model", one.by_model)):
            if brought and one.verdict is not None:
                self.judged[who, one.verdict] += 1
        if found and len(self.examples) < EXAMPLES:
            self.examples.append(Example(one.record_id, one.at, found.because, _snippet(one.facts, found)))

    def done(self, *, is_cut: bool) -> Trial:
        rule, model = (Judged(self.judged[who, True], self.judged[who, False]) for who in ("rule", "model"))
        mondays = sorted({monday for monday, _ in self.weeks})
        weeks = (Week(one, self.weeks[one, True] + self.weeks[one, False], self.weeks[one, True]) for one in mondays)
        hits, both = self.by[True, True] + self.by[True, False], self.by[True, True]
        return Trial(self.records, hits, both, self.by[False, True], rule, model, tuple(weeks), tuple(self.examples), is_cut)


def run(connection: Connection, workspace_id: str, rule: Node, *, since: datetime | None = None, limit: int = DEFAULT) -> Trial:
    """Test a rule on the newest records of a workspace, `limit` at most (50,000 at most), received since a time."""
    size = max(1, min(limit, MOST))
    return tried(rule, past(connection, workspace_id, since=since, limit=size + 1), limit=size)


def tried(rule: Node, records_of_past: Iterable[Past], *, limit: int) -> Trial:
    """Test a rule on records, newest first; uses constant memory for a stream."""
    tally = _Tally()
    for one in records_of_past:
        if tally.records == limit:
            return tally.done(is_cut=True)
        tally.add(one, match(rule, one.facts))
    return tally.done(is_cut=False)


def past(connection: Connection, workspace_id: str, *, since: datetime | None, limit: int) -> Iterator[Past]:
    """The newest analysed records, last received first."""
    current = and_(analyses.c.record_id == records.c.id, analyses.c.is_current)
    joined = records.join(analyses, current).outerjoin(sources, sources.c.id == records.c.source_id)
    chosen = select(records.c.id).select_from(joined).where(records.c.workspace_id == workspace_id)
    if since is not None:
        chosen = chosen.where(records.c.received_at >= since)
    newest = chosen.order_by(records.c.received_at.desc(), records.c.id.desc()).limit(limit)
    verdicts = _verdicts(connection, newest)
    result, clean = (as_text(connection, column) for column in (analyses.c.result, records.c.clean))
    columns = (analyses.c.created_at.label("analysed_at"), result.label("result"), clean.label("clean"))
    whole = newest.add_columns(*columns, *rule_facts.COLUMNS).execution_options(yield_per=_BATCH)
    for row in connection.execute(whole).mappings():
        yield _past(row, verdicts.get(row["id"]))


def _past(row: RowMapping, verdict: bool | None) -> Past:
    result = orjson.loads(row["result"])
    clean = orjson.loads(row["clean"]) if row["is_transcript"] and row["clean"] else None
    known = rule_facts.facts(row, clean, result, now=row["analysed_at"])
    by_model = urgency.enters(urgency.given(result), urgency.rules())
    return Past(row["id"], row["received_at"], known, by_model, verdict)


def _verdicts(connection: Connection, of: Select[tuple[str]]) -> dict[str, bool]:
    """By record: whether the last valid decision found it worth reading."""
    stands = and_(records.c.id == annotations.c.record_id, records.c.revision == annotations.c.revision)
    chosen = select(annotations.c.record_id, annotations.c.decision, annotations.c.labels).join(records, stands)
    mine = chosen.where(annotations.c.record_id.in_(of.correlate(None)), annotations.c.undone_at.is_(None))
    ordered = mine.order_by(annotations.c.created_at, annotations.c.id).execution_options(yield_per=_BATCH)
    return {row.record_id: _is_worth(row.decision, row.labels) for row in connection.execute(ordered)}


def _is_worth(decision: str, labels: Json) -> bool:
    return decision != "dismiss" and labels.get("needs_review") is not False


def _monday(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())


def _snippet(known: Facts, found: Match) -> str:
    """The evidence pieces, else the beginning of the customer's text."""
    text = " … ".join(piece.text for piece in found.evidence) or next((text for _, text in words_of(known)), "")
    return text if len(text) <= _SNIPPET else text[:_SNIPPET] + "…"
