"""Tests of `sources`: tokens are shown once, secrets are sealed and rotated, and foreign or disabled sources are not found."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from web.storing import ELSEWHERE, WORKSPACE, opened

from vocservice.errors import ConfigError, InputError
from vocservice.store import audit, schema
from vocservice.store.received import intake, sources
from vocservice.store.received.sources import Source
from vocservice.store.vault import Vault

SECRETS = ("typeform-secret-one", "typeform-secret-two", "typeform-secret-three")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Connection, Vault]]:
    database, vault = opened(tmp_path)
    with database.write() as connection:
        yield connection, vault
    database.close()


def made(held: tuple[Connection, Vault], name: str = "Shop survey", **given: object) -> tuple[Source, str]:
    options = {"adapter": "typeform", "secrets": SECRETS[:1], "actor": "command line"} | given
    return sources.create(*held, WORKSPACE, name=name, **options)  # type: ignore[arg-type]


def test_a_source_is_found_by_its_token_alone(held: tuple[Connection, Vault]) -> None:
    source, token = made(held)
    assert len(token) >= 43
    assert sources.by_token(held[0], token) == source
    for other in ("", token[:-1], token.swapcase(), "x\0", "\ud800", sources.hash_token(token)):
        assert sources.by_token(held[0], other) is None


def test_neither_token_nor_secret_stands_in_the_database_or_in_a_repr(held: tuple[Connection, Vault]) -> None:
    source, token = made(held)
    row = repr(held[0].execute(select(schema.sources)).mappings().one())
    trail = repr(held[0].execute(select(schema.audit)).mappings().all())
    assert not any(hidden in text for hidden in (token, SECRETS[0]) for text in (row, trail, repr(source)))


def test_secrets_are_rotated_two_at_most(held: tuple[Connection, Vault]) -> None:
    connection, vault = held
    source, _ = made(held)
    source = sources.add_secret(connection, vault, source, SECRETS[1], actor="user:1")
    assert sources.open_secrets(vault, source) == (SECRETS[1], SECRETS[0])
    with pytest.raises(ConfigError, match="at most 2"):
        sources.add_secret(connection, vault, source, SECRETS[2], actor="user:1")
    source = sources.remove_secret(connection, vault, source, actor="user:1")
    assert sources.open_secrets(vault, source) == (SECRETS[1],)
    with pytest.raises(ConfigError, match="needs its signing secret"):
        sources.remove_secret(connection, vault, source, keep=0, actor="user:1")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"adapter": "nobody"}, ConfigError),
        ({"secrets": ()}, ConfigError),
        ({"secrets": ("short",)}, ConfigError),
        ({"options": {"unheard_of": 1}}, ConfigError),
        ({"name": "  "}, InputError),
        ({"name": "x" * 101}, InputError),
        ({"name": "line\nbreak"}, InputError),
        ({"name": "taken"}, InputError),
    ],
    ids=str,
)
def test_what_cannot_be_a_source_is_refused(held: tuple[Connection, Vault], given: dict[str, object], error: type[Exception]) -> None:
    made(held, "taken")
    with pytest.raises(error):
        made(held, **given)


def test_a_source_belongs_to_its_workspace(held: tuple[Connection, Vault]) -> None:
    source, _ = made(held)
    assert [found.name for found in sources.listed(held[0], WORKSPACE)] == ["Shop survey"]
    assert sources.listed(held[0], ELSEWHERE) == []
    assert sources.by_name(held[0], WORKSPACE, "Shop survey") == source
    with pytest.raises(InputError, match="no such source"):
        sources.get(held[0], ELSEWHERE, source.id)


def test_a_disabled_source_takes_nothing_until_it_is_enabled(held: tuple[Connection, Vault]) -> None:
    source, token = made(held)
    assert not sources.set_enabled(held[0], source, False, actor="user:1").is_enabled
    assert sources.by_token(held[0], token) is None
    sources.set_enabled(held[0], source, True, actor="user:1")
    assert sources.by_token(held[0], token) == source


def test_a_url_is_renewed_and_every_one_of_before_goes_on_for_a_while(held: tuple[Connection, Vault]) -> None:
    connection, _ = held
    source, first = made(held)
    assert sources.old_url_until(connection, source) is None
    second, third = (sources.renew_url(connection, source, actor="user:1") for _ in range(2))
    assert [sources.by_token(connection, token) for token in (first, second, third)] == [source] * 3 and len({first, second, third}) == 3
    until = sources.old_url_until(connection, source)
    assert until and timedelta(hours=23) < until - source.created_at < timedelta(hours=25)
    sources.set_enabled(connection, source, False, actor="user:1")
    assert [sources.by_token(connection, token) for token in (first, third)] == [None, None]
    sources.set_enabled(connection, source, True, actor="user:1")
    sources.end_old_urls(connection, source, actor="user:1")
    assert [sources.by_token(connection, token) for token in (first, second, third)] == [None, None, source]
    assert sources.old_url_until(connection, source) is None
    told = connection.execute(select(schema.audit)).mappings().all()
    assert [row["action"] for row in told].count("source.url_renew") == 2 and told[-1]["action"] == "source.url_end"
    assert not any(token in repr(told) for token in (first, second, third))


def test_an_old_url_leads_nowhere_after_its_time(held: tuple[Connection, Vault]) -> None:
    source, first = made(held)
    second = sources.renew_url(held[0], source, overlap=timedelta(0), actor="user:1")
    assert [sources.by_token(held[0], token) for token in (first, second)] == [None, source]
    sources.renew_url(held[0], source, actor="user:1")
    assert [row.token_hash for row in held[0].execute(select(schema.old_tokens))] == [sources.hash_token(second)]


def test_options_are_checked_and_every_change_is_audited(held: tuple[Connection, Vault]) -> None:
    source, _ = made(held)
    with pytest.raises(ConfigError):
        sources.set_options(held[0], source, {"unheard_of": 1}, actor="user:1")
    assert sources.set_options(held[0], source, source.options, actor="user:1").options == source.options
    assert list(held[0].scalars(select(schema.audit.c.action))) == ["source.create", "source.options"]
    assert audit.first_broken(held[0]) is None


def test_health_counts_failures(held: tuple[Connection, Vault]) -> None:
    source, token = made(held)
    intake.refuse(held[0], WORKSPACE, source.id, code="signature_invalid")
    found = sources.by_token(held[0], token)
    assert found and (found.health.signature_failures, found.health.received) == (1, 0) and found.health.last_failure_at
