"""Tests of `users`, `sessions` and `logins`: who is let in, for how long, and what too many tries lead to."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cheap import OWN_HASHER
from sqlalchemy import select, update
from web.storing import ELSEWHERE, WORKSPACE, opened

from vocservice.errors import InputError
from vocservice.store import audit, schema
from vocservice.store.accounts import logins, sessions, users
from vocservice.store.accounts.logins import Login
from vocservice.store.accounts.sessions import Lifetime
from vocservice.store.accounts.users import User
from vocservice.store.database import Database, now
from vocservice.store.vault import Vault

PASSWORD = "correct horse battery"
EMAIL = "ada@example.org"
HOME = "203.0.113.7"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[Database, Vault]]:
    database, vault = opened(tmp_path)
    yield database, vault
    database.close()


def added(database: Database, email: str = EMAIL, role: str = "admin") -> User:
    with database.write() as connection:
        return users.add(connection, WORKSPACE, email=email, name="Ada", role=role, password=PASSWORD, actor="command line")


def tried(store: tuple[Database, Vault], password: str = PASSWORD, *, email: str = EMAIL, address: str = HOME) -> Login | None:
    return logins.log_in(*store, email=email, password=password, address=address, lifetime=Lifetime())


def test_a_user_is_kept_with_a_hash_of_the_password(store: tuple[Database, Vault]) -> None:
    user = added(store[0])
    with store[0].read() as connection:
        row = connection.execute(select(schema.users)).one()
        assert row.password_hash.startswith("$argon2id$") and PASSWORD not in repr(row)
        assert [found.id for found in users.listed(connection, WORKSPACE)] == [user.id]
        assert users.listed(connection, ELSEWHERE) == []
        with pytest.raises(InputError, match="no such user"):
            users.get(connection, ELSEWHERE, user.id)


def test_a_hash_takes_the_work_that_owasp_asks_for() -> None:
    hasher = OWN_HASHER()
    assert hasher.memory_cost >= 19 * 1024 and hasher.time_cost >= 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"email": "ada"}, "email_unusable"),
        ({"email": "a@b\n"}, None),
        ({"email": "<a>@b"}, "email_unusable"),
        ({"email": "ada @example.org"}, "email_unusable"),
        ({"name": "  "}, "name_unusable"),
        ({"name": "a\u202eb"}, "name_unusable"),
        ({"role": "owner"}, "role_unknown"),
        ({"password": "short"}, "password_unusable"),
        ({"password": "x" * 300}, "password_unusable"),
    ],
    ids=str,
)
def test_what_a_user_may_be(store: tuple[Database, Vault], change: dict[str, str], code: str | None) -> None:
    values = {"email": EMAIL, "name": "Ada", "role": "analyst", "password": PASSWORD, "actor": "command line", **change}
    with store[0].write() as connection:
        if code is None:
            assert users.add(connection, WORKSPACE, **values)
            return
        with pytest.raises(InputError) as raised:
            users.add(connection, WORKSPACE, **values)
        assert raised.value.code == code


def test_an_address_is_taken_once_whatever_its_case(store: tuple[Database, Vault]) -> None:
    added(store[0])
    with pytest.raises(InputError, match="already"):
        added(store[0], "ADA@Example.org")


@pytest.mark.parametrize(
    ("role", "allowed"), [("analyst", {"analyst"}), ("support_lead", {"analyst", "support_lead"}), ("admin", set(users.ROLES))]
)
def test_roles_are_nested(store: tuple[Database, Vault], role: str, allowed: set[str]) -> None:
    user = added(store[0], role=role)
    assert {needed for needed in users.ROLES if user.may(needed)} == allowed


def test_the_last_admin_stays(store: tuple[Database, Vault]) -> None:
    user = added(store[0])
    with store[0].write() as connection:
        with pytest.raises(InputError, match="no other admin"):
            users.set_role(connection, user, "analyst", actor=user.actor)
        with pytest.raises(InputError, match="no other admin"):
            users.set_active(connection, user, False, actor=user.actor)
    added(store[0], "grace@example.org")
    with store[0].write() as connection:
        assert users.set_role(connection, user, "analyst", actor=user.actor).role == "analyst"


def test_a_login_gives_a_token_of_which_a_hash_is_kept(store: tuple[Database, Vault]) -> None:
    user = added(store[0])
    login = tried(store, email=" ADA@example.org ")
    assert login and login.user.id == user.id and login.user.last_login_at
    with store[0].read() as connection:
        found = sessions.find(connection, login.token, Lifetime())
        assert found and found.user_id == user.id
        assert login.token not in repr(connection.execute(select(schema.sessions)).all())
        assert sessions.find(connection, "other", Lifetime()) is None
        assert [row.action for row in connection.execute(select(schema.audit))] == ["user.add", "login"]
        assert audit.first_broken(connection) is None


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "wrong"), (EMAIL, ""), ("nobody@example.org", PASSWORD), ("", ""), (EMAIL, "\ud800")]
)
def test_anything_else_is_kept_out(store: tuple[Database, Vault], email: str, password: str) -> None:
    added(store[0])
    assert tried(store, password, email=email) is None


def test_a_disabled_user_is_kept_out_and_loses_every_session(store: tuple[Database, Vault]) -> None:
    user = added(store[0])
    added(store[0], "grace@example.org")
    login = tried(store)
    with store[0].write() as connection:
        users.set_active(connection, user, False, actor="command line")
        assert login and sessions.find(connection, login.token, Lifetime()) is None
    assert tried(store) is None


def test_too_many_tries_lock_a_user_for_a_while(store: tuple[Database, Vault]) -> None:
    user = added(store[0])
    for number in range(logins.USER_TRIES):
        assert tried(store, "wrong", address=f"198.51.{number}.1") is None
    assert tried(store) is None
    with store[0].write() as connection:
        connection.execute(
            update(schema.users).where(schema.users.c.id == user.id).values(locked_until=now(connection) - timedelta(seconds=1))
        )
    assert tried(store)
    assert tried(store, "wrong") is None
    assert tried(store)


def test_too_many_tries_lock_an_address_and_its_neighbours(store: tuple[Database, Vault], monkeypatch: pytest.MonkeyPatch) -> None:
    added(store[0])
    monkeypatch.setattr(logins, "ADDRESS_TRIES", 3)
    for number in range(3):
        assert tried(store, "wrong", email=f"nobody{number}@example.org", address=f"203.0.113.{number}") is None
    assert tried(store) is None
    assert tried(store, address="198.51.100.1")
    with store[0].read() as connection:
        assert "203.0.113" not in repr(connection.execute(select(schema.throttles)).all())


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("x", "unknown"),
    ],
)
def test_an_address_is_counted_by_its_network(address: str, bucket: str) -> None:
    assert logins.bucket_of(address) == bucket


@pytest.mark.parametrize(("column", "age", "is_live"), [("seen_at", 59, True), ("seen_at", 61, False), ("expires_at", 1, False)])
def test_a_session_ends_when_idle_or_old(store: tuple[Database, Vault], column: str, age: int, is_live: bool) -> None:
    user = added(store[0])
    with store[0].write() as connection:
        token = sessions.begin(connection, user.id, Lifetime())
        connection.execute(update(schema.sessions).values(**{column: now(connection) - timedelta(minutes=age)}))
        found = sessions.find(connection, token, Lifetime())
    assert bool(found) == is_live


@pytest.mark.parametrize("change", ["password", "role"])
def test_a_change_of_password_or_role_ends_every_session(store: tuple[Database, Vault], change: str) -> None:
    user = added(store[0], role="analyst")
    login = tried(store)
    with store[0].write() as connection:
        if change == "password":
            users.set_password(connection, user, "another long password", actor=user.actor)
        else:
            users.set_role(connection, user, "support_lead", actor="command line")
        assert login and sessions.find(connection, login.token, Lifetime()) is None
