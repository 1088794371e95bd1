"""A sender's delivery in, a receipt out: `/v1/hooks/<token>`, answered once it is stored; no model is involved.

Only the token identifies a source. Nothing is stored unless the delivery is authenticated.
"""

from contextlib import suppress

from flask import Blueprint, Response, request

from vocservice.errors import SignatureError, StoreError, UnusableBodyError, VocError
from vocservice.ingest import Adapter, Delivery, Parsed
from vocservice.ingest.registry import adapter as adapter_of
from vocservice.records import Json
from vocservice.store.opened import Store
from vocservice.store.received import intake, sources
from vocservice.store.received.intake import Arrival, Receipt
from vocservice.store.received.records import Applied
from vocservice.store.received.sources import Source
from vocservice.web import logs
from vocservice.web.answers import json_answer
from vocservice.web.problems import RequestError
from vocservice.web.requests.body import read_bytes, unpacked
from vocservice.web.state import state

blueprint = Blueprint("webhooks", __name__)

ROUTE = "/v1/hooks/<token>"  # a slash after it is allowed: some senders give up for good on a 404


@blueprint.get(ROUTE, strict_slashes=False)
def ping(token: str) -> Response:
    """Some senders probe the URL before they use it; every token gets the same answer."""
    return Response(status=200)


@blueprint.post(ROUTE, strict_slashes=False)
def receive(token: str) -> Response:
    """Store a delivery."""
    refuse_when_full()
    store = state().stored.open()
    source = _source(store, token)
    sender = adapter_of(source.adapter)
    _check_type(sender)
    delivery = _delivery(token)
    _verify(store, source, sender, delivery)
    receipt = _stored(store, source, sender, delivery)
    records = sum(applied.outcome != "skipped" for applied in receipt.applied)
    logs.note(records=records, duplicate=receipt.is_duplicate, quarantined=receipt.status == "quarantined")
    state().ringer.ring()
    return _answer(receipt)


def refuse_when_full() -> None:
    """Ask senders to retry later while the queue is full.

    Raises:
        StoreError: more records wait than `http.max_queued`.
    """
    if state().stored.waiting() >= state().limits.max_queued:
        raise StoreError("too many records wait for their analysis; send again later", code="queue_full")


def url_of(token: str) -> str:
    """The URL as configured at the sender, which some sign; the client's Host header is not trusted if ours is configured."""
    base = state().limits.public_url.rstrip("/") or request.host_url.rstrip("/")
    return f"{base}/v1/hooks/{token}"


def _source(store: Store, token: str) -> Source:
    with store.database.read() as connection:
        source = sources.by_token(connection, token)
    if source is None:
        raise RequestError("this URL belongs to no source", code="token_unknown", status=401, headers=[("WWW-Authenticate", "Webhook")])
    return source


def _check_type(sender: Adapter) -> None:
    kind, charset = request.mimetype, request.mimetype_params.get("charset", "utf-8")
    is_json = "application/json" in sender.content_types and kind.startswith("application/") and kind.endswith("+json")
    if not (is_json or kind in sender.content_types) or charset.lower() not in ("utf-8", "utf8"):
        message = f"the content type must be {' or '.join(sorted(sender.content_types))} in UTF-8"
        raise RequestError(message, code="unsupported_media_type", status=415)


def _delivery(token: str) -> Delivery:
    most = state().limits.max_body_bytes
    body = unpacked(read_bytes(request, max_bytes=most), request.headers.get("Content-Encoding", ""), max_bytes=most)
    slash = "/" if request.path.endswith("/") else ""
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    return Delivery(body, {name.lower(): value for name, value in request.headers.items()}, url_of(token) + slash + query)


def _verify(store: Store, source: Source, sender: Adapter, delivery: Delivery) -> None:
    try:
        sender.verify(delivery, sources.open_secrets(store.vault, source), source.options)
    except SignatureError as error:
        with suppress(StoreError), store.database.write() as connection:
            intake.refuse(connection, source.workspace_id, source.id, code=error.code)
        raise


def _stored(store: Store, source: Source, sender: Adapter, delivery: Delivery) -> Receipt:
    parsed = _parsed(source, sender, delivery)
    given = parsed.delivery_id if isinstance(parsed, Parsed) else None
    arrival = Arrival(source.workspace_id, source.id, given, delivery.body, delivery.content_type)
    if isinstance(parsed, Parsed):
        return state().stored.accept(intake.packed(store.vault, arrival, parsed.events))
    with store.database.write() as connection:
        return intake.quarantine(connection, store.vault, arrival, code=parsed.code, message=parsed.message)


def _parsed(source: Source, sender: Adapter, delivery: Delivery) -> Parsed | VocError:
    """The events, or the error: a retry cannot help, so the body is quarantined for inspection."""
    try:
        return sender.parse(delivery, source.options)
    except UnusableBodyError as error:
        return error
    except Exception as error:
        logs.log_failure(error)
        return intake.parse_failed()


def _answer(receipt: Receipt) -> Response:
    body = {"id": receipt.id, "status": receipt.status, "duplicate": receipt.is_duplicate}
    if receipt.status == "accepted":
        body["records"] = [_told(applied) for applied in receipt.applied]
    return json_answer(body, status=200 if receipt.is_duplicate else 202)


def _told(applied: Applied) -> Json:
    reason = {"reason": applied.reason} if applied.reason else {}
    return {"record": applied.record_id, "outcome": applied.outcome, **reason}
