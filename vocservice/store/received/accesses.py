"""Access to a sender's API, to fetch what its webhooks leave out: a token, stored encrypted, and an address."""

from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection, delete, insert, select

from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.schema import facts
from vocservice.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Access:
    """The token of a sender's API; `base_url` if the sender has several addresses."""

    token: str = field(repr=False)
    base_url: str | None = None


def put(connection: Connection, vault: Vault, workspace_id: str, source_id: str, access: Access, *, actor: str) -> None:
    """Store the access of a source, replacing any earlier one."""
    _forget(connection, source_id)
    sealed = vault.sealer.seal(orjson.dumps([access.token, access.base_url])).decode()
    connection.execute(insert(facts).values(name=_name(source_id), value=sealed))
    audit.write(connection, workspace_id, Act(actor, "source.access", source_id, {}))


def drop(connection: Connection, workspace_id: str, source_id: str, *, actor: str) -> None:
    """Delete it; idempotent."""
    if _forget(connection, source_id):
        audit.write(connection, workspace_id, Act(actor, "source.access_forget", source_id, {}))


def of(connection: Connection, vault: Vault, source_id: str) -> Access | None:
    """The access of a source; None if there is none.

    Raises:
        StoreError: its encryption key is missing (`key_missing`).
    """
    sealed = connection.scalar(select(facts.c.value).where(facts.c.name == _name(source_id)))
    return None if sealed is None else Access(*orjson.loads(vault.sealer.open(str(sealed).encode())))


def _forget(connection: Connection, source_id: str) -> bool:
    return connection.execute(delete(facts).where(facts.c.name == _name(source_id))).rowcount > 0


def _name(source_id: str) -> str:
    return f"access:{source_id}"
