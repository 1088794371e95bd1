"""Tests of `endpoints`: secrets are sealed, shown once and rotated without a gap, and what is removed takes its deliveries along."""

from datetime import timedelta
from threading import Thread

import pytest

from vocservice.errors import InputError
from vocservice.store import audit, schema, trail
from vocservice.store.analysed import endpoints, outbound
from vocservice.store.analysed.endpoints import MOST_SECRETS, Endpoint

from .bench import Bench

NONE = timedelta(0)


def made(bench: Bench, *, url: str = "https://hooks.example.org/") -> tuple[Endpoint, str]:
    with bench.database.write() as connection:
        return endpoints.create(connection, bench.vault, bench.workspace, url=url, actor="test")


def rotated(bench: Bench, endpoint: Endpoint, **options: timedelta) -> str:
    with bench.database.write() as connection:
        return endpoints.rotate(connection, bench.vault, endpoint, actor="test", **options)[1]


def signing(bench: Bench, endpoint: Endpoint) -> tuple[str, ...]:
    with bench.database.read() as connection:
        return endpoints.open_secrets(connection, bench.vault, endpoints.get(connection, endpoint.id))


def test_both_secrets_sign_until_the_old_one_ends(bench: Bench) -> None:
    endpoint, first = made(bench)
    second = rotated(bench, endpoint)
    assert signing(bench, endpoint) == (second, first)
    with bench.database.read() as connection:
        (shown,) = endpoints.listed(connection, bench.workspace)
    assert shown.old_secret_until is not None and first not in repr(shown) and second not in repr(shown)
    bench.sql("UPDATE old_secrets SET until = 1")
    assert signing(bench, endpoint) == (second,)
    third = rotated(bench, endpoint)
    assert signing(bench, endpoint) == (third, second) and len(bench.rows(schema.old_secrets)) == 1


def test_the_old_secret_can_be_ended_at_once_or_have_no_time_at_all(bench: Bench) -> None:
    endpoint, _ = made(bench)
    second = rotated(bench, endpoint)
    with bench.database.write() as connection:
        assert endpoints.end_old_secrets(connection, endpoint, actor="test").old_secret_until is None
    assert signing(bench, endpoint) == (second,)
    third = rotated(bench, endpoint, overlap=NONE)
    assert signing(bench, endpoint) == (third,)


def test_one_rotation_too_many_ends_no_secret_that_somebody_checks_with(bench: Bench) -> None:
    endpoint, first = made(bench)
    for _ in range(MOST_SECRETS - 1):
        rotated(bench, endpoint)
    with pytest.raises(InputError, match="end the old ones first") as refused:
        rotated(bench, endpoint)
    assert refused.value.code == "secrets_full" and signing(bench, endpoint)[-1] == first and len(signing(bench, endpoint)) == MOST_SECRETS


def test_every_change_is_in_the_audit_log_without_a_secret(bench: Bench) -> None:
    endpoint, first = made(bench)
    second = rotated(bench, endpoint)
    with bench.database.write() as connection:
        endpoints.set_events(connection, endpoint, ["watch.found"], actor="test")
        paused = endpoints.set_enabled(connection, endpoint, False, actor="test")
        assert (paused.events, paused.is_enabled) == (("watch.found",), False)
        endpoints.set_enabled(connection, endpoint, True, actor="test")
        endpoints.end_old_secrets(connection, endpoint, actor="test")
        endpoints.remove(connection, endpoint, actor="test")
    with bench.database.read() as connection:
        rows = trail.page(connection, bench.workspace, limit=50, target=endpoint.id)
        assert audit.first_broken(connection) is None
    did = "create rotate events disable enable secret_end remove"
    assert [row.action for row in reversed(rows)] == [f"endpoint.{one}" for one in did.split()]
    assert not any(secret in repr(rows) for secret in (first, second))


def test_removing_an_endpoint_deletes_only_its_own_deliveries_and_secrets(bench: Bench) -> None:
    gone, _ = made(bench)
    kept, _ = made(bench, url="https://other.example.org/")
    rotated(bench, gone)
    with bench.database.write() as connection:
        assert outbound.tell_found(connection, bench.workspace, {"watch": "wch_1"}) == 2
        endpoints.remove(connection, gone, actor="test")
    assert [row["endpoint_id"] for row in bench.rows(schema.deliveries)] == [kept.id] and bench.rows(schema.old_secrets) == []
    with bench.database.read() as connection, pytest.raises(InputError):
        endpoints.get(connection, gone.id)


def test_an_endpoint_of_another_workspace_is_not_there(bench: Bench) -> None:
    endpoint, _ = made(bench)
    with bench.database.read() as connection, pytest.raises(InputError):
        endpoints.get(connection, endpoint.id, workspace_id="ws_other")


def test_an_endpoint_is_not_removed_between_the_choice_of_it_and_the_event(bench: Bench) -> None:
    """The removal waits for the transaction that queues the event, and takes it along; that transaction does not fail."""
    endpoint, _ = made(bench)

    def remove() -> None:
        with bench.database.write() as connection:
            endpoints.remove(connection, endpoint, actor="test")

    removal = Thread(target=remove)
    with bench.database.write() as connection:
        assert endpoints.wanting(connection, bench.workspace) == [endpoint]
        removal.start()
        removal.join(0.3)
        assert removal.is_alive() and outbound.tell_found(connection, bench.workspace, {"watch": "wch_1"}) == 1
    removal.join(10)
    assert bench.rows(schema.deliveries) == bench.rows(schema.endpoints) == []
