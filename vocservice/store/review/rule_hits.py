"""A newly stored analysis in, the matching rules of its workspace out, stored for the queue, the desk and the API.

A hit belongs to a rule version and an analysis and never changes. It has positions in the text, never text.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, select, update

from vocservice.errors import RuleError
from vocservice.records import Evidence, Json
from vocservice.rules.evaluate import Match, match
from vocservice.rules.facts import Facts
from vocservice.rules.parse import parse
from vocservice.rules.syntax import Node
from vocservice.store.database import now
from vocservice.store.review import rule_facts, rules
from vocservice.store.review.rules import Rule
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import analyses, assignments, records, rule_hits, rule_versions, tags
from vocservice.store.schema import rules as rule_table

log = logging.getLogger("vocservice.store")

REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Analysed:
    """A stored analysis."""

    workspace_id: str
    record_id: str
    revision: int
    bundle: str
    result: Json


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule version that matched an analysis, with the wording of that version."""

    rule_id: str
    version: int
    name: str
    owner: str
    reason: str
    effect: str
    urgency: int
    tag: str | None
    because: str
    evidence: tuple[Evidence, ...]
    at: datetime
    is_enabled: bool

    @property
    def calls(self) -> bool:
        """Whether it puts the record into the queue."""
        return self.effect == REVIEW

    def to_dict(self) -> Json:
        """As in `rules` of an analysis, plus fields of stored rules."""
        evidence = [piece.to_dict() for piece in self.evidence]
        named = {"id": self.rule_id, "name": self.name, "owner": self.owner, "version": self.version, "effect": self.effect}
        said = {"reason": self.reason, "because": self.because, "evidence": evidence, "at": self.at.isoformat()}
        return named | said | ({"queue": self.tag} if self.tag else {})


def keep(connection: Connection, analysed: Analysed) -> list[Hit]:
    """Test every enabled rule, store the hits, and apply their tags and assignees; return the hits of this analysis."""
    if not (live := rules.enabled(connection, analysed.workspace_id)):
        return []
    at = now(connection)
    row = connection.execute(rule_facts.of_record(), {"record": analysed.record_id}).mappings().one()
    known = rule_facts.facts(row, row["clean"], analysed.result, now=at)
    for rule in live:
        if found := _found(rule, known):
            _keep(connection, rule, analysed, found, at)
    hits = of(connection, analysed.record_id, revision=analysed.revision, bundle=analysed.bundle, result=analysed.result)
    if any(hit.calls for hit in hits):
        connection.execute(update(records).where(records.c.id == analysed.record_id).values(needs_review=True))
    return hits


def of(connection: Connection, record_id: str, *, revision: int, bundle: str, result: Json) -> list[Hit]:
    """The hits of one analysis, in order; `result` provides the text at their positions."""
    named = {"record_id": record_id, "revision": revision, "bundle": bundle}
    return [_hit(row, result) for row in connection.execute(_of_analysis(), named)]


def current(connection: Connection, workspace_id: str, record_ids: Iterable[str]) -> dict[str, list[Hit]]:
    """The hits of the current analyses of some records, by record."""
    found: dict[str, list[Hit]] = {}
    same = (analyses.c.record_id == rule_hits.c.record_id, analyses.c.revision == rule_hits.c.revision)
    whole = (
        _selected()
        .add_columns(rule_hits.c.workspace_id, analyses.c.result)
        .join(analyses, and_(*same, analyses.c.bundle == rule_hits.c.bundle))
    )
    chosen = whole.where(rule_hits.c.record_id.in_(list(record_ids)), analyses.c.is_current).order_by(rule_hits.c.number)
    for row in connection.execute(chosen):
        if row.workspace_id == workspace_id:  # checked here: in SQL every hit of the workspace would be walked
            found.setdefault(row.record_id, []).append(_hit(row, row.result))
    return found


@lru_cache(maxsize=1000)
def read(expression: str) -> Node | None:
    """The tree of a stored rule; None if this release cannot read it."""
    try:
        return parse(expression)
    except RuleError:
        return None


def _found(rule: Rule, known: Facts) -> Match | None:
    node = read(rule.expression)
    if node is None:
        log.error("rule %s, version %s, cannot be read by this release; write it anew", rule.id, rule.version)
        return None
    return match(node, known)


def _keep(connection: Connection, rule: Rule, analysed: Analysed, found: Match, at: datetime) -> None:
    values = {
        "workspace_id": analysed.workspace_id,
        "record_id": analysed.record_id,
        "rule_id": rule.id,
        "version": rule.version,
        "revision": analysed.revision,
        "bundle": analysed.bundle,
        "because": found.because,
        "evidence": [[piece.start, piece.end, piece.turn] for piece in found.evidence],
        "at": at,
    }
    if not insert_if_new(connection, rule_hits, values):
        return
    named = {"record_id": analysed.record_id, "workspace_id": analysed.workspace_id}
    if rule.tag:
        insert_if_new(connection, tags, named | {"tag": rule.tag})
    if taker := rules.taker(connection, rule):
        insert_if_new(connection, assignments, named | {"user_id": taker, "at": at})


_OF_HIT = ("record_id", "rule_id", "version", "because", "evidence", "at")
_OF_VERSION = ("name", "owner", "reason", "effect", "urgency", "tag")


def _selected() -> Select[Any]:
    version = and_(rule_versions.c.rule_id == rule_hits.c.rule_id, rule_versions.c.version == rule_hits.c.version)
    columns = [*(rule_hits.c[name] for name in _OF_HIT), *(rule_versions.c[name] for name in _OF_VERSION), rule_table.c.is_enabled]
    return select(*columns).join(rule_versions, version).join(rule_table, rule_table.c.id == rule_hits.c.rule_id)


@cache  # asked for every record that is analysed while rules count
def _of_analysis() -> Select[Any]:
    where = (rule_hits.c[name] == bindparam(name) for name in ("record_id", "revision", "bundle"))
    return _selected().where(*where).order_by(rule_hits.c.number)


def _hit(row: Row[*tuple[Any, ...]], result: Json) -> Hit:
    plain = {name: getattr(row, name) for name in Hit.__dataclass_fields__ if name != "evidence"}
    return Hit(**plain, evidence=tuple(_pieces(row.evidence, result)))


def _pieces(places: Sequence[Sequence[Any]], result: Json) -> Iterable[Evidence]:
    for start, end, turn in places:
        text = result.get("text", "") if turn is None else result["turns"][turn]["text"]
        yield Evidence(start, end, turn, text[start:end])
