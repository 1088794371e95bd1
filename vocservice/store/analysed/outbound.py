"""The result of a record in, events for endpoints out: queued in the same transaction, logged, replayable.

A payload has ids, labels and probabilities; never text, evidence or a customer's key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from vocservice.errors import InputError
from vocservice.records import Analysis, Json, Rejected, Result
from vocservice.store import audit, jobs
from vocservice.store.analysed.endpoints import ANALYSED, FLAGGED, FOUND, RAISED, REJECTED, Endpoint, wanting
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review.rule_hits import Hit
from vocservice.store.schema import analyses, deliveries, endpoints, records

DELIVER = "deliver"
# Of a matching rule; not its tests, which may quote a customer's word.
_OF_RULE = ("id", "version", "name", "effect", "reason", "queue")
# run for every analysed record
_BEFORE = select(
    records.c.id, records.c.workspace_id, records.c.source_key, records.c.source_record, records.c.revision, records.c.status
).where(records.c.id == bindparam("record"), exists().where(endpoints.c.workspace_id == records.c.workspace_id, endpoints.c.is_enabled))
_KNOWN = select(analyses.c.id).where(analyses.c.record_id == bindparam("record"), analyses.c.revision == bindparam("revision")).limit(1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint, as in the log; `state` is queued, delivered or failed."""

    id: str
    endpoint_id: str
    event: str
    payload: Json
    state: str
    attempts: int
    last_status: int | None
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Before:
    """State of a record before its result: whether it awaited its first analysis, and its identifiers."""

    record_id: str
    workspace_id: str
    source: str
    source_record: str
    revision: int
    is_news: bool


def before(connection: Connection, record_id: str) -> Before | None:
    """The state of a record before its result is stored; None if it is gone or nobody receives events of its workspace."""
    row = connection.execute(_BEFORE, {"record": record_id}).one_or_none()
    if row is None:
        return None
    known = {"record": record_id, "revision": row.revision}
    return Before(*row[:5], is_news=row.status == "pending" and connection.scalar(_KNOWN, known) is None)


def publish(connection: Connection, held: Before, result: Result, *, hits: Sequence[Hit] = ()) -> int:
    """Queue the events of a result for subscribed endpoints; return their number. Repeated analyses of the same text send none.

    `hits` are the matching rules of the workspace.
    """
    if not held.is_news:
        return 0
    at, data, wanted = now(connection), data_of(held, result, hits=hits), wanting(connection, held.workspace_id)
    wishes = [(endpoint, event) for event in events_of(result, hits=hits) for endpoint in wanted if event in endpoint.events]
    return _queue(connection, [_row(endpoint, held.record_id, event, data, at) for endpoint, event in wishes], at)


def raise_alert(connection: Connection, workspace_id: str, told: Mapping[str, Json]) -> int:
    """Queue the events of an alert about records (by id) for subscribed endpoints; return their number."""
    wanted = [one for one in wanting(connection, workspace_id) if RAISED in one.events]
    at = now(connection)
    return _queue(connection, [_row(endpoint, record_id, RAISED, data, at) for record_id, data in told.items() for endpoint in wanted], at)


def tell_found(connection: Connection, workspace_id: str, told: Json) -> int:
    """Queue the findings of a watch, which concern no record, for subscribed endpoints; return their number."""
    wanted = [one for one in wanting(connection, workspace_id) if FOUND in one.events]
    at = now(connection)
    return _queue(connection, [_row(endpoint, None, FOUND, told, at) for endpoint in wanted], at)


def events_of(result: Result, *, hits: Sequence[Hit] = ()) -> Iterable[str]:
    """The events caused by a result, with the matching rules of the workspace."""
    if isinstance(result, Rejected):
        return (REJECTED,)
    if result.conversation is None or not (result.conversation.needs_review or _caller(hits)):
        return (ANALYSED,)
    return (ANALYSED, FLAGGED)


def data_of(held: Before, result: Result, *, hits: Sequence[Hit] = ()) -> Json:
    """Ids, labels and probabilities of a result, and the matching rules."""
    named = {"id": held.record_id, "source": held.source, "source_record": held.source_record, "revision": held.revision}
    if isinstance(result, Rejected):
        return named | {"code": result.code}
    return named | _labels(result, hits)


def _labels(analysis: Analysis, hits: Sequence[Hit]) -> Json:
    whole = analysis.to_dict()
    out: Json = {name: _bare(whole[name]) for name in ("stages", "factors", "flags") if name in whole}
    out |= {"language": analysis.language, "model": analysis.model, "taxonomy": analysis.taxonomy}
    if "sentiment" in whole:
        out["sentiment"] = {"level": analysis.sentiment.level, "score": analysis.sentiment.score} if analysis.sentiment else None
    if "scope" in whole:
        out["scope"] = {"key": analysis.scope.key, "probability": analysis.scope.probability} if analysis.scope else None
    if "labels" in whole:
        out["labels"] = {name: _bare(found) for name, found in whole["labels"].items()}
    if analysis.conversation is not None:
        out |= {"reasons": _bare(whole["reasons"]), "outcome": _bare([whole["outcome"]])[0]}
        out["needs_review"] = _called(whole["needs_review"], hits)
    if rules := [*whole.get("rules", ()), *(hit.to_dict() for hit in hits)]:
        out["rules"] = [{name: rule[name] for name in _OF_RULE if name in rule} for rule in rules]
    return out


def _caller(hits: Sequence[Hit]) -> Hit | None:
    return next((hit for hit in hits if hit.calls), None)


def _called(said: Json, hits: Sequence[Hit]) -> Json:
    """The review verdict; true by an installation rule if the model does not say so."""
    caller = None if said["value"] else _caller(hits)
    return said if caller is None else {**said, "value": True, "because": f"rule:{caller.rule_id}"}


def _bare(labels: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Labels without their evidence, which contains customer text."""
    return [{name: value for name, value in label.items() if name in ("key", "polarity", "probability")} for label in labels]


def log_of(connection: Connection, endpoint: Endpoint, *, limit: int = 50) -> list[Delivery]:
    """The deliveries of an endpoint, newest first."""
    rows = connection.execute(select(*_LOGGED).where(deliveries.c.endpoint_id == endpoint.id).order_by(deliveries.c.id.desc()).limit(limit))
    return [Delivery(*row) for row in rows]


def delivery(connection: Connection, delivery_id: str) -> Delivery | None:
    """A delivery by its id."""
    row = connection.execute(select(*_LOGGED).where(deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else Delivery(*row)


def note(connection: Connection, delivery_id: str, *, state: str, status: int | None) -> bool:
    """Store the outcome of an attempt; `status` is the HTTP status, None without an answer. False: the delivery is gone."""
    values: Json = {"state": state, "last_status": status, "attempts": deliveries.c.attempts + 1}
    values |= {"delivered_at": now(connection)} if state == "delivered" else {}
    return connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**values)).rowcount > 0


def replay(connection: Connection, endpoint: Endpoint, *, delivery_ids: Sequence[str] | None = None, actor: str) -> int:
    """Queue the given deliveries, or all failed ones, again under their ids; return their number.

    Raises:
        InputError: the endpoint is disabled (`endpoint_disabled`).
    """
    if not endpoint.is_enabled:
        raise InputError("the endpoint is disabled; enable it first", code="endpoint_disabled")
    chosen = deliveries.c.id.in_(delivery_ids) if delivery_ids is not None else deliveries.c.state == "failed"
    again = update(deliveries).where(deliveries.c.endpoint_id == endpoint.id, chosen).values(state="queued", attempts=0)
    found = list(connection.scalars(again.returning(deliveries.c.id)))
    for delivery_id in found:
        jobs.enqueue(connection, endpoint.workspace_id, DELIVER, delivery_id)
    audit.write(connection, endpoint.workspace_id, Act(actor, "endpoint.replay", endpoint.id, {"deliveries": len(found)}))
    return len(found)


def _queue(connection: Connection, rows: Sequence[Json], at: datetime) -> int:
    if rows:
        connection.execute(insert(deliveries), rows)
        jobs.enqueue_all(connection, DELIVER, [(row["workspace_id"], row["id"]) for row in rows], at=at)
    return len(rows)


def _row(endpoint: Endpoint, record_id: str | None, event: str, data: Json, at: datetime) -> Json:
    return {
        "id": new_id("msg"),
        "workspace_id": endpoint.workspace_id,
        "endpoint_id": endpoint.id,
        "record_id": record_id,
        "event": event,
        "payload": {"type": event, "timestamp": at.isoformat(), "data": data},
        "state": "queued",
        "attempts": 0,
        "created_at": at,
    }


_LOGGED = (
    deliveries.c.id,
    deliveries.c.endpoint_id,
    deliveries.c.event,
    deliveries.c.payload,
    deliveries.c.state,
    deliveries.c.attempts,
    deliveries.c.last_status,
    deliveries.c.created_at,
    deliveries.c.delivered_at,
)
