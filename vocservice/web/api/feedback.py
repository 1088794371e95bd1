"""Records in, receipts and results out: `/v1/feedback`, for API keys.

A record is identified by the client's id; sent again, a new version replaces the old one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request

from vocservice.errors import RecordError
from vocservice.ingest.build import Clock
from vocservice.ingest.events import Upsert
from vocservice.ingest.generic import own_event
from vocservice.records import Json, Rejected
from vocservice.store import audit
from vocservice.store.accounts.keys import Key
from vocservice.store.audit import Act
from vocservice.store.ids import new_id
from vocservice.store.opened import Store
from vocservice.store.received import intake, records, search
from vocservice.store.received.idempotency import Answer, Claim
from vocservice.store.received.records import Applied
from vocservice.store.received.search import Filters, Found
from vocservice.store.review import rule_hits
from vocservice.store.review.rule_hits import Hit
from vocservice.turns import NO_TEXT, NO_TURN
from vocservice.web import logs
from vocservice.web.answers import json_answer
from vocservice.web.api.webhooks import refuse_when_full
from vocservice.web.problems import RequestError
from vocservice.web.requests import access, naming
from vocservice.web.requests.batch import listed_of, record_of
from vocservice.web.requests.body import read_json
from vocservice.web.requests.query import Query
from vocservice.web.requests.repeats import once
from vocservice.web.state import state

blueprint = Blueprint("feedback", __name__)

PAGE = 50
STATUSES = ("pending", "waiting", "analysed", "rejected", "failed", "erased")
_PLAIN = ("source_record", "status", "error_code", "revision", "channel", "score", "needs_review", "warnings")
_SAME = ("source", "source_record", "channel", "stage", "factor", "flag", "scope")  # whatever text is looked for
_LABELS = (*search.LISTS, "scope")
FILTERS = (*_SAME, "status", "polarity", "needs_review", "since", "until")


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a request: the client's id, and its content or why it was rejected."""

    id: str
    said: Upsert | Rejected


@blueprint.post("/v1/feedback")
@access.require("feedback:write")
def write() -> Response:
    """Accept one record or a list, to be analysed later."""
    key = access.key()
    refuse_when_full()
    limits = state().limits
    value = read_json(request, max_bytes=limits.max_body_bytes)
    return once(key, lambda claim: _taken(key, value, claim))


@blueprint.get("/v1/feedback")
@access.require("feedback:read")
def read() -> Response:
    """A page of records with their analyses, in the order of receipt."""
    key = access.key()
    query = Query(request.args, known=(*FILTERS, "limit", "cursor"))
    filters = _filters(query)
    limit = query.number("limit", default=PAGE, most=search.LARGEST_PAGE)
    store = state().stored.open()
    filters = _known(store, key.workspace_id, filters)
    with store.database.read() as connection:
        found = search.page(connection, store.vault, key.workspace_id, filters, limit=limit, cursor=query.text("cursor"))
        hits = rule_hits.current(connection, key.workspace_id, [item.id for item in found.found])
    return json_answer({"items": [shown(item, hits.get(item.id, ())) for item in found.found], "next": found.cursor})


@blueprint.get("/v1/feedback/<record_id>")
@access.require("feedback:read")
def read_one(record_id: str) -> Response:
    """One record with its analysis."""
    key = access.key()
    with state().stored.open().database.read() as connection:
        found = search.one(connection, key.workspace_id, record_id)
        hits = rule_hits.current(connection, key.workspace_id, [record_id])
    if found is None:
        raise unknown_record()
    return json_answer(shown(found, hits.get(record_id, ())))


@blueprint.delete("/v1/feedback/<record_id>")
@access.require("feedback:erase")
def erase(record_id: str) -> Response:
    """Erase one record permanently; repeated requests have the same result."""
    key = access.key()
    store = state().stored.open()
    with store.database.write() as connection:
        if records.erase_by_id(connection, store.vault, key.workspace_id, record_id, reason="api"):
            audit.write(connection, key.workspace_id, Act(access.actor(key), "record_erased", record_id, {}))
        elif search.one(connection, key.workspace_id, record_id) is None:
            raise unknown_record()
    store.database.overwrite_log()
    return Response(status=HTTPStatus.NO_CONTENT)


def shown(found: Found, hits: Sequence[Hit] = ()) -> Json:
    """A record as returned by the API, with matching rules of the workspace, if any."""
    times = {"created_at": found.created_at, "received_at": found.received_at}
    plain = {name: getattr(found, name) for name in _PLAIN}
    source = {"source": found.source_id or records.API, "source_name": found.source}
    rules = {"rules": [hit.to_dict() for hit in hits]} if hits else {}
    stamps = {name: at.isoformat() if at else None for name, at in times.items()}
    return {"record": found.id, **source, **plain, **stamps, "analysis": found.analysis, **rules}


def unknown_record() -> RequestError:
    """Also used for records of other workspaces."""
    return RequestError("there is no such record", code="record_unknown", status=404)


def _taken(key: Key, value: Any, claim: Claim | None) -> Answer:
    listed = listed_of(value, limits=state().limits)
    clock = Clock(datetime.now(UTC))
    items = [_item(item, clock, number=number, claim=claim) for number, item in enumerate([value] if listed is None else listed, 1)]
    results = _stored(state().stored.open(), key, items)
    logs.note(records=len(results), rejected=sum(result["status"] == "rejected" for result in results))
    if listed is None:
        return _single(results[0])
    status = HTTPStatus.MULTI_STATUS if any(result["status"] == "rejected" for result in results) else HTTPStatus.ACCEPTED
    return Answer(status, {"results": results})


def _single(result: Json) -> Answer:
    if result["status"] != "rejected":
        return Answer(HTTPStatus.ACCEPTED, result)
    return Answer(RecordError.status, result["error"])


def _item(value: Any, clock: Clock, *, number: int, claim: Claim | None) -> Item:
    """Assign an id to a record without one; it is the same for repeats under one Idempotency-Key."""
    fresh = claim.own_id(number) if claim else new_id("own")
    found = record_of(value, number=number, limits=state().limits, default_id=fresh)
    if isinstance(found, Rejected):
        return Item(f"item-{number}" if found.id == fresh else str(found.id), found)
    event = own_event(found, value, clock)
    return Item(found.id, event if isinstance(event, Upsert) else Rejected(None, "empty_text", NO_TURN if found.turns else NO_TEXT))


def _stored(store: Store, key: Key, items: Sequence[Item]) -> list[Json]:
    said = [item.said for item in items if isinstance(item.said, Upsert)]
    applied = iter(state().stored.accept(intake.packed_own(store.vault, key.workspace_id, said)).applied if said else ())
    if said:
        state().ringer.ring()
    return [_result(item, next(applied) if isinstance(item.said, Upsert) else None) for item in items]


def _result(item: Item, applied: Applied | None) -> Json:
    if isinstance(item.said, Rejected):
        return {"id": item.id, "status": "rejected", "error": {"code": item.said.code, "message": item.said.message}}
    assert applied is not None  # noqa: S101 - whatever is not rejected was applied
    return {"id": item.id, "status": "accepted", "record": applied.record_id, "outcome": applied.outcome, "warnings": item.said.warnings}


def _known(store: Store, workspace_id: str, filters: Filters) -> Filters:
    """Resolve the source in the filters; misspelt keys are errors, because they would match nothing.

    Raises:
        RequestError: there is no such source, or no such label in the taxonomy or any record of the workspace.
    """
    with store.database.read() as connection:
        for name, key in _unlisted(filters).items():
            if not search.page(connection, store.vault, workspace_id, Filters(**{name: key}), limit=1).found:
                raise naming.no_label(name)
        return replace(filters, source=filters.source and naming.source_id(connection, workspace_id, filters.source))


def _unlisted(filters: Filters) -> dict[str, Any]:
    """The requested labels that the taxonomy lacks; an earlier one may have had them."""
    asked = {name: getattr(filters, name) for name in _LABELS}
    return {name: key for name, key in asked.items() if key is not None and not naming.is_listed(name, key)}


def _filters(query: Query) -> Filters:
    polarity = query.one_of("polarity", ("+", "-", "~"))
    if polarity and not query.text("factor"):
        raise RequestError("polarity needs a factor: name one", code="parameter_invalid")
    texts: Mapping[str, str | None] = {name: query.text(name) for name in _SAME}
    return Filters(
        **texts,
        status=query.one_of("status", STATUSES),
        polarity=polarity,
        needs_review=query.truth("needs_review"),
        since=query.time("since"),
        until=query.time("until"),
    )
