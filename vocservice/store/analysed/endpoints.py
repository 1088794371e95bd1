"""A URL and event names in, an endpoint out: its secret is sealed, shown once, and rotated without losing a delivery.

Every change is written to the audit log in the caller's transaction.
"""

import base64
import secrets as randomness
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.schema import endpoints, old_secrets
from vocservice.store.vault import Vault

ANALYSED, FLAGGED, REJECTED, RAISED = "feedback.analysed", "transcript.flagged", "feedback.rejected", "alert.raised"
FOUND = "watch.found"
EVENTS = (ANALYSED, FLAGGED, REJECTED, RAISED, FOUND)
OVERLAP = timedelta(hours=24)
MOST_SECRETS = 5  # each adds a signature to every delivery
_SECRET_BYTES = 32
_OLD_UNTIL = select(func.max(old_secrets.c.until)).where(old_secrets.c.endpoint_id == endpoints.c.id, old_secrets.c.until > bindparam("at"))
_FOUND = select(endpoints, _OLD_UNTIL.scalar_subquery().label("old_secret_until"))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A target of a workspace's events; until `old_secret_until` events are also signed with an earlier secret."""

    id: str
    workspace_id: str
    url: str
    events: tuple[str, ...]
    is_enabled: bool
    created_at: datetime
    old_secret_until: datetime | None
    sealed: bytes = field(repr=False)


def create(
    connection: Connection, vault: Vault, workspace_id: str, *, url: str, events: Sequence[str] = EVENTS, actor: str
) -> tuple[Endpoint, str]:
    """Create an endpoint and its signing secret, shown only once. The caller has checked the URL.

    Raises:
        InputError: an event is unknown (`event_unknown`).
    """
    secret = _new_secret()
    values = {
        "id": new_id("end"),
        "workspace_id": workspace_id,
        "url": url,
        "events": _checked(events),
        "secret_sealed": vault.sealer.seal(secret.encode()),
        "is_enabled": True,
        "created_at": now(connection),
    }
    connection.execute(insert(endpoints).values(**values))
    made = get(connection, str(values["id"]))
    _audit(connection, made, actor, "endpoint.create", events=list(made.events))
    return made, secret


def get(connection: Connection, endpoint_id: str, *, workspace_id: str | None = None) -> Endpoint:
    """An endpoint, in this workspace if given.

    Raises:
        InputError: there is none (`endpoint_unknown`).
    """
    found = _FOUND.where(endpoints.c.id == endpoint_id)
    wanted = found.where(endpoints.c.workspace_id == workspace_id) if workspace_id else found
    row = connection.execute(wanted, {"at": now(connection)}).mappings().first()
    if row is None:
        raise InputError("there is no such endpoint", code="endpoint_unknown")
    return _endpoint(row)


def listed(connection: Connection, workspace_id: str) -> list[Endpoint]:
    """The endpoints of a workspace, oldest first."""
    rows = connection.execute(_FOUND.where(endpoints.c.workspace_id == workspace_id).order_by(endpoints.c.id), {"at": now(connection)})
    return [_endpoint(row) for row in rows.mappings()]


def wanting(connection: Connection, workspace_id: str) -> list[Endpoint]:
    """The enabled endpoints of a workspace, locked until the caller's transaction ends."""
    enabled = _FOUND.where(endpoints.c.workspace_id == workspace_id, endpoints.c.is_enabled).order_by(endpoints.c.id)
    rows = connection.execute(enabled.with_for_update(read=True, key_share=True, of=endpoints), {"at": now(connection)})
    return [_endpoint(row) for row in rows.mappings()]


def set_events(connection: Connection, endpoint: Endpoint, events: Sequence[str], *, actor: str) -> Endpoint:
    """Change the events.

    Raises:
        InputError: an event is unknown (`event_unknown`).
    """
    wanted = _checked(events)
    return _changed(connection, endpoint, actor, "endpoint.events", {"events": wanted}, events=wanted)


def set_enabled(connection: Connection, endpoint: Endpoint, is_enabled: bool, *, actor: str) -> Endpoint:
    """Enable or pause an endpoint: nothing is queued for it while paused."""
    action = "endpoint.enable" if is_enabled else "endpoint.disable"
    return _changed(connection, endpoint, actor, action, {"is_enabled": is_enabled})


def rotate(connection: Connection, vault: Vault, endpoint: Endpoint, *, overlap: timedelta = OVERLAP, actor: str) -> tuple[Endpoint, str]:
    """Create a new signing secret, shown only once; for `overlap` every delivery is also signed with the old one.

    Raises:
        InputError: too many secrets are in use (`secrets_full`).
    """
    at, secret = now(connection), _new_secret()
    held = connection.scalar(select(endpoints.c.secret_sealed).where(endpoints.c.id == endpoint.id).with_for_update())
    connection.execute(delete(old_secrets).where(old_secrets.c.endpoint_id == endpoint.id, old_secrets.c.until <= at))
    olds = select(func.count()).select_from(old_secrets).where(old_secrets.c.endpoint_id == endpoint.id)
    if held is None or (connection.scalar(olds) or 0) + 1 >= MOST_SECRETS:
        raise InputError(f"at most {MOST_SECRETS} secrets sign at a time: end the old ones first", code="secrets_full")
    old = {"id": new_id("sec"), "endpoint_id": endpoint.id, "secret_sealed": held, "until": at + overlap}
    connection.execute(insert(old_secrets).values(**old))
    sealed = vault.sealer.seal(secret.encode())
    hours = round(overlap / timedelta(hours=1), 2)
    return _changed(connection, endpoint, actor, "endpoint.rotate", {"secret_sealed": sealed}, overlap_hours=hours), secret


def end_old_secrets(connection: Connection, endpoint: Endpoint, *, actor: str) -> Endpoint:
    """Sign with the newest secret only."""
    connection.execute(delete(old_secrets).where(old_secrets.c.endpoint_id == endpoint.id))
    _audit(connection, endpoint, actor, "endpoint.secret_end")
    return get(connection, endpoint.id)


def remove(connection: Connection, endpoint: Endpoint, *, actor: str) -> None:
    """Remove an endpoint permanently, with its deliveries; queued ones are not sent."""
    connection.execute(delete(endpoints).where(endpoints.c.id == endpoint.id))
    _audit(connection, endpoint, actor, "endpoint.remove")


def open_secrets(connection: Connection, vault: Vault, endpoint: Endpoint) -> tuple[str, ...]:
    """The decrypted secrets that a delivery is signed with now, newest first.

    Raises:
        StoreError: the encryption key is missing (`key_missing`).
    """
    olds = select(old_secrets.c.secret_sealed).where(old_secrets.c.endpoint_id == endpoint.id, old_secrets.c.until > now(connection))
    sealed = (endpoint.sealed, *connection.scalars(olds.order_by(old_secrets.c.id.desc())))
    return tuple(vault.sealer.open(one).decode() for one in sealed)


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(randomness.token_bytes(_SECRET_BYTES)).decode()


def _checked(events: Sequence[str]) -> list[str]:
    if not events or set(events) - set(EVENTS):
        raise InputError(f"choose events among {', '.join(EVENTS)}", code="event_unknown")
    return sorted(set(events))


def _changed(connection: Connection, endpoint: Endpoint, actor: str, action: str, values: dict[str, Any], **details: Any) -> Endpoint:
    connection.execute(update(endpoints).where(endpoints.c.id == endpoint.id).values(**values))
    _audit(connection, endpoint, actor, action, **details)
    return get(connection, endpoint.id)


def _audit(connection: Connection, endpoint: Endpoint, actor: str, action: str, **details: Any) -> None:
    audit.write(connection, endpoint.workspace_id, Act(actor, action, endpoint.id, details))


def _endpoint(row: RowMapping) -> Endpoint:
    plain = {name: row[name] for name in ("id", "workspace_id", "url", "is_enabled", "created_at", "old_secret_until")}
    return Endpoint(**plain, events=tuple(row["events"]), sealed=row["secret_sealed"])
