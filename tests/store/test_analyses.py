"""Tests of `store.analysed.analyses`: what is kept of a result, once; what is refused; and where the words of customers stand."""

from pathlib import Path

import pytest
from builders import analysis

from store.bench import WORKER, Bench, keep, load, said, take, work_off
from vocservice.errors import StoreError
from vocservice.records import Rejected
from vocservice.store import jobs
from vocservice.store.jobs import Lease
from vocservice.store.received import records
from vocservice.store.schema import analyses, inbox, review_labels, reviews
from vocservice.store.schema import jobs as job_table
from vocservice.store.schema import records as record_table
from vocservice.store.sealing import Sealer, new_key
from vocservice.store.vault import open_vault

CANARY = "zanzibar-canary-7731"


def only(bench: Bench) -> dict[str, object]:
    (row,) = bench.rows(record_table)
    return row


def again(bench: Bench) -> None:
    """Queue the analysis of every record once more."""
    with bench.database.write() as connection:
        for row in bench.rows(record_table):
            jobs.enqueue(connection, bench.workspace, records.ANALYSE, row["id"])


def test_a_result_is_kept_with_its_bundle_and_revision(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    assert work_off(bench) == 1
    (row,) = bench.rows(analyses)
    assert (row["revision"], row["bundle"], row["is_current"], row["result"]["text"]) == (1, "b-1", True, "*** crashed")
    assert (only(bench)["status"], only(bench)["details"], bench.rows(job_table)) == ("analysed", {"region": "north"}, [])


def test_there_is_one_analysis_a_record_revision_and_bundle(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    work_off(bench)
    for bundle in ("b-1", "b-2", "b-1"):
        again(bench)
        (job,) = take(bench)
        assert keep(bench, load(bench, job), bundle=bundle)
    found = {(row["revision"], row["bundle"]): row["is_current"] for row in bench.rows(analyses)}
    assert found == {(1, "b-1"): True, (1, "b-2"): False}


def test_a_lost_lease_keeps_nothing(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    task = load(bench, take(bench)[0])
    with bench.database.write() as connection:
        connection.execute(job_table.update().values(lease_until=1))
    newer = load(bench, take(bench, Lease("worker-2"))[0])
    assert not keep(bench, task)
    assert bench.rows(analyses) == []
    assert keep(bench, newer, lease=Lease("worker-2"))
    assert not keep(bench, newer, lease=Lease("worker-2"))
    assert len(bench.rows(analyses)) == 1


def test_a_text_that_changed_meanwhile_is_analysed_anew(bench: Bench) -> None:
    bench.deliver(said("r", "Old", version="1"))
    task = load(bench, take(bench)[0])
    bench.deliver(said("r", "New", version="2"))
    assert not keep(bench, task)
    assert load(bench, take(bench)[0]).verbatim.text == "New"


def test_a_change_never_stays_without_a_job(bench: Bench) -> None:
    """The job that a change found waiting may be the one that a worker was just taking with the old text."""
    bench.deliver(said("r", "Old"))
    task = load(bench, take(bench)[0])
    bench.sql("UPDATE records SET revision = revision + 1")
    assert not keep(bench, task)
    assert len(take(bench)) == 1


@pytest.mark.parametrize(("keeps", "left"), [(True, (True, True)), (False, (False, False))])
def test_originals_are_dropped_after_the_analysis_unless_kept(bench: Bench, keeps: bool, left: tuple[bool, bool]) -> None:
    bench.sql("UPDATE workspaces SET keeps_originals = :keeps", keeps=keeps)
    bench.deliver(said("r", "The app crashed"), body=b"The app crashed")
    assert only(bench)["original_sealed"] is not None
    assert bench.rows(inbox)[0]["body_sealed"] is not None
    work_off(bench)
    assert (only(bench)["original_sealed"] is not None, bench.rows(inbox)[0]["body_sealed"] is not None) == left


def test_a_body_stays_while_one_of_its_records_waits(bench: Bench) -> None:
    bench.deliver(said("a", "One"), said("b", "Two"))
    first, second = take(bench)
    keep(bench, load(bench, first))
    assert bench.rows(inbox)[0]["body_sealed"] is not None
    keep(bench, load(bench, second))
    assert bench.rows(inbox)[0]["body_sealed"] is None


def test_without_its_original_a_record_is_analysed_again_from_its_redacted_text(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    work_off(bench)
    again(bench)
    verbatim = load(bench, take(bench)[0]).verbatim
    assert (verbatim.text, verbatim.metadata) == ("*** crashed", {"region": "north"})


def test_what_cannot_be_analysed_is_rejected_and_forgotten(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed", version="1"))
    work_off(bench)
    bench.deliver(said("r", "Die App ist abgestuerzt", version="2"))
    assert keep(bench, load(bench, take(bench)[0]), Rejected("r", "unsupported_language", "not English"))
    row = only(bench)
    assert (row["status"], row["error_code"], row["original_sealed"], row["clean"]) == ("rejected", "unsupported_language", None, None)
    assert [found["is_current"] for found in bench.rows(analyses)] == [False]


def test_a_version_that_is_rejected_takes_its_record_off_the_desk(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed", version="1"))
    work_off(bench)
    assert len(bench.rows(reviews)) == 1 and bench.rows(review_labels)
    bench.deliver(said("r", "Die App ist abgestuerzt", version="2"))
    keep(bench, load(bench, take(bench)[0]), Rejected("r", "unsupported_language", "not English"))
    assert (bench.rows(reviews), bench.rows(review_labels)) == ([], [])


def test_what_we_failed_at_keeps_its_text(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    assert keep(bench, load(bench, take(bench)[0]), Rejected("r", "analysis_failed", "the model failed"))
    assert (only(bench)["status"], only(bench)["original_sealed"] is None) == ("failed", False)


@pytest.mark.parametrize("code", ["analysis_failed", "unsupported_language"])
def test_what_another_bundle_made_stands_when_a_later_one_fails(bench: Bench, code: str) -> None:
    bench.deliver(said("r", "The app crashed"))
    work_off(bench)
    again(bench)
    keep(bench, load(bench, take(bench)[0]), Rejected("r", code, "no"), bundle="b-2")
    assert (only(bench)["status"], only(bench)["clean"] is None) == ("analysed", False)
    assert [found["is_current"] for found in bench.rows(analyses)] == [True]


def test_only_the_analysis_makes_words_readable(sqlite_bench: Bench, tmp_path: Path) -> None:
    """Bytes of the database and its log, with a record that waits, one that was erased and one that was analysed."""
    words = f"My name is {CANARY}"
    given = {"question": CANARY, "subject": CANARY, "metadata": {"name": CANARY}}
    bench = sqlite_bench
    bench.deliver(said("waits", words, **given), body=words.encode())
    assert _is_in_files(tmp_path, b"waits")
    assert not _is_in_files(tmp_path, CANARY.encode())
    (job,) = take(bench)
    keep(bench, load(bench, job), analysis(f"[{CANARY}] crashed"))
    assert _is_in_files(tmp_path, CANARY.encode())


def _is_in_files(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.glob("voc.db*"))


def test_a_change_of_keys_opens_what_was_sealed_before(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    newer = new_key()
    bench.vault = open_vault(bench.database, Sealer([newer, bench.key]))
    assert load(bench, take(bench)[0]).verbatim.text == "The app crashed"
    assert bench.deliver(said("r", "The app crashed")).applied[0].outcome == "unchanged"
    with pytest.raises(StoreError) as caught:
        open_vault(bench.database, Sealer([newer]))
    assert caught.value.code == "key_missing"


def test_an_altered_text_is_noticed(bench: Bench) -> None:
    bench.deliver(said("r", "The app crashed"))
    sealed = bytearray(only(bench)["original_sealed"])  # type: ignore[call-overload]
    sealed[40] ^= 1
    with bench.database.write() as connection:
        connection.execute(record_table.update().values(original_sealed=bytes(sealed)))
    with pytest.raises(StoreError) as caught:
        load(bench, take(bench)[0])
    assert caught.value.code == "key_missing"
    assert "crashed" not in caught.value.message


def test_jobs_of_the_dead_fail_their_records(bench: Bench) -> None:
    from vocservice.store.analysed.analyses import give_up

    bench.deliver(said("r", "The app crashed"))
    (job,) = take(bench)
    with bench.database.write() as connection:
        jobs.bury(connection, WORKER, job.id, code="model_failed")
        assert give_up(connection) == 1
    assert (only(bench)["status"], only(bench)["error_code"]) == ("failed", "model_failed")


@pytest.mark.parametrize("is_taken", [False, True], ids=["queued", "running"])
def test_a_dead_job_of_an_earlier_version_does_not_fail_a_newer_one(bench: Bench, is_taken: bool) -> None:
    from vocservice.store.analysed.analyses import give_up

    bench.deliver(said("r", "The app crashed", version="1"))
    (job,) = take(bench)
    with bench.database.write() as connection:
        jobs.bury(connection, WORKER, job.id, code="model_failed")
    bench.deliver(said("r", "It is fine now", version="2"))
    newer = take(bench) if is_taken else []
    with bench.database.write() as connection:
        assert give_up(connection) == 0
    assert (only(bench)["status"], only(bench)["error_code"]) == ("pending", None)
    assert sum(keep(bench, load(bench, job)) for job in newer or take(bench)) == 1
    assert only(bench)["status"] == "analysed"
