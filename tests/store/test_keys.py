"""Tests of `keys`: what a key is shown as and kept as, what it may, and when it ends."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from web.storing import ELSEWHERE, WORKSPACE, opened

from vocservice.errors import InputError
from vocservice.store import schema
from vocservice.store.accounts import keys
from vocservice.store.accounts.keys import Key
from vocservice.store.database import now


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    database, _ = opened(tmp_path)
    with database.write() as opened_connection:
        yield opened_connection
    database.close()


def made(connection: Connection, *scopes: str, lifetime: timedelta | None = None) -> tuple[Key, str]:
    ends = now(connection) + lifetime if lifetime is not None else None
    return keys.create(connection, WORKSPACE, name="loader", scopes=scopes or ("analyse",), expires_at=ends, actor="command line")


def test_a_key_is_verified_and_only_its_hash_is_kept(connection: Connection) -> None:
    key, token = made(connection, "feedback:read", "feedback:write")
    scheme, prefix, secret = token.split("_", 2)
    assert (scheme, prefix, key.scopes) == ("voc", key.prefix, ("feedback:write", "feedback:read"))
    assert len(secret) >= 43
    found = keys.verify(connection, token)
    assert found and found.id == key.id and found.workspace_id == WORKSPACE
    kept = repr(connection.execute(select(schema.keys)).mappings().one()) + repr(connection.execute(select(schema.audit)).all())
    assert secret not in kept + repr(key)


@pytest.mark.parametrize(
    "other", ["", "voc", "voc__", "voc_x", "Voc_{prefix}_{secret}", "voc_{prefix}_{secret}x", "voc_{prefix}_", "voc_\0_\ud800"]
)
def test_any_other_token_is_none(connection: Connection, other: str) -> None:
    _, token = made(connection)
    _, prefix, secret = token.split("_", 2)
    assert keys.verify(connection, other.format(prefix=prefix, secret=secret)) is None


@pytest.mark.parametrize("scopes", [(), ("everything",), ("analyse", "everything")], ids=str)
def test_a_key_has_scopes_that_exist(connection: Connection, scopes: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="at least one scope"):
        keys.create(connection, WORKSPACE, name="loader", scopes=scopes, actor="command line")


def test_a_key_ends_when_it_expires_or_is_revoked(connection: Connection) -> None:
    _, expired = made(connection, lifetime=timedelta(seconds=-1))
    assert keys.verify(connection, expired) is None
    key, token = made(connection, lifetime=timedelta(days=1))
    assert keys.verify(connection, token)
    assert not keys.revoke(connection, key, actor="user:1").is_valid
    assert keys.verify(connection, token) is None


def test_a_rotated_key_goes_on_for_the_overlap(connection: Connection) -> None:
    key, old = made(connection, lifetime=timedelta(days=30))
    successor, new = keys.rotate(connection, key, overlap=timedelta(hours=1), actor="user:1")
    assert keys.verify(connection, old) and keys.verify(connection, new)
    assert successor.scopes == key.scopes and successor.expires_at and key.expires_at
    assert successor.expires_at >= key.expires_at
    left = keys.get(connection, WORKSPACE, key.id).expires_at
    assert left and timedelta() < left - key.seen_at <= timedelta(hours=1)
    _, instead = keys.rotate(connection, successor, overlap=timedelta(), actor="user:1")
    assert keys.verify(connection, new) is None and keys.verify(connection, instead)
    with pytest.raises(InputError, match="rotated already") as refused:
        keys.rotate(connection, keys.get(connection, WORKSPACE, key.id), actor="user:1")
    assert refused.value.code == "key_rotated"
    assert [bool(listed.rotated_at) for listed in keys.listed(connection, WORKSPACE)] == [False, True, True]


def test_a_revoked_key_is_not_rotated(connection: Connection) -> None:
    key, _ = made(connection)
    with pytest.raises(InputError, match="revoked") as refused:
        keys.rotate(connection, keys.revoke(connection, key, actor="user:1"), actor="user:1")
    assert refused.value.code == "key_ended"


def test_a_use_is_written_once_a_minute(connection: Connection) -> None:
    _, token = made(connection)
    found = keys.verify(connection, token)
    assert found and found.is_use_old
    keys.touch(connection, found)
    again = keys.verify(connection, token)
    assert again and again.last_used_at == found.seen_at and not again.is_use_old


def test_a_key_belongs_to_its_workspace(connection: Connection) -> None:
    key, _ = made(connection)
    assert keys.get(connection, WORKSPACE, key.prefix).id == keys.listed(connection, WORKSPACE)[0].id == key.id
    assert keys.listed(connection, ELSEWHERE) == []
    with pytest.raises(InputError, match="no such key"):
        keys.get(connection, ELSEWHERE, key.id)
