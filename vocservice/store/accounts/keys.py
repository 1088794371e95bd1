"""A name and scopes in, an API key out: `voc_<prefix>_<secret>`, shown once; only the prefix and a SHA-256 are stored.

The secret has 256 random bits, so a plain hash is enough. Every change is written to the audit log.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.sources import checked_name
from vocservice.store.schema import keys

SCOPES = ("feedback:write", "feedback:read", "feedback:erase", "analyse", "batches", "admin")
SCHEME = "voc"
OVERLAP = timedelta(hours=24)
USE_EVERY = timedelta(minutes=1)
_PREFIX_BYTES = 5
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret; `seen_at` is the time of reading, by the database's clock."""

    id: str
    workspace_id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    seen_at: datetime

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.seen_at < self.expires_at)

    @property
    def is_use_old(self) -> bool:
        """Whether its last use should be updated."""
        return self.last_used_at is None or self.seen_at - self.last_used_at >= USE_EVERY


def create(
    connection: Connection,
    workspace_id: str,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    actor: str,
) -> tuple[Key, str]:
    """Create a key; return it and its full text, which is shown only once.

    Raises:
        InputError: the name is unusable (`name_unusable`), or scopes are missing or unknown (`scope_unknown`).
    """
    made, token = _add(connection, workspace_id, checked_name(name), _checked(scopes), expires_at)
    _audit(connection, made, actor, "key.create", scopes=list(made.scopes))
    return made, token


def rotate(connection: Connection, key: Key, *, overlap: timedelta = OVERLAP, actor: str) -> tuple[Key, str]:
    """Create a key with the same name, scopes and lifetime; the old one works for at most `overlap`.

    Raises:
        InputError: the old one is revoked or has expired (`key_ended`), or was rotated before (`key_rotated`).
    """
    if not key.is_valid:
        raise InputError("this key is revoked or has expired; make a new one", code="key_ended")
    ends = min(filter(None, (key.expires_at, key.seen_at + overlap)))
    old = update(keys).where(keys.c.id == key.id, keys.c.rotated_at.is_(None)).values(rotated_at=key.seen_at, expires_at=ends)
    if not connection.execute(old).rowcount:
        raise InputError("this key was rotated already; rotate its successor", code="key_rotated")
    lifetime = key.expires_at - key.created_at if key.expires_at else None
    expires_at = now(connection) + lifetime if lifetime else None
    made, token = _add(connection, key.workspace_id, key.name, key.scopes, expires_at)
    _audit(connection, key, actor, "key.rotate", successor=made.id)
    return made, token


def revoke(connection: Connection, key: Key, *, actor: str) -> Key:
    """Revoke a key at once; idempotent."""
    if key.revoked_at is None:
        connection.execute(update(keys).where(keys.c.id == key.id).values(revoked_at=now(connection)))
        _audit(connection, key, actor, "key.revoke")
    return get(connection, key.workspace_id, key.id)


def verify(connection: Connection, token: str) -> Key | None:
    """The valid key of this token; None otherwise."""
    prefix, secret = _split(token)
    row = connection.execute(select(keys).where(keys.c.prefix == prefix)).mappings().first()
    is_same = hmac.compare_digest(_hash(secret), row["secret_hash"] if row else "0" * 64)
    if row is None or not is_same:
        return None
    key = _key(row, now(connection))
    return key if key.is_valid else None


def touch(connection: Connection, key: Key) -> None:
    """Record that a key was used; call if `is_use_old`."""
    connection.execute(update(keys).where(keys.c.id == key.id).values(last_used_at=key.seen_at))


def get(connection: Connection, workspace_id: str, key_id: str) -> Key:
    """A key of a workspace by id or prefix.

    Raises:
        InputError: there is none (`key_unknown`).
    """
    chosen = select(keys).where(keys.c.workspace_id == workspace_id, (keys.c.id == key_id) | (keys.c.prefix == key_id))
    row = connection.execute(chosen).mappings().first()
    if row is None:
        raise InputError("there is no such key", code="key_unknown")
    return _key(row, now(connection))


def listed(connection: Connection, workspace_id: str) -> list[Key]:
    """Every key of a workspace, newest first, including revoked ones."""
    rows = connection.execute(select(keys).where(keys.c.workspace_id == workspace_id).order_by(keys.c.created_at.desc(), keys.c.id.desc()))
    seen_at = now(connection)
    return [_key(row, seen_at) for row in rows.mappings()]


def _add(connection: Connection, workspace_id: str, name: str, scopes: tuple[str, ...], expires_at: datetime | None) -> tuple[Key, str]:
    prefix, secret = secrets.token_hex(_PREFIX_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    values = {
        "id": new_id("key"),
        "workspace_id": workspace_id,
        "name": name,
        "prefix": prefix,
        "secret_hash": _hash(secret),
        "scopes": list(scopes),
        "created_at": now(connection),
        "expires_at": expires_at,
    }
    connection.execute(insert(keys).values(**values))
    return get(connection, workspace_id, str(values["id"])), f"{SCHEME}_{prefix}_{secret}"


def _checked(scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes in their own order, each once."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InputError(f"a key has at least one scope of {', '.join(SCOPES)}", code="scope_unknown")
    return tuple(scope for scope in SCOPES if scope in scopes)


def _split(token: str) -> tuple[str, str]:
    """Prefix and secret; blank if the text is not a key."""
    scheme, _, rest = token.partition("_")
    prefix, _, secret = rest.partition("_")
    return (prefix, secret) if scheme == SCHEME and prefix.isascii() and prefix.isalnum() else ("", "")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: RowMapping, seen_at: datetime) -> Key:
    named = {name: row[name] for name in Key.__dataclass_fields__ if name not in ("scopes", "seen_at")}
    return Key(**named, scopes=tuple(row["scopes"]), seen_at=seen_at)


def _audit(connection: Connection, key: Key, actor: str, action: str, **details: Any) -> None:
    audit.write(connection, key.workspace_id, Act(actor, action, key.id, {"prefix": key.prefix, **details}))
