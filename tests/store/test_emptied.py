"""Tests of records whose customer took the text out again: what goes, what stays, and what may come back."""

import pytest
from builders import analysis
from sqlalchemy import select

from store.bench import Bench, keep, load, said, take, work_off
from vocservice.ingest.events import Emptied, Erase, Fetch, Whole
from vocservice.store.analysed.analyses import Task, load_task
from vocservice.store.received.records import Applied, _beginning, _behind
from vocservice.store.schema import analyses, inbox, records, vectors

CANARY = "zanzibar-canary-3318"
SPOKEN = f"It crashed, call me: {CANARY}."
NOTHING = Applied(None, "skipped", "no_text")


def emptied(bench: Bench, version: str | None) -> Applied:
    return bench.deliver(Emptied("c", version)).applied[0]


def loaded(bench: Bench) -> list[Task | None]:
    """What the jobs that wait would analyse, in their order."""
    with bench.database.read() as connection:
        return [load_task(connection, bench.vault, job) for job in take(bench)]


@pytest.mark.parametrize("versions", [("1", "2"), (None, "2"), ("1", None), (None, None)])
@pytest.mark.parametrize("is_worked_off", [True, False])
def test_what_a_customer_took_out_is_kept_nowhere(bench: Bench, versions: tuple[str | None, str | None], *, is_worked_off: bool) -> None:
    bench.sql("UPDATE workspaces SET keeps_originals = :yes", yes=True)
    first, second = versions
    told = bench.deliver(said("c", SPOKEN, version=first, metadata={"note": CANARY}), said("d", "Other"), body=SPOKEN.encode())
    for job in take(bench) if is_worked_off else ():
        assert keep(bench, load(bench, job), analysis(SPOKEN))
    assert emptied(bench, second) == Applied(told.applied[0].record_id, "emptied")
    (row,) = bench.rows(records, source_record="c")
    assert (row["status"], row["error_code"], row["revision"], row["source_version"]) == ("rejected", "empty_text", 2, second or first)
    assert not any(row[name] for name in ("original_sealed", "clean", "details", "content_hash"))
    assert [one["body_sealed"] for one in bench.rows(inbox)] == [None, None]
    assert not any(bench.rows(table, record_id=row["id"]) for table in (analyses, vectors))
    assert emptied(bench, second).outcome == "unchanged"
    assert is_worked_off or [one is None for one in loaded(bench)] == [True, False]


@pytest.mark.parametrize("version", ["0", "1"])
def test_a_text_is_not_taken_out_by_what_is_no_newer(bench: Bench, version: str) -> None:
    bench.deliver(said("c", SPOKEN, version="1"))
    assert emptied(bench, version).outcome == "stale"
    assert work_off(bench) == 1 and len(bench.rows(analyses)) == 1


def test_a_result_of_what_was_taken_out_meanwhile_is_not_kept(bench: Bench) -> None:
    bench.deliver(said("c", SPOKEN, version="1"))
    (job,) = take(bench)
    task = load(bench, job)
    emptied(bench, "2")
    assert not keep(bench, task) and bench.rows(analyses) == []
    assert loaded(bench) == [None]


def test_a_text_comes_back_with_a_newer_version_only(bench: Bench) -> None:
    bench.deliver(said("c", SPOKEN, version="1"))
    emptied(bench, "2")
    assert [bench.deliver(said("c", SPOKEN, version=version)).applied[0].outcome for version in ("1", "3")] == ["stale", "updated"]
    assert work_off(bench) == 1 and bench.rows(records)[0]["error_code"] is None


def test_what_is_not_known_is_skipped_where_it_has_no_text(bench: Bench) -> None:
    assert emptied(bench, "2") == NOTHING and bench.rows(records) == []
    bench.deliver(Fetch("c", None, {"response_id": "c"}))
    assert emptied(bench, "2") == NOTHING and bench.rows(records)[0]["status"] == "waiting"
    bench.deliver(Erase("c", None, "deleted"))
    assert emptied(bench, "2").outcome == "erased"


def test_of_a_whole_response_what_is_not_said_any_longer_goes(bench: Bench) -> None:
    names = ("r/q1", "r/q2", "r/q2/a", "r", "rr/q1", "r/other")
    bench.deliver(*(said(name, "Words", version="1") for name in names))
    work_off(bench)
    receipt = bench.deliver(said("r/q1", "Changed", version="2"), Whole("r/q", "2", ("r/q1",)))
    assert [done.outcome for done in receipt.applied] == ["updated", "emptied"]
    found = {row["source_record"]: row["error_code"] for row in bench.rows(records)}
    assert found == dict.fromkeys(names) | {"r/q2": "empty_text", "r/q2/a": "empty_text"}
    assert bench.deliver(Whole("r/q", "2", ("r/q1",))).applied == (NOTHING,)


NEIGHBOURS = ("r", "r.1", "r/", "r/1", "r/1/2", "r/\u00e9", "r/\U0010ffff", "r0", "R/1", "ra/1", "q/1")


def test_only_what_begins_so_is_below_whatever_stands_beside_it(bench: Bench) -> None:
    bench.deliver(*(said(name, "Words", version="1") for name in NEIGHBOURS))
    below = {"r/", "r/1", "r/1/2", "r/\u00e9", "r/\U0010ffff"}
    bench.deliver(Whole("r/", "2", ("r/1",)))
    assert {row["source_record"] for row in bench.rows(records, status="rejected")} == below - {"r/1"}
    bench.deliver(Erase("r", "3", "deleted"))
    assert {row["source_record"] for row in bench.rows(records) if row["status"] != "erased"} == set(NEIGHBOURS) - below - {"r"}


@pytest.mark.parametrize(
    ("begins", "behind"), [("r/", "r0"), ("r\ud7ff", "r\ue000"), ("r\U0010ffff", "s"), ("a\U0010ffff\U0010ffff", "b")], ids=ascii
)
def test_what_stands_behind_a_beginning(begins: str, behind: str) -> None:
    assert _behind(begins) == behind


def test_what_is_below_is_found_by_an_index_not_by_reading_a_source(bench: Bench) -> None:
    wanted = select(records.c.id).where(records.c.workspace_id == "w", records.c.source_key == "s", *_beginning("r/"))
    with bench.database.read() as connection:
        asked = wanted.compile(connection, compile_kwargs={"literal_binds": True})
        if connection.dialect.name == "sqlite":
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all())
            assert "source_key=? AND source_record>? AND source_record<?" in plan
        else:  # its index has the order of bytes, without which it cannot say where a beginning ends
            held = "SELECT collation_name FROM information_schema.columns WHERE table_name = 'records' AND column_name = 'source_record'"
            assert connection.exec_driver_sql(held).scalar_one() == "C"
