"""An e-mail address, a password and a network address in, the user or None out: the cause of a failure is never revealed.

An attempt counts as failed before the password is checked, and is uncounted if it fits, so that parallel attempts gain nothing.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, select, update

from vocservice.store import audit
from vocservice.store.accounts import sessions, users
from vocservice.store.accounts.sessions import Lifetime
from vocservice.store.accounts.users import Identity, User
from vocservice.store.audit import Act
from vocservice.store.database import Database, now
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import throttles
from vocservice.store.schema import users as user_table
from vocservice.store.vault import Vault

USER_TRIES, ADDRESS_TRIES = 5, 30
LOCK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Login:
    """A logged-in user, and their session's token."""

    user: User
    token: str


@dataclass(frozen=True, slots=True)
class _Try:
    """A user who may try, their password hash, and the bucket of the address; no user if none may."""

    user: User | None
    password_hash: str | None
    bucket: str


def log_in(database: Database, vault: Vault, *, email: str, password: str, address: str, lifetime: Lifetime) -> Login | None:
    """Log in; None for an unknown address, a wrong password, a disabled user, or too many attempts.

    Raises:
        StoreError: the database does not answer.
    """
    with database.write() as connection:
        tried = _admit(connection, email, vault.hash("address", bucket_of(address)))
    fits = users.is_password(password, tried.password_hash)
    if tried.user is None:
        return None
    with database.write() as connection:
        return _let_in(connection, tried.user, tried.bucket, lifetime) if fits else _kept_out(connection, tried.user)


def let_in_known(database: Database, *, workspace_id: str, identity: Identity, sets_role: bool, lifetime: Lifetime) -> Login | None:
    """Log in a user known to a provider; with `sets_role` the provider's role is taken over. None if refused.

    Raises:
        InputError: the last admin would lose the role (`last_admin`), the address is invalid (`email_unusable`), or there is no
            such workspace (`workspace_unknown`).
        StoreError: the database does not answer.
    """
    with database.write() as connection:
        user = users.known_as(connection, workspace_id, identity)
        if user is None or not user.is_active:
            return _kept_out(connection, user) if user else None
        if sets_role and user.role != identity.role:
            user = users.set_role(connection, user, identity.role, actor=users.OIDC)
        connection.execute(update(user_table).where(user_table.c.id == user.id).values(last_login_at=now(connection)))
        audit.write(connection, user.workspace_id, Act(user.actor, "login", user.id, {"by": users.OIDC}))
        return Login(users.get(connection, user.workspace_id, user.id), sessions.begin(connection, user.id, lifetime))


def bucket_of(address: str) -> str:
    """The network that a household or office shares: /24 of IPv4, /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ipaddress.ip_network((mapped, 24 if mapped.version == 4 else 64), strict=False))


def _admit(connection: Connection, email: str, bucket: str) -> _Try:
    is_open = _count_address(connection, bucket)
    row = (
        connection.execute(select(user_table).where(user_table.c.email == email.strip().casefold()[:255]).with_for_update())
        .mappings()
        .first()
    )
    if row is None:
        return _Try(None, None, bucket)
    at = now(connection)
    if not is_open or not row["is_active"] or (row["locked_until"] and row["locked_until"] > at):
        return _Try(None, None, bucket)
    failures = (0 if row["locked_until"] else row["failures"]) + 1
    locked = at + LOCK if failures >= USER_TRIES else None
    connection.execute(update(user_table).where(user_table.c.id == row["id"]).values(failures=failures, locked_until=locked))
    return _Try(users.user_of(row), row["password_hash"], bucket)


def _count_address(connection: Connection, bucket: str) -> bool:
    """Count an attempt from an address; False while it is locked."""
    at = now(connection)
    ended = (throttles.c.since < at - LOCK) & (throttles.c.locked_until.is_(None) | (throttles.c.locked_until < at))
    connection.execute(delete(throttles).where(ended))
    insert_if_new(connection, throttles, {"bucket_hash": bucket, "failures": 0, "since": at})
    held = throttles.c.bucket_hash == bucket
    row = connection.execute(select(throttles).where(held).with_for_update()).one()
    if row.locked_until and row.locked_until > at:
        return False
    locked = at + LOCK if row.failures + 1 >= ADDRESS_TRIES else None
    connection.execute(update(throttles).where(held).values(failures=row.failures + 1, locked_until=locked))
    return True


def _let_in(connection: Connection, user: User, bucket: str, lifetime: Lifetime) -> Login | None:
    values = {"failures": 0, "locked_until": None, "last_login_at": now(connection)}
    let_in = update(user_table).where(user_table.c.id == user.id, user_table.c.is_active).values(**values)
    if not connection.execute(let_in).rowcount:
        return None
    forgiven = update(throttles).where(throttles.c.bucket_hash == bucket, throttles.c.failures > 0)
    connection.execute(forgiven.values(failures=throttles.c.failures - 1, locked_until=None))
    audit.write(connection, user.workspace_id, Act(user.actor, "login", user.id, {}))
    return Login(users.get(connection, user.workspace_id, user.id), sessions.begin(connection, user.id, lifetime))


def _kept_out(connection: Connection, user: User) -> Login | None:
    audit.write(connection, user.workspace_id, Act(user.actor, "login.failed", user.id, {}))
    return None
