"""Tests of `store.received.waiting`: a record announced anew while its answer is stored waits again."""

from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest

from store.bench import WORKER, Bench, said
from vocservice.ingest.events import Fetch
from vocservice.store import jobs
from vocservice.store.jobs import Job
from vocservice.store.received import records, waiting
from vocservice.store.received.records import FETCH, Applied
from vocservice.store.schema import records as record_table

ANNOUNCED = Fetch("r", None, {"response_id": "r"})


def settled(bench: Bench, job: Job) -> list[Applied] | None:
    with bench.database.write() as connection:
        wanted = waiting.of(connection, job)
        assert wanted is not None
        return waiting.settle(connection, bench.vault, WORKER, job, wanted, [said("r/q", "Good.")])


def test_a_record_announced_while_its_answer_is_stored_waits_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.deliver(ANNOUNCED)
    with bench.database.write() as connection:
        (job,) = jobs.claim(connection, WORKER, limit=1, kinds=(FETCH,))
    settling: list[Future[list[Applied] | None]] = []
    insert = records.insert_if_new

    def overtaken(connection: Any, table: Any, values: Any) -> bool:
        """The answer is stored just after it was seen that the record is there."""
        is_new = insert(connection, table, values)
        if table is record_table and not is_new:
            settling.append(pool.submit(settled, bench, job))
            sleep(0.3)
        return is_new

    monkeypatch.setattr(records, "insert_if_new", overtaken)
    with ThreadPoolExecutor(1) as pool:
        receipt = bench.deliver(ANNOUNCED)
        stored = settling[0].result()
    assert [done.outcome for done in receipt.applied] == ["waiting"] and stored and stored[0].outcome == "created"
    assert {row["source_record"]: row["status"] for row in bench.rows(record_table)} == {"r": "waiting", "r/q": "pending"}
