"""Deliveries for the tests of adapters: one secret a sender, signed bodies, and events picked out of what they gave."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from vocservice.ingest import ADAPTERS, Adapter, Delivery, Event, Upsert

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
URL = "https://voc.example.com/hooks/one"
SECRET, OTHER, WRONG = "client-one&secret-number-one", "client-two&secret-number-two", "client-bad&secret-number-bad"
STANDARD = {
    SECRET: "whsec_b25lLW9uZS1vbmUtb25lLW9uZS1vbmUtb25lIQ==",
    OTHER: "whsec_dHdvLXR3by10d28tdHdvLXR3by10d28tdHdvIQ==",
    WRONG: "whsec_YmFkLWJhZC1iYWQtYmFkLWJhZC1iYWQtYmFkIQ==",
}
SIGNED = [adapter for adapter in ADAPTERS.values() if adapter.needs_secret]
ALL = list(ADAPTERS.values())


def name_of(adapter: Adapter) -> str:
    return adapter.name


def secret_of(adapter: Adapter, secret: str = SECRET) -> str:
    return STANDARD[secret] if adapter.name == "standard_webhooks" else secret


def signed(adapter: Adapter, body: bytes | None = None, *, secret: str = SECRET, now: datetime = NOW) -> Delivery:
    """A delivery as the sender would send it at `now`, received then."""
    content_type = adapter.sample().content_type
    raw = adapter.sample().body if body is None else body
    headers = adapter.sign(raw, secret_of(adapter, secret), now=now, delivery_id="msg_1", url=URL)
    return Delivery(raw, {**headers, "content-type": content_type}, URL, now)


def events(name: str, payload: Any, options: Mapping[str, Any] | None = None) -> tuple[Event, ...]:
    """What an adapter makes of a JSON value."""
    return ADAPTERS[name].parse(sent(payload), ADAPTERS[name].check_options(options or {})).events


def upserts(name: str, payload: Any, options: Mapping[str, Any] | None = None) -> list[Upsert]:
    return [event for event in events(name, payload, options) if isinstance(event, Upsert)]


def only(name: str, payload: Any, options: Mapping[str, Any] | None = None) -> Upsert:
    (found,) = upserts(name, payload, options)
    return found


def sent(payload: Any, *, content_type: str = "application/json") -> Delivery:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Delivery(body, {"content-type": content_type}, URL, NOW)


def payload_of(name: str, number: int = 1) -> Any:
    """An adapter's own sample as a value to change."""
    return orjson.loads(ADAPTERS[name].sample(number).body)
