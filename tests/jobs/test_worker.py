"""Tests of a worker in this process: what it keeps, what it leaves, and what it does when model or store fail."""

import time
from collections.abc import Iterable, Iterator

import pytest
import time_machine
from builders import MODEL, FakePipeline, fake_analyser
from sqlalchemy import select, text

from vocservice.api import Analyser
from vocservice.errors import BundleError, StoreError
from vocservice.jobs import persistence
from vocservice.jobs.digests import Digests
from vocservice.jobs.process import run_worker
from vocservice.records import RawVerbatim, Rejected, Result
from vocservice.settings import Settings
from vocservice.store import jobs, schema
from vocservice.store.analysed import analyses, packed, promotions
from vocservice.store.opened import Store
from vocservice.store.received import idempotency, records
from vocservice.store.schema import records as record_table
from vocservice.store.types import from_micros
from vocservice.taxonomy import load_taxonomy

from .stores import WORKSPACE, add, add_transcript, add_verbatim, analyses_each, codes, job_states, make_due, statuses, worker_of


class Scripted(FakePipeline):
    """Rejects with a code, or raises, as it is told."""

    def __init__(self, outcome: str | Exception):
        super().__init__()
        self.outcome = outcome

    def analyse(self, records: Iterable[RawVerbatim | Rejected], **_: object) -> Iterator[Result]:
        for record in records:
            if isinstance(self.outcome, Exception):
                raise self.outcome
            yield Rejected(record.id, self.outcome, "no")


def over(pipeline: FakePipeline) -> Analyser:
    return Analyser(pipeline, MODEL, load_taxonomy())


def test_metadata_outlive_every_analysis_that_follows(store: Store, settings: Settings) -> None:
    details = {"region": "north", "by": ["jane@example.org", "C-77"], "deep": {"n": 1}}
    record = add_verbatim(store, RawVerbatim("r-0", "It crashed.", subject="C-77", metadata=details))
    kept = []
    for model in ("b-1", "b-2", "b-3"):
        with store.database.write() as connection:
            jobs.enqueue(connection, WORKSPACE, records.ANALYSE, record)
        worker_of(store, settings, lambda _, model=model: Analyser(FakePipeline(), model, load_taxonomy())).run(once=True)  # type: ignore[misc]
        with store.database.read() as connection:
            kept.append(connection.scalar(select(record_table.c.details)))
            assert promotions.sample(connection, 1)[0].verbatim.metadata == kept[-1]
    assert kept == [{"region": "north", "by": ["[EMAIL]", "[CUSTOMER]"], "deep": {"n": 1}}] * 3


def test_what_is_queued_is_analysed_once_and_its_raw_text_goes(store: Store, settings: Settings) -> None:
    add(store, *(f"The app crashed {number} times." for number in range(70)))
    add_transcript(store, "It crashed.", "Sorry.", "Fine.")
    worker_of(store, settings).run(once=True)
    assert set(statuses(store).values()) == {"analysed"}
    assert analyses_each(store) == [1] * 71
    assert job_states(store) == []
    with store.database.read() as connection:
        kept = connection.execute(select(record_table.c.original_sealed, record_table.c.clean)).all()
    assert all(row.original_sealed is None and row.clean for row in kept)


@pytest.mark.parametrize(
    ("code", "status", "keeps_text"),
    [("empty_text", "rejected", False), ("unsupported_language", "rejected", False), ("analysis_failed", "failed", True)],
)
def test_a_record_without_an_analysis_has_a_typed_reason(
    code: str, status: str, keeps_text: bool, store: Store, settings: Settings
) -> None:
    add(store, "Good.")
    worker_of(store, settings, lambda _: over(Scripted(code))).run(once=True)
    assert (statuses(store), codes(store)) == ({"r-0": status}, {"r-0": code})
    assert analyses_each(store) == [0]
    with store.database.read() as connection:
        assert (connection.scalar(select(record_table.c.original_sealed)) is not None) == keeps_text


def test_scores_that_are_no_numbers_are_tried_again_then_failed(store: Store, settings: Settings) -> None:
    add(store, "Good.")
    broken = worker_of(store, settings, lambda _: over(Scripted("bundle_invalid")))
    for attempt in (1, 2):
        broken.turn()
        assert job_states(store) == [("queued", attempt, "bundle_invalid")]
        assert statuses(store) == {"r-0": "pending"}
        make_due(store)
    broken.turn()
    assert (statuses(store), codes(store), analyses_each(store)) == ({"r-0": "failed"}, {"r-0": "bundle_invalid"}, [0])


def test_a_model_that_raises_leaves_the_record_failed_after_its_last_try_and_it_can_be_revived(store: Store, settings: Settings) -> None:
    add(store, "Good.", "Bad.")
    for _ in range(6):
        worker_of(store, settings, lambda _: over(Scripted(RuntimeError("zanzibar-canary")))).turn()
        make_due(store)
    worker_of(store, settings, lambda _: over(Scripted(RuntimeError()))).turn()
    assert job_states(store) == [("dead", 3, "internal_error")] * 2
    assert statuses(store) == {"r-0": "failed", "r-1": "failed"}
    with store.database.write() as connection:
        assert jobs.revive(connection) == 2
    worker_of(store, settings).run(once=True)
    assert statuses(store) == {"r-0": "analysed", "r-1": "analysed"}


def test_without_a_model_nothing_is_taken_and_nothing_is_lost(store: Store, settings: Settings) -> None:
    def missing(_: str) -> Analyser:
        raise BundleError("there is none")

    add(store, "Good.")
    worker_of(store, settings, missing).run(once=True)
    assert job_states(store) == [("queued", 0, None)]
    worker_of(store, settings).run(once=True)
    assert statuses(store) == {"r-0": "analysed"}


def test_a_text_whose_key_is_gone_waits_and_its_neighbours_go_on(store: Store, settings: Settings) -> None:
    first, _ = add(store, "Good.", "Bad.")
    with store.database.write() as connection:
        connection.execute(record_table.update().where(record_table.c.id == first).values(original_sealed=b"altered"))
    worker_of(store, settings).turn()
    assert statuses(store) == {"r-0": "pending", "r-1": "analysed"}
    assert job_states(store) == [("queued", 1, "key_missing")]


def test_a_busy_database_is_tried_again_and_the_results_are_not_lost(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vocservice.jobs import analysing

    add(store, "Good.")
    real, calls = analysing.results.keep, []

    def busy(*arguments: object, **options: object) -> bool:
        calls.append(1)
        if len(calls) < 3:
            raise StoreError("busy")
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(analysing.results, "keep", busy)
    worker_of(store, settings).run(once=True)
    assert (len(calls), statuses(store)) == (3, {"r-0": "analysed"})


@pytest.mark.parametrize("step", ["load_task", "save"])
def test_after_an_outage_nobody_renews_the_leases_of_work_that_was_given_up(
    step: str, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise StoreError("gone")

    add(store, "Good.", "Bad.")
    worker = worker_of(store, settings)
    with monkeypatch.context() as outage:
        outage.setattr(persistence, "full_jitter", lambda *_, **__: 0.0)
        outage.setattr(analyses, step, gone)
        with pytest.raises(StoreError):
            worker.turn()
    assert worker._beat.held() == []
    make_due(store)
    for _ in range(3):
        worker.turn()
    assert statuses(store) == {"r-0": "analysed", "r-1": "analysed"}


def test_one_record_that_cannot_be_kept_does_not_take_its_neighbours_along(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vocservice.jobs import analysing

    add(store, *(f"text {number}" for number in range(20)))
    real = analysing.results.keep

    def picky(connection: object, lease: object, task: object, *arguments: object, **options: object) -> bool:
        if task.verbatim.id == "r-3":  # type: ignore[attr-defined]
            raise ValueError("zanzibar-canary")
        return real(connection, lease, task, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(analysing.results, "keep", picky)
    worker_of(store, settings).turn()
    found = statuses(store)
    assert found.pop("r-3") == "pending" and set(found.values()) == {"analysed"}


def test_a_record_erased_while_it_is_analysed_stays_erased(store: Store, settings: Settings) -> None:
    (erased,) = add(store, "Good.")

    class Erasing(FakePipeline):
        def _result(self, record: RawVerbatim) -> Result:
            with store.database.write() as connection:
                records.erase_by_id(connection, store.vault, WORKSPACE, erased, reason="request")
            return super()._result(record)

    worker_of(store, settings, lambda _: over(Erasing())).run(once=True)
    assert (set(statuses(store).values()), analyses_each(store)) == ({"erased"}, [0])


def test_a_clock_that_is_wrong_takes_no_work_from_another_worker(store: Store, settings: Settings) -> None:
    add(store, "Good.")
    with store.database.write() as connection:
        jobs.claim(connection, jobs.Lease("other", 60.0, 3), limit=1, kinds=("analyse",))
    for shift in (600, -600):
        with time_machine.travel(time.time() + shift, tick=True):
            worker_of(store, settings).run(once=True)
    assert job_states(store) == [("running", 1, None)]


@pytest.mark.parametrize(("step", "told"), [("0000", "install the newer version"), ("0001", "voc db upgrade")])
def test_35_a_worker_does_not_start_on_tables_of_another_version(store: Store, settings: Settings, step: str, told: str) -> None:
    with store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :step"), {"step": step})
    with pytest.raises(StoreError, match=told) as caught:
        run_worker(settings, once=True, load_bundle=lambda _: fake_analyser())
    assert caught.value.code == "schema_mismatch"


def test_answers_that_are_kept_no_longer_go(store: Store, settings: Settings) -> None:
    names = ("old", "new")
    with store.database.write() as connection:
        for name in names:
            idempotency.reserve(connection, idempotency.claim_of("key_1", "POST /v1/feedback", name, b"{}"))
        old = schema.idempotency.c.name == "old"
        connection.execute(schema.idempotency.update().where(old).values(created_at=from_micros(1)))
    worker_of(store, settings).run(once=True)
    with store.database.read() as connection:
        assert list(connection.scalars(select(schema.idempotency.c.name))) == ["new"]


@pytest.mark.parametrize(("rounds", "left"), [(20, 0), (2, 1)])
def test_what_was_analysed_is_packed_before_a_page_asks(
    rounds: int, left: int, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = packed.catch_up
    monkeypatch.setattr("vocservice.jobs.worker._PACKS", rounds)
    monkeypatch.setattr(packed, "AT_ONCE", 2)
    monkeypatch.setattr(packed, "catch_up", lambda *given: real(*given, limit=2))
    add(store, *(f"The app crashed {number} times." for number in range(5)))
    worker_of(store, settings).run(once=True)
    worker_of(store, settings).run(once=True)  # sweeps as it begins
    with store.database.read() as connection:
        assert packed.waits(connection, WORKSPACE) == bool(left)
        assert packed.waits(connection, WORKSPACE, more_than=left) is False


def test_a_fault_of_packing_or_of_a_report_keeps_nobody_from_the_work(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> int:
        raise KeyError("zanzibar-canary")

    caplog.set_level("WARNING", "vocservice.jobs")
    monkeypatch.setattr(packed, "catch_up", fails)
    monkeypatch.setattr(Digests, "turn", fails)
    add(store, "It crashed.")
    worker_of(store, settings).run(once=True)
    assert set(statuses(store).values()) == {"analysed"} and "zanzibar-canary" not in logged(caplog)
    assert {line.fields["chore"] for line in caplog.records} == {"packing", "reports"}  # type: ignore[attr-defined]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """The log with the fields of each line."""
    return caplog.text + " ".join(str(getattr(line, "fields", "")) for line in caplog.records)


def test_logs_hold_no_text(store: Store, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "vocservice")
    add(store, "zanzibar-canary crashed", "poison zanzibar-canary")
    worker_of(store, settings).run(once=True)
    worker_of(store, settings, lambda _: fake_analyser()).turn()
    assert caplog.records and "zanzibar-canary" not in logged(caplog)
