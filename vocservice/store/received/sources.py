"""A sender's name and secrets in, a source out: its webhook, sealed secrets and delivery counts.

The token of its path is shown once and stored only as SHA-256; after renewal the old one works for a while. There are at most two
secrets, two during a rotation.
Every change is written to the audit log in the caller's transaction.
"""

import hashlib
import hmac
import secrets as randomness
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from vocservice.errors import InputError
from vocservice.ingest.registry import adapter as adapter_of
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import old_tokens, records, sources
from vocservice.store.vault import Vault

LONGEST_NAME = 100
LOOKED = 1000
OVERLAP = timedelta(hours=24)
_TOKEN_BYTES = 32
_BY_TOKEN = select(sources, sources.c.token_hash.label("known")).where(sources.c.token_hash == bindparam("token"))
_BY_OLD = (
    select(sources, old_tokens.c.token_hash.label("known"))
    .join(old_tokens, old_tokens.c.source_id == sources.c.id)
    .where(old_tokens.c.token_hash == bindparam("token"), old_tokens.c.until > bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Health:
    """Health of its deliveries; counts only grow."""

    last_received_at: datetime | None
    received: int
    quarantined: int
    warned: int
    signature_failures: int
    last_failure_at: datetime | None


@dataclass(frozen=True, slots=True)
class Source:
    """One webhook of one sender."""

    id: str
    workspace_id: str
    name: str
    adapter: str
    options: Mapping[str, Any]
    is_enabled: bool
    created_at: datetime
    health: Health
    sealed: bytes = field(repr=False)


def create(
    connection: Connection,
    vault: Vault,
    workspace_id: str,
    *,
    name: str,
    adapter: str,
    secrets: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    actor: str,
) -> tuple[Source, str]:
    """Create a source; return it with its path token, which is shown only once.

    Raises:
        ConfigError: there is no such adapter, or its options or secrets are wrong.
        InputError: the name is unusable (`name_unusable`) or taken (`name_taken`).
    """
    sender = adapter_of(adapter)
    sender.check_secrets(secrets)
    token = randomness.token_urlsafe(_TOKEN_BYTES)
    values = {
        "id": new_id("src"),
        "workspace_id": workspace_id,
        "name": checked_name(name),
        "adapter": adapter,
        "token_hash": hash_token(token),
        "secrets_sealed": _seal(vault, secrets),
        "options": dict(sender.check_options(options or {})),
        "is_enabled": True,
        "created_at": now(connection),
    }
    if not insert_if_new(connection, sources, values):
        raise InputError("there is a source of this name already; choose another", code="name_taken")
    _audit(connection, workspace_id, actor, "source.create", str(values["id"]), name=values["name"], adapter=adapter, secrets=len(secrets))
    return get(connection, workspace_id, str(values["id"])), token


def by_token(connection: Connection, token: str) -> Source | None:
    """The enabled source of a path token; hashes are compared, so that timing reveals nothing."""
    hashed = hash_token(token)
    row = connection.execute(_BY_TOKEN, {"token": hashed}).mappings().first()
    row = row or connection.execute(_BY_OLD, {"token": hashed, "at": now(connection)}).mappings().first()
    if row is None or not hmac.compare_digest(row["known"], hashed) or not row["is_enabled"]:
        return None
    return _source(row)


def renew_url(connection: Connection, source: Source, *, overlap: timedelta = OVERLAP, actor: str) -> str:
    """Create a new path token, shown only once; the old one works for `overlap`. Ids, history and erasures stay."""
    token, at = randomness.token_urlsafe(_TOKEN_BYTES), now(connection)
    connection.execute(delete(old_tokens).where(old_tokens.c.source_id == source.id, old_tokens.c.until <= at))
    held = select(sources.c.token_hash).where(sources.c.id == source.id).with_for_update()
    values = {"token_hash": connection.scalar(held), "source_id": source.id, "until": at + overlap}
    connection.execute(insert(old_tokens).values(**values))
    hours = round(overlap / timedelta(hours=1), 2)
    _changed(connection, source, actor, "source.url_renew", {"token_hash": hash_token(token)}, overlap_hours=hours)
    return token


def end_old_urls(connection: Connection, source: Source, *, actor: str) -> None:
    """Accept only the newest URL."""
    connection.execute(delete(old_tokens).where(old_tokens.c.source_id == source.id))
    _audit(connection, source.workspace_id, actor, "source.url_end", source.id)


def old_url_until(connection: Connection, source: Source) -> datetime | None:
    """Expiry of an old URL; None without one."""
    held = select(func.max(old_tokens.c.until)).where(old_tokens.c.source_id == source.id)
    until: datetime | None = connection.scalar(held.where(old_tokens.c.until > now(connection)))
    return until


def get(connection: Connection, workspace_id: str, source_id: str) -> Source:
    """A source of a workspace by its id.

    Raises:
        InputError: there is none (`source_unknown`).
    """
    return _found(connection, sources.c.workspace_id == workspace_id, sources.c.id == source_id)


def by_name(connection: Connection, workspace_id: str, name: str) -> Source:
    """A source of a workspace by its name.

    Raises:
        InputError: there is none (`source_unknown`).
    """
    return _found(connection, sources.c.workspace_id == workspace_id, sources.c.name == name)


def id_of(connection: Connection, workspace_id: str, named: str) -> str | None:
    """The id of a source by id or name, the id first; None without one."""
    is_it = sources.c.id == named
    chosen = select(sources.c.id).where(sources.c.workspace_id == workspace_id, is_it | (sources.c.name == named))
    found: str | None = connection.scalar(chosen.order_by(is_it.desc()).limit(1))
    return found


def warnings(connection: Connection, source: Source) -> Mapping[str, int]:
    """Number of each warning on the records of a source, among the last `LOOKED` received in the workspace; most frequent first."""
    last = select(records.c.source_id, records.c.warnings).where(records.c.workspace_id == source.workspace_id)
    rows = connection.execute(last.order_by(records.c.received_at.desc(), records.c.id.desc()).limit(LOOKED))
    return dict(Counter(code for row in rows if row.source_id == source.id for code in row.warnings or ()).most_common())


def listed(connection: Connection, workspace_id: str) -> list[Source]:
    """The sources of a workspace by name."""
    rows = connection.execute(select(sources).where(sources.c.workspace_id == workspace_id).order_by(sources.c.name, sources.c.id))
    return [_source(row) for row in rows.mappings()]


def open_secrets(vault: Vault, source: Source) -> tuple[str, ...]:
    """The decrypted secrets, newest first.

    Raises:
        StoreError: the encryption key is missing (`key_missing`).
    """
    return tuple(orjson.loads(vault.sealer.open(source.sealed)))


def set_options(connection: Connection, source: Source, options: Mapping[str, Any], *, actor: str) -> Source:
    """Replace the options.

    Raises:
        ConfigError: they are wrong.
    """
    checked = dict(adapter_of(source.adapter).check_options(options))
    return _changed(connection, source, actor, "source.options", {"options": checked}, keys=sorted(checked))


def add_secret(connection: Connection, vault: Vault, source: Source, secret: str, *, actor: str) -> Source:
    """Accept a second secret beside the current one, until one is removed.

    Raises:
        ConfigError: it is not a secret for this sender, or there are two already.
    """
    held = tuple(known for known in open_secrets(vault, source) if known != secret)
    return _with_secrets(connection, vault, source, (secret, *held), actor=actor, action="source.secret_add")


def remove_secret(connection: Connection, vault: Vault, source: Source, *, keep: int = 1, actor: str) -> Source:
    """Accept only the newest `keep` secrets.

    Raises:
        ConfigError: this sender needs one.
    """
    held = open_secrets(vault, source)[:keep]
    return _with_secrets(connection, vault, source, held, actor=actor, action="source.secret_remove")


def set_enabled(connection: Connection, source: Source, is_enabled: bool, *, actor: str) -> Source:
    """Accept or refuse deliveries."""
    action = "source.enable" if is_enabled else "source.disable"
    return _changed(connection, source, actor, action, {"is_enabled": is_enabled})


def hash_token(token: str) -> str:
    """The stored hash of a path token; it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def checked_name(name: str) -> str:
    """The stripped name.

    Raises:
        InputError: it is blank, longer than 100 characters, or not printable (`name_unusable`).
    """
    trimmed = name.strip()
    if not trimmed or len(trimmed) > LONGEST_NAME or not trimmed.isprintable():
        raise InputError(f"a name has 1 to {LONGEST_NAME} printable characters", code="name_unusable")
    return trimmed


def _with_secrets(connection: Connection, vault: Vault, source: Source, held: Sequence[str], *, actor: str, action: str) -> Source:
    adapter_of(source.adapter).check_secrets(held)
    return _changed(connection, source, actor, action, {"secrets_sealed": _seal(vault, held)}, secrets=len(held))


def _changed(connection: Connection, source: Source, actor: str, action: str, values: Mapping[str, Any], **details: Any) -> Source:
    connection.execute(update(sources).where(sources.c.id == source.id).values(**values))
    _audit(connection, source.workspace_id, actor, action, source.id, **details)
    return get(connection, source.workspace_id, source.id)


def _audit(connection: Connection, workspace_id: str, actor: str, action: str, target: str, **details: Any) -> None:
    audit.write(connection, workspace_id, Act(actor, action, target, details))


def _found(connection: Connection, *where: Any) -> Source:
    row = connection.execute(select(sources).where(*where)).mappings().first()
    if row is None:
        raise InputError("there is no such source", code="source_unknown")
    return _source(row)


def _seal(vault: Vault, held: Sequence[str]) -> bytes:
    return vault.sealer.seal(orjson.dumps(list(held)))


def _source(row: RowMapping) -> Source:
    return Source(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        adapter=row["adapter"],
        options=row["options"],
        is_enabled=row["is_enabled"],
        created_at=row["created_at"],
        health=Health(**{name: row[name] for name in Health.__dataclass_fields__}),
        sealed=row["secrets_sealed"],
    )
