"""Tests of `store.database` when things go wrong: busy, full, read-only, damaged, gone; nothing half written, and well again after."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cheap import OWN_PRAGMAS
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import IntegrityError

from store import templates
from store.bench import Bench, furnished, said, work_off
from store.servers import Postgres, binaries
from vocservice.errors import ConfigError, StoreError
from vocservice.store import database, migrate
from vocservice.store.database import Database
from vocservice.store.schema import inbox, jobs, records, sources

CANARY = "zanzibar-canary-9142"


def counts(bench: Bench) -> list[int]:
    return [len(bench.rows(table)) for table in (inbox, records, jobs)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def refused(bench: Bench) -> StoreError:
    with pytest.raises(StoreError) as caught:
        bench.deliver(said("refused", f"Words {CANARY}"), body=os.urandom(200_000))
    assert (caught.value.code, caught.value.status) == ("store_unavailable", 503)
    assert CANARY not in str(caught.value) + str(caught.value.__cause__)
    return caught.value


def test_a_busy_database_is_reported_and_nothing_is_half_written(sqlite_bench: Bench, tmp_path: Path) -> None:
    sqlite_bench.deliver(said("before", "Words"))
    with locked(tmp_path / "voc.db"):
        refused(sqlite_bench)
        assert counts(sqlite_bench) == [1, 1, 1]
    sqlite_bench.deliver(said("after", "Words"))
    assert counts(sqlite_bench) == [2, 2, 2]


def test_a_transaction_reads_one_moment_however_much_is_written_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", OWN_PRAGMAS)
    bench = furnished(Database(templates.place(tmp_path)))
    with bench.database.read() as connection:
        before = connection.scalar(select(func.count()).select_from(records))
        bench.deliver(said("meanwhile", "Words"))
        assert connection.scalar(select(func.count()).select_from(records)) == before == 0
    assert counts(bench) == [1, 1, 1]
    bench.database.close()


def test_a_failed_transaction_leaves_nothing(bench: Bench) -> None:
    with pytest.raises(RuntimeError), bench.database.write() as connection:
        connection.execute(delete(sources))
        raise RuntimeError
    assert len(bench.rows(sources)) == 1


def test_sqlite_waits_for_the_disk_at_every_commit_and_overwrites_what_is_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", OWN_PRAGMAS)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    opened = Database(f"sqlite:///{tmp_path / 'voc.db'}")
    with opened.read() as connection:
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted
    opened.close()


def test_a_pause_between_transactions_is_long_enough_for_waiting_writers(sqlite_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(database, "sleep", slept.append)
    sqlite_bench.database.give_way()
    assert len(slept) == 1 and slept[0] >= 3 * database._LOOK_SECONDS


def test_a_full_disk_is_reported_reading_continues_and_freed_space_heals(tmp_path: Path) -> None:
    database = Database(templates.place(tmp_path), busy_seconds=0.2)
    bench = furnished(database)
    bench.deliver(said("before", "Words"))
    most = []
    with database.engine.connect() as connection:
        most.append(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most[0] + 5}")
    refused(bench)
    assert counts(bench) == [1, 1, 1]
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    bench.deliver(said("after", "Words"))
    assert counts(bench) == [2, 2, 2]
    database.close()


@pytest.mark.parametrize("damage", [b"this is no database" * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_told(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "voc.db").write_bytes(damage)
    database = Database(f"sqlite:///{tmp_path / 'voc.db'}")
    with pytest.raises(StoreError) as caught:
        migrate.check(database)
    assert caught.value.code == "store_damaged"


def test_tables_that_are_not_there_are_told_with_the_remedy(database: Database) -> None:
    with pytest.raises(StoreError) as caught, database.read() as connection:
        connection.execute(text("SELECT * FROM records"))
    assert (caught.value.code, "voc db status" in caught.value.message) == ("schema_mismatch", True)


def test_a_fault_of_our_own_is_no_trouble_of_the_database_and_quotes_nothing(bench: Bench) -> None:
    with pytest.raises(IntegrityError) as caught, bench.database.write() as connection:
        connection.execute(
            jobs.insert().values(id="j", workspace_id="none", kind=CANARY, target="t", payload={}, state="queued", due_at=1, created_at=1)
        )
    assert CANARY not in str(caught.value).replace(str(caught.value.orig), "")


@pytest.mark.parametrize("url", ["", "voc.db", "mysql://host/voc", "redis://host", "sqlite+aiosqlite:///x\0"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises((ConfigError, ValueError)):
        Database(url)


def test_a_file_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(ConfigError, match="store.url"):
        Database("sqlite:////proc/voc/voc.db")


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    migrate.upgrade(Database(f"sqlite:///{tmp_path / 'made' / 'voc.db'}"))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "made").iterdir()} == {0o600}


def test_many_threads_write_without_loss_and_leave_nothing_open(bench: Bench) -> None:
    def write(thread: int) -> None:
        for number in range(25):
            bench.deliver(said(f"{thread}/{number}", "Words"), key=f"{thread}-{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    before = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert counts(bench) == [200, 200, 200]
    assert work_off(bench) == 200


def test_a_server_that_stops_is_told_and_its_return_needs_no_restart() -> None:
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed here: no initdb under /usr/lib/postgresql or on the path")
    server = Postgres(folder)
    server.start()
    database = Database(server.url(), busy_seconds=2)
    try:
        migrate.upgrade(database)
        bench = furnished(database)
        bench.deliver(said("before", "Words"))
        with pytest.raises(StoreError), database.write() as connection:
            connection.execute(records.update().values(channel="half"))
            server.stop()
            connection.execute(records.update().values(channel="way"))
        refused(bench)
        server.start()
        bench.deliver(said("after", "Words"))
        server.stop()
        server.start()  # while nobody asked, so that no refused request told of it
        bench.deliver(said("at once", "Words"))
        assert counts(bench) == [3, 3, 3]
        assert {row["channel"] for row in bench.rows(records)} == {None}
    finally:
        database.close()
        server.remove()
