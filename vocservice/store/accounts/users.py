"""A name, an e-mail address and a role in, a user out; of the password only an argon2 hash is stored.

Roles are nested: an admin may do all that a support lead may, who may do all that an analyst may. Every change is written to the
audit log, and ends the sessions of the user concerned.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, RowMapping, select, update

from vocservice.errors import InputError
from vocservice.store import audit
from vocservice.store.accounts import sessions, workspaces
from vocservice.store.audit import Act
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received.sources import checked_name
from vocservice.store.rows import insert_if_new
from vocservice.store.schema import users

ANALYST, SUPPORT_LEAD, ADMIN = ROLES = ("analyst", "support_lead", "admin")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
OIDC = "oidc"
_LONGEST_EMAIL = 200
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>\"]+@[^@\s\x00-\x1f<>\"]+")


@dataclass(frozen=True, slots=True)
class User:
    """A user without their password."""

    id: str
    workspace_id: str
    email: str
    name: str
    role: str
    is_active: bool
    preferences: Mapping[str, Any]
    created_at: datetime
    last_login_at: datetime | None

    @property
    def actor(self) -> str:
        """Name in the audit log."""
        return f"user:{self.id}"

    def may(self, role: str) -> bool:
        """Whether they have the rights of this role."""
        return self.is_active and ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as identified by an OpenID provider; the address is None unless the provider verified it."""

    issuer: str
    subject: str
    email: str | None
    name: str
    role: str

    @property
    def key(self) -> str:
        """The value stored in the user's row: the provider's subject is unique and never reused."""
        return hashlib.sha256(f"{self.issuer}\0{self.subject}".encode("utf-8", "replace")).hexdigest()


def add(connection: Connection, workspace_id: str, *, email: str, name: str, role: str, password: str, actor: str) -> User:
    """Create a user.

    Raises:
        InputError: the address, name, role or password is unusable (`email_unusable`, `name_unusable`, `role_unknown`,
            `password_unusable`), or the address is taken (`email_taken`).
    """
    own = {"email": checked_email(email), "name": checked_name(name), "role": _checked_role(role), "password_hash": hashed(password)}
    values = {**_blank(connection, workspace_id), **own}
    if not insert_if_new(connection, users, values):
        raise InputError("somebody has this e-mail address already", code="email_taken")
    user = get(connection, workspace_id, str(values["id"]))
    _audit(connection, user, actor, "user.add", role=role)
    return user


def get(connection: Connection, workspace_id: str, user_id: str) -> User:
    """A user of a workspace.

    Raises:
        InputError: there is none (`user_unknown`).
    """
    return _found(connection, users.c.workspace_id == workspace_id, users.c.id == user_id)


def by_id(connection: Connection, user_id: str) -> User | None:
    """The user of a session, in any workspace; None if deleted."""
    row = connection.execute(select(users).where(users.c.id == user_id)).mappings().first()
    return None if row is None else user_of(row)


def by_email(connection: Connection, email: str) -> User:
    """The user of an address, which is unique in the installation.

    Raises:
        InputError: there is none (`user_unknown`), or it is not an address (`email_unusable`).
    """
    return _found(connection, users.c.email == checked_email(email))


def known_as(connection: Connection, workspace_id: str, identity: Identity) -> User | None:
    """The user of an identity, created or found by verified address the first time; None if impossible.

    An address alone is never trusted: a user of another workspace, or with another identity, does not match.

    Raises:
        InputError: the address is invalid (`email_unusable`), or there is no such workspace (`workspace_unknown`).
    """
    row = connection.execute(select(users).where(users.c.oidc_subject == identity.key)).mappings().first()
    if row is not None:
        return user_of(row) if row["workspace_id"] == workspace_id else None
    if identity.email is None:
        return None
    email, home = checked_email(identity.email), workspaces.get(connection, workspace_id)
    values = {**_blank(connection, home.id), "email": email, "name": _name_of(identity), "role": identity.role}
    is_new = insert_if_new(connection, users, values)
    free = (users.c.email == email) & (users.c.workspace_id == home.id) & users.c.oidc_subject.is_(None)
    if not connection.execute(update(users).where(free).values(oidc_subject=identity.key)).rowcount:
        return None
    user = by_email(connection, email)
    _audit(connection, user, OIDC, "user.add" if is_new else "user.link", role=user.role)
    return user


def listed(connection: Connection, workspace_id: str) -> list[User]:
    """The users of a workspace by name."""
    rows = connection.execute(select(users).where(users.c.workspace_id == workspace_id).order_by(users.c.name, users.c.id))
    return [user_of(row) for row in rows.mappings()]


def set_password(connection: Connection, user: User, password: str, *, actor: str) -> None:
    """Replace the password, unlock, and end every session.

    Raises:
        InputError: it is unusable (`password_unusable`).
    """
    _change(connection, user, password_hash=hashed(password), failures=0, locked_until=None)
    sessions.close_all(connection, user.id)
    _audit(connection, user, actor, "user.password")


def set_role(connection: Connection, user: User, role: str, *, actor: str) -> User:
    """Replace the role and end every session of the user.

    Raises:
        InputError: there is no such role (`role_unknown`), or no other admin is left (`last_admin`).
    """
    if role != ADMIN:
        _check_not_last(connection, user)
    _change(connection, user, role=_checked_role(role))
    sessions.close_all(connection, user.id)
    _audit(connection, user, actor, "user.role", before=user.role, after=role)
    return get(connection, user.workspace_id, user.id)


def set_active(connection: Connection, user: User, is_active: bool, *, actor: str) -> User:
    """Enable or disable a user; their annotations stay.

    Raises:
        InputError: no other admin is left (`last_admin`).
    """
    if not is_active:
        _check_not_last(connection, user)
        sessions.close_all(connection, user.id)
    _change(connection, user, is_active=is_active)
    _audit(connection, user, actor, "user.enable" if is_active else "user.disable")
    return get(connection, user.workspace_id, user.id)


def set_preferences(connection: Connection, user: User, preferences: Mapping[str, Any]) -> None:
    """Replace a user's preferences."""
    _change(connection, user, preferences=dict(preferences))


def hashed(password: str) -> str:
    """The argon2 hash of a password.

    Raises:
        InputError: it is too short or too long (`password_unusable`).
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or "\0" in password:
        raise InputError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters", code="password_unusable")
    return PasswordHasher().hash(password.encode("utf-8", "surrogatepass"))


def is_password(password: str, held: str | None) -> bool:
    """Whether a password matches a hash; without one the same work is done, so that timing does not reveal who is known."""
    try:
        fits = PasswordHasher().verify(held or _nobody(), password[:LONGEST_PASSWORD].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return fits and held is not None and len(password) <= LONGEST_PASSWORD


def checked_email(email: str) -> str:
    """The address in lower case.

    Raises:
        InputError: it is not an address (`email_unusable`).
    """
    address = email.strip().casefold()
    if len(address) > _LONGEST_EMAIL or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise InputError("this is not an e-mail address", code="email_unusable")
    return address


def user_of(row: RowMapping) -> User:
    """The user of a row of the table."""
    return User(**{name: row[name] for name in User.__dataclass_fields__})


@lru_cache(maxsize=1)
def _nobody() -> str:
    return PasswordHasher().hash(new_id("nobody"))


def _check_not_last(connection: Connection, user: User) -> None:
    other = select(users.c.id).where(
        users.c.workspace_id == user.workspace_id, users.c.role == ADMIN, users.c.is_active, users.c.id != user.id
    )
    if user.role == ADMIN and user.is_active and connection.execute(other.with_for_update()).first() is None:
        raise InputError("no other admin would be left; make somebody else one first", code="last_admin")


def _blank(connection: Connection, workspace_id: str) -> dict[str, Any]:
    """A user's row without the identity."""
    at = now(connection)
    return {"id": new_id("usr"), "workspace_id": workspace_id, "is_active": True, "failures": 0, "preferences": {}, "created_at": at}


def _name_of(identity: Identity) -> str:
    """The provider's display name, else the part before the @."""
    try:
        return checked_name(identity.name)
    except InputError:
        return str(identity.email).partition("@")[0][:_LONGEST_EMAIL]


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise InputError(f"a role is one of {', '.join(ROLES)}", code="role_unknown")
    return role


def _change(connection: Connection, user: User, **values: Any) -> None:
    connection.execute(update(users).where(users.c.id == user.id).values(**values))


def _found(connection: Connection, *where: Any) -> User:
    row = connection.execute(select(users).where(*where)).mappings().first()
    if row is None:
        raise InputError("there is no such user", code="user_unknown")
    return user_of(row)


def _audit(connection: Connection, user: User, actor: str, action: str, **details: Any) -> None:
    audit.write(connection, user.workspace_id, Act(actor, action, user.id, details))
