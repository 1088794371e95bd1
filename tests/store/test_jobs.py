"""Tests of `store.jobs`: leases of workers at once, lost workers, poison, dead and revived; measured by the database's clock."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from store.bench import WORKER, Bench, said, take
from vocservice.store import jobs
from vocservice.store.jobs import Lease
from vocservice.store.received.records import ANALYSE
from vocservice.store.schema import jobs as job_table


def fill(bench: Bench, count: int) -> None:
    bench.deliver(*(said(f"r-{number}", f"Text {number}") for number in range(count)))


def lapse(bench: Bench) -> None:
    """Every running lease has run out."""
    with bench.database.write() as connection:
        connection.execute(job_table.update().where(job_table.c.state == "running").values(lease_until=1))


def state(bench: Bench) -> list[tuple[str, int]]:
    return [(row["state"], row["attempts"]) for row in bench.rows(job_table)]


def test_what_is_due_is_told_without_taking_it(bench: Bench) -> None:
    with bench.database.write() as connection:
        for kind, delay in (("now", 0.0), ("later", 60.0), ("taken", 0.0), ("lost", 0.0)):
            jobs.enqueue(connection, bench.workspace, kind, "x", delay=delay)
        jobs.claim(connection, Lease("w", seconds=0), limit=1, kinds=("lost",))
        jobs.claim(connection, Lease("w", seconds=60), limit=1, kinds=("taken",))
    time.sleep(0.01)
    with bench.database.read() as connection:
        assert jobs.due(connection, ["now", "later", "taken", "lost", "none"]) == ["now", "lost"]


def test_workers_at_once_take_each_job_once(bench: Bench) -> None:
    fill(bench, 60)

    def drain(number: int) -> list[str]:
        taken: list[str] = []
        while found := take(bench, Lease(f"worker-{number}"), limit=4):
            taken += [job.id for job in found]
        return taken

    with ThreadPoolExecutor(4) as pool:
        counted = Counter(job for taken in pool.map(drain, range(4)) for job in taken)
    assert len(counted) == 60
    assert set(counted.values()) == {1}


def test_a_lease_that_ran_out_is_taken_by_the_next(bench: Bench) -> None:
    fill(bench, 1)
    (first,) = take(bench)
    assert take(bench, Lease("worker-2")) == []
    lapse(bench)
    (second,) = take(bench, Lease("worker-2"))
    assert (second.id, second.attempts) == (first.id, 2)
    with bench.database.write() as connection:
        assert jobs.renew(connection, WORKER, [first.id]) == set()
        assert not jobs.finish(connection, WORKER, first.id)
        assert jobs.renew(connection, Lease("worker-2"), [first.id]) == {first.id}
        assert jobs.finish(connection, Lease("worker-2"), first.id)


@pytest.mark.parametrize("skew", [timedelta(minutes=-10), timedelta(minutes=10), timedelta(days=400)])
def test_the_clock_of_the_host_does_not_count(bench: Bench, skew: timedelta) -> None:
    fill(bench, 1)
    (job,) = take(bench)
    with time_machine.travel(datetime.now(UTC) + skew):
        assert take(bench, Lease("worker-2")) == []
        with bench.database.write() as connection:
            assert jobs.renew(connection, WORKER, [job.id]) == {job.id}
            assert jobs.enqueue(connection, bench.workspace, "fetch", "r")
            assert [found.kind for found in jobs.claim(connection, WORKER, limit=9, kinds=("fetch",))] == ["fetch"]


def test_one_that_was_lost_before_is_taken_alone(bench: Bench) -> None:
    fill(bench, 5)
    assert len(take(bench, limit=3)) == 3
    lapse(bench)
    sizes = [len(take(bench, Lease("worker-2"), limit=10)) for _ in range(4)]
    assert sizes == [1, 1, 1, 2]


def test_one_that_loses_every_worker_ends_dead_and_the_queue_goes_on(bench: Bench) -> None:
    fill(bench, 1)
    for _ in range(WORKER.max_attempts):
        assert len(take(bench)) == 1
        lapse(bench)
    bench.deliver(said("next", "Fine"))
    assert [job.attempts for job in take(bench)] == [1]
    dead = bench.rows(job_table, state="dead")
    assert [(row["error_code"], row["attempts"], row["lease_owner"]) for row in dead] == [(jobs.LOST, 3, None)]


def test_failing_is_tried_again_later_and_then_buried(bench: Bench) -> None:
    fill(bench, 1)
    for attempt in range(1, WORKER.max_attempts + 1):
        (job,) = take(bench)
        assert job.attempts == attempt
        with bench.database.write() as connection:
            jobs.fail(connection, WORKER, job, code="model_failed", delay=0.0)
    assert take(bench) == []
    assert state(bench) == [("dead", 3)]


def test_a_delay_is_waited_for(bench: Bench) -> None:
    fill(bench, 1)
    (job,) = take(bench)
    with bench.database.write() as connection:
        jobs.fail(connection, WORKER, job, code="model_failed", delay=3600)
    assert take(bench) == []
    assert state(bench) == [("queued", 1)]


def test_dead_ones_are_sent_back_with_their_attempts_forgotten(bench: Bench) -> None:
    fill(bench, 2)
    for job in take(bench):
        with bench.database.write() as connection:
            jobs.bury(connection, WORKER, job.id, code="model_failed")
    with bench.database.write() as connection:
        assert jobs.revive(connection, "ws_other") == 0
        assert jobs.revive(connection, bench.workspace) == 2
    assert [job.attempts for job in take(bench)] == [1, 1]


def test_giving_back_does_not_count_as_a_try(bench: Bench) -> None:
    fill(bench, 2)
    held = [job.id for job in take(bench)]
    with bench.database.write() as connection:
        jobs.release(connection, WORKER, held)
    assert [job.attempts for job in take(bench)] == [1, 1]


def test_what_waits_already_is_not_queued_again(bench: Bench) -> None:
    with bench.database.write() as connection:
        assert [jobs.enqueue(connection, bench.workspace, ANALYSE, "rec_1") for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("way", ["release", "fail"])
def test_one_given_back_beside_a_newer_one_gives_way(bench: Bench, way: str) -> None:
    fill(bench, 1)
    (job,) = take(bench)
    bench.deliver(said("r-0", "Newer text"))
    with bench.database.write() as connection:
        if way == "release":
            jobs.release(connection, WORKER, [job.id])
        else:
            jobs.fail(connection, WORKER, job, code="model_failed", delay=60)
    (newer,) = take(bench)
    assert (newer.id != job.id, newer.attempts, len(bench.rows(job_table))) == (True, 1, 1)


def test_another_worker_cannot_touch_a_lease(bench: Bench) -> None:
    fill(bench, 1)
    (job,) = take(bench)
    other = Lease("worker-2")
    with bench.database.write() as connection:
        jobs.release(connection, other, [job.id])
        jobs.fail(connection, other, job, code="model_failed", delay=0)
        jobs.bury(connection, other, job.id, code="model_failed")
        assert not jobs.finish(connection, other, job.id)
    assert state(bench) == [("running", 1)]


def test_jobs_are_counted_by_kind_and_state(bench: Bench) -> None:
    fill(bench, 3)
    take(bench, limit=1)
    with bench.database.read() as connection:
        assert jobs.counts(connection) == {(ANALYSE, "queued"): 2, (ANALYSE, "running"): 1}
