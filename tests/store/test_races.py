"""Tests of what happens at once: whoever writes and whoever erases, in whichever order the database lets them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from store.bench import Bench, said
from vocservice.ingest.events import Erase
from vocservice.store.received import erasure
from vocservice.store.schema import inbox, jobs, records

CANARY = "zanzibar-canary-5520"
NAMES = tuple(f"r-{number}" for number in range(12))


def at_once(*works: Callable[[], object]) -> None:
    """Every work in a thread of its own; none begins before all are there.

    Raises:
        Exception: whatever one of them raises.
    """
    begun = Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        begun.wait(30)
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(run, works))


def left(bench: Bench, names: Sequence[str]) -> list[dict[str, object]]:
    """Records of these names that are not erased."""
    return [row for row in bench.rows(records) if row["status"] != "erased" and row["source_record"] in names]


def nothing_is_said(bench: Bench) -> bool:
    """No text, customer, body or job is kept of any record that is erased."""
    gone = [row for row in bench.rows(records) if row["status"] == "erased"]
    texts = [row[name] for row in gone for name in ("original_sealed", "clean", "subject_hash")]
    return not any(texts) and not {row["id"] for row in gone} & {row["target"] for row in bench.rows(jobs)}


def test_updates_that_race_with_the_erasure_of_their_customer_bring_nothing_back(bench: Bench) -> None:
    bench.deliver(*(said(name, "First", version="01", subject=CANARY) for name in NAMES))

    def update(thread: int) -> None:
        for version in range(2, 6):
            told = (said(name, f"Words {version}", version=f"{version:02}{thread}", subject=CANARY) for name in NAMES)
            bench.deliver(*told, key=f"{thread}-{version}", body=CANARY.encode())

    def erase() -> None:
        with bench.database.write() as connection:
            erasure.by_subject(connection, bench.vault, bench.workspace, CANARY, actor="test")

    at_once(lambda: update(1), erase, lambda: update(2))
    assert left(bench, NAMES) == [] and len(bench.rows(records)) == len(NAMES) and nothing_is_said(bench)
    assert not any(row["body_sealed"] for row in bench.rows(inbox))


def test_a_record_and_its_deletion_at_once_end_erased_whichever_comes_first(bench: Bench) -> None:
    def create(name: str) -> Callable[[], object]:
        return lambda: bench.deliver(said(name, "Words", version="1"), key=f"create {name}", body=CANARY.encode())

    def delete(name: str) -> Callable[[], object]:
        return lambda: bench.deliver(Erase(name, "2", "deleted"), key=f"delete {name}")

    at_once(*(work(name) for name in NAMES for work in (create, delete)))
    assert left(bench, NAMES) == [] and nothing_is_said(bench)
    assert [bench.deliver(said(name, "Again", version="3")).applied[0].outcome for name in NAMES] == ["erased"] * len(NAMES)


def test_two_deliveries_of_several_records_in_opposite_order_do_not_wait_for_each_other_in_a_ring(bench: Bench) -> None:
    def deliver(thread: int, names: Sequence[str]) -> None:
        for version in range(6):
            bench.deliver(*(said(name, f"{thread} {version}", version=f"{version}{thread}") for name in names), key=f"{thread}-{version}")

    at_once(lambda: deliver(1, NAMES), lambda: deliver(2, NAMES[::-1]), lambda: deliver(3, NAMES[6:] + NAMES[:6]))
    assert {row["source_version"] for row in bench.rows(records)} == {"53"} and len(bench.rows(jobs)) == len(NAMES)
