"""Tests of `store.analysed.vectors`: a vector comes and goes with the analysis, one a bundle, of the newest text only."""

from base64 import b64encode

import pytest
from builders import analysis
from sqlalchemy.event import listen

from store.bench import WORKER, Bench, load, said, take, work_off
from vocservice.records import Rejected, Result
from vocservice.reporting.packing import sketch_of
from vocservice.store import schema
from vocservice.store.accounts import workspaces
from vocservice.store.analysed import analyses, packed, vectors
from vocservice.store.analysed.analyses import Cleaned
from vocservice.store.analysed.vectors import Held
from vocservice.store.received import erasure, records, retention, subjects

FIRST, SECOND = b"\x01\x7f", b"\x7f\x01"


def analysed(bench: Bench, vector: bytes, *, bundle: str = "b-1", result: Result | None = None) -> None:
    """Work off the one record that waits, with this vector."""
    (job,) = take(bench)
    task = load(bench, job)
    made = result or analysis("It crashed.", id=task.verbatim.id)
    cleaned = None if isinstance(made, Rejected) else Cleaned({"id": task.verbatim.id, "text": "It crashed."}, None, vector)
    with bench.database.write() as connection:
        assert analyses.save(connection, WORKER, task, made, cleaned, bundle=bundle)


def held(bench: Bench) -> set[tuple[str, int, bytes]]:
    return {(row["bundle"], row["revision"], row["vector"]) for row in bench.rows(schema.vectors)}


def again(bench: Bench) -> None:
    """Queue the analysis of every record."""
    with bench.database.write() as connection:
        for row in bench.rows(schema.records):
            records.jobs.enqueue(connection, bench.workspace, records.ANALYSE, row["id"])


def test_a_vector_is_kept_for_each_bundle_and_replaced_by_its_own(bench: Bench) -> None:
    bench.deliver(said("a", "It crashed"))
    analysed(bench, FIRST)
    again(bench)
    analysed(bench, SECOND, bundle="b-2")
    assert held(bench) == {("b-1", 1, FIRST), ("b-2", 1, SECOND)}
    again(bench)
    analysed(bench, FIRST, bundle="b-2")
    assert held(bench) == {("b-1", 1, FIRST), ("b-2", 1, FIRST)}


def test_a_new_text_leaves_no_vector_of_the_old_one(bench: Bench) -> None:
    bench.deliver(said("a", "It crashed"))
    analysed(bench, FIRST)
    bench.deliver(said("a", "It burned"))
    analysed(bench, SECOND, bundle="b-2")
    assert held(bench) == {("b-2", 2, SECOND)}


@pytest.mark.parametrize("result", [Rejected("a", "empty_text", "nothing to read"), None], ids=["rejected", "switched off"])
def test_none_stays_where_none_was_made(bench: Bench, result: Result | None) -> None:
    bench.deliver(said("a", "It crashed"))
    analysed(bench, FIRST)
    bench.deliver(said("a", "It burned"))
    if result is not None:
        bench.sql("UPDATE records SET status = 'pending'")
    analysed(bench, b"", result=result)
    assert held(bench) == set()


def test_erasing_a_customer_takes_the_vector_and_the_export_has_it_before(bench: Bench) -> None:
    bench.deliver(said("a", "It crashed", subject="ada"))
    analysed(bench, FIRST)
    bench.deliver(said("b", "It burned", subject="bob"))
    analysed(bench, SECOND)
    with bench.database.write() as connection:
        (found,) = subjects.export(connection, bench.vault, bench.workspace, "ada")
        erasure.by_subject(connection, bench.vault, bench.workspace, "ada", actor="test")
    assert found["vectors"] == [{"bundle": "b-1", "revision": 1, "vector": b64encode(FIRST).decode()}]
    assert held(bench) == {("b-1", 1, SECOND)}


def test_retention_takes_the_vector(bench: Bench) -> None:
    bench.deliver(said("a", "It crashed"))
    analysed(bench, FIRST)
    bench.sql("UPDATE records SET received_at = 1")
    bench.sql("UPDATE workspaces SET retention_days = 1")
    with bench.database.read() as connection:
        (workspace,) = workspaces.listed(connection)
    retention.sweep(bench.database, bench.vault, workspace, actor="test")
    assert held(bench) == set()


def test_vectors_of_given_records_are_those_of_the_workspace_and_of_what_labelled_them(bench: Bench) -> None:
    bench.deliver(*(said(str(number), "It crashed") for number in range(5)))
    work_off(bench)
    ids = sorted(row["id"] for row in bench.rows(schema.records))
    with bench.database.write() as connection:
        for number, record_id in enumerate(ids):
            vectors.keep(connection, Held(bench.workspace, record_id, 1, "b-1"), bytes([number, 1]))
        vectors.keep(connection, Held(bench.workspace, ids[0], 1, "b-2"), SECOND)
    with bench.database.read() as connection:
        assert vectors.of_records(connection, "ws_other", ids) == {}
        assert vectors.of_records(connection, bench.workspace, [*ids, "rec_unknown"]) == {
            record_id: ("b-1", bytes([number, 1])) for number, record_id in enumerate(ids)
        }


def test_the_vectors_of_given_records_are_read_without_walking_through_those_of_the_workspace(sqlite_bench: Bench) -> None:
    asked: list[str] = []
    listen(sqlite_bench.database.engine, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))
    with sqlite_bench.database.read() as connection:
        vectors.of_records(connection, sqlite_bench.workspace, ["a", "b"])
        vectors.of_bundles(connection, sqlite_bench.workspace, ["a", "b"])
        plans = [str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", ("a", "b")).all()) for one in tuple(asked) if "vectors" in one]
    assert len(plans) == 2 and all("(record_id=?)" in plan and "workspace" not in plan for plan in plans)


def test_the_sketch_of_a_packed_record_is_of_its_vector_and_goes_with_it(bench: Bench) -> None:
    bench.deliver(said("a", "It crashed", subject="ada"))
    analysed(bench, FIRST)
    packed.catch_up(bench.database, bench.workspace)
    assert bench.rows(schema.packed)[0]["sketch"] == sketch_of(FIRST)
    bench.sql("UPDATE records SET channel = 'phone'")
    assert bench.rows(schema.packed)[0]["sketch"] is None
    packed.catch_up(bench.database, bench.workspace)
    with bench.database.write() as connection:
        erasure.by_subject(connection, bench.vault, bench.workspace, "ada", actor="test")
    packed.catch_up(bench.database, bench.workspace)
    assert not bench.rows(schema.packed)[0]["sketch"]
