"""A quarantined delivery in, its body out, to be inspected and corrected; every access and change is audited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.schema import inbox, sources
from vocservice.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Body:
    """An unusable delivery."""

    id: str
    source: str
    content_type: str
    code: str
    received_at: datetime
    raw: bytes
    message: str


def look(connection: Connection, vault: Vault, workspace_id: str, inbox_id: str, *, actor: str) -> Body:
    """Decrypt the body.

    Raises:
        InputError: there is no such quarantined delivery (`delivery_unknown`).
        StoreError: its encryption key is missing (`key_missing`).
    """
    told = (inbox.c[name] for name in ("id", "content_type", "error_code", "error_message", "received_at", "body_sealed"))
    held = (
        inbox.c.workspace_id == workspace_id,
        inbox.c.id == inbox_id,
        inbox.c.status == "quarantined",
        sources.c.id == inbox.c.source_id,
    )
    row = connection.execute(select(*told, sources.c.name).where(*held)).one_or_none()
    if row is None or row.body_sealed is None:
        raise InputError("there is no such quarantined delivery", code="delivery_unknown")
    audit.write(connection, workspace_id, Act(actor, "delivery.look", inbox_id, {}))
    raw = vault.sealer.open(row.body_sealed)
    return Body(row.id, row.name, row.content_type or "", row.error_code or "", row.received_at, raw, row.error_message or "")


def correct(connection: Connection, vault: Vault, workspace_id: str, inbox_id: str, raw: bytes, *, actor: str) -> None:
    """Replace the body, to be retried afterwards.

    Raises:
        InputError: there is no such quarantined delivery (`delivery_unknown`).
    """
    held = (inbox.c.workspace_id == workspace_id, inbox.c.id == inbox_id, inbox.c.status == "quarantined")
    if not connection.execute(update(inbox).where(*held).values(body_sealed=vault.sealer.seal(raw))).rowcount:
        raise InputError("there is no such quarantined delivery", code="delivery_unknown")
    audit.write(connection, workspace_id, Act(actor, "delivery.correct", inbox_id, {"bytes": len(raw)}))
