"""Tests of `store.audit`: the chain is whole however many write at once, and shows what was altered, taken out or put in."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import DBAPIError

from store.bench import Bench
from vocservice.store import audit
from vocservice.store.audit import Act
from vocservice.store.schema import audit as table

ODD = {"whole": 3.0, "huge": 1e16, "tiny": 1e-7, "half": 0.5, "text": "nul \0 \ud800 ünï", "none": None, "list": [1, 2.0], "deep": {"b": 1}}


def log(bench: Bench, count: int) -> None:
    for number in range(count):
        with bench.database.write() as connection:
            audit.write(connection, bench.workspace, Act("command line", "made", f"thing-{number}", {"number": number}))


def broken(bench: Bench) -> int | None:
    with bench.database.read() as connection:
        return audit.first_broken(connection)


def test_a_whole_chain_is_whole(bench: Bench) -> None:
    assert broken(bench) is None
    log(bench, 5)
    assert broken(bench) is None


def test_details_of_any_kind_hash_alike_when_they_come_back(bench: Bench) -> None:
    with bench.database.write() as connection:
        audit.write(connection, None, Act("user:\0" + "x" * 400, "made", "t" * 400, ODD))
    assert broken(bench) is None


def test_many_writers_at_once_make_one_chain(bench: Bench) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: log(bench, 5), range(8)))
    with bench.database.read() as connection:
        assert (audit.verify(connection).rows, audit.verify(connection).broken_at) == (40, None)


def test_the_database_lets_nobody_change_a_row(bench: Bench) -> None:
    log(bench, 2)
    changes = ["UPDATE audit SET actor = 'other'", "DELETE FROM audit"]
    if bench.database.kind == "sqlite":
        changes.append(
            "INSERT OR REPLACE INTO audit SELECT number, workspace_id, at, 'other', action, target, details, previous_hash, hash FROM audit"
        )
    else:
        changes.append("TRUNCATE audit")
    for change in changes:
        with pytest.raises(DBAPIError, match="append-only"):
            bench.sql(change)
    assert (broken(bench), len(bench.rows(table))) == (None, 2)


@pytest.mark.parametrize("column", ["actor", "action", "target", "workspace_id", "hash", "previous_hash"])
def test_an_altered_row_is_found(bench: Bench, column: str) -> None:
    log(bench, 4)
    bench.unlock_audit()
    third = bench.rows(table)[2]["number"]
    with bench.database.write() as connection:
        connection.execute(update(table).where(table.c.number == third).values(**{column: "other"}))
    assert broken(bench) == third


def test_altered_details_and_times_are_found(bench: Bench) -> None:
    log(bench, 4)
    bench.unlock_audit()
    numbers = [row["number"] for row in bench.rows(table)]
    with bench.database.write() as connection:
        connection.execute(update(table).where(table.c.number == numbers[3]).values(at=5))
    assert broken(bench) == numbers[3]
    with bench.database.write() as connection:
        connection.execute(update(table).where(table.c.number == numbers[1]).values(details={"number": 9}))
    assert broken(bench) == numbers[1]


@pytest.mark.parametrize("place", [0, 2])
def test_a_row_taken_out_is_found(bench: Bench, place: int) -> None:
    log(bench, 4)
    bench.unlock_audit()
    numbers = [row["number"] for row in bench.rows(table)]
    with bench.database.write() as connection:
        connection.execute(delete(table).where(table.c.number == numbers[place]))
    assert broken(bench) == numbers[place + 1]


def test_a_row_put_in_is_found(bench: Bench) -> None:
    log(bench, 2)
    last = bench.rows(table)[-1]
    with bench.database.write() as connection:
        connection.execute(insert(table).values(**last | {"number": last["number"] + 1, "hash": "f" * 64, "previous_hash": last["hash"]}))
    assert broken(bench) == last["number"] + 1


def test_what_was_rolled_back_is_not_in_the_chain(bench: Bench) -> None:
    log(bench, 1)
    with pytest.raises(RuntimeError), bench.database.write() as connection:
        audit.write(connection, None, Act("command line", "made", "thing", {}))
        raise RuntimeError("no")
    log(bench, 1)
    assert (broken(bench), len(bench.rows(table))) == (None, 2)
