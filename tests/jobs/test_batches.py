"""Tests of batches in a worker: the bytes of `voc classify`, also after a kill; cancelled, failed, and gone when their time is over."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import csv_rows, json_lines
from commands import Voc
from sqlalchemy import select, update

from vocservice.api import Analyser
from vocservice.batch.named import noted
from vocservice.errors import BundleError
from vocservice.jobs import erasing
from vocservice.records import RawVerbatim
from vocservice.settings import Settings
from vocservice.store.accounts import workspaces
from vocservice.store.opened import Store
from vocservice.store.received import batches, erasure, retention
from vocservice.store.received.batch_files import BatchFiles
from vocservice.store.received.batches import Batch, Options, Upload
from vocservice.store.schema import audit
from vocservice.store.schema import batches as table

from .stores import WORKSPACE, WorkerProcess, add, job_states, statuses, wait_for, worker_of

ROWS = 2500  # three shards
Start = Callable[..., WorkerProcess]


def rows(count: int = ROWS) -> str:
    """A table in which now and then a row has too many cells."""
    lines = [f"r-{number},The app crashed {number} times.,north{',x' if number % 500 == 3 else ''}" for number in range(count)]
    return "\n".join(["ref,words,region", *lines, ""])


def made(store: Store, settings: Settings, content: bytes | str, *, suffix: str = "csv", **wanted: Any) -> Batch:
    """A queued batch of a file."""
    batch_id = batches.new_batch_id()
    files = BatchFiles.of(settings.batches.folder, WORKSPACE, batch_id)
    files.make()
    files.input(suffix).write_bytes(content.encode() if isinstance(content, str) else content)
    mapping = wanted.pop("mapping", {"id": "ref", "text": "words"})
    with store.database.write() as connection:
        draft = batches.add(connection, WORKSPACE, batch_id, Upload("Q1.csv", suffix, 1, "user:1"), max_open=9)
        options = Options(**{"format": suffix, **wanted})
        return batches.start(connection, draft, mapping=mapping, options=options, max_open=9, actor="user:1")


def now_of(store: Store, batch: Batch) -> Batch:
    with store.database.read() as connection:
        return batches.get(connection, WORKSPACE, batch.id)


def files_of(settings: Settings, batch: Batch) -> BatchFiles:
    return BatchFiles.of(settings.batches.folder, WORKSPACE, batch.id)


def names_in(settings: Settings, batch: Batch) -> set[str]:
    folder = files_of(settings, batch).folder
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[WorkerProcess] = []

    def run(**options: object) -> WorkerProcess:
        started.append(WorkerProcess(tmp_path, **options))  # type: ignore[arg-type]
        return started[-1]

    yield run
    for process in started:
        process.end()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_the_result_is_that_of_voc_classify(
    suffix: str, store: Store, settings: Settings, tmp_path: Path, voc: Voc, analyser: Analyser
) -> None:
    given = tmp_path / "given.csv"
    given.write_text(rows(40))
    expected = tmp_path / f"expected.{suffix}"
    assert voc("classify", given, "-o", expected, "--id-column", "ref", "--text-column", "words").code == 3
    batch = made(store, settings, rows(40), format=suffix)
    worker_of(store, settings, lambda _: analyser).run(once=True)
    found, files = now_of(store, batch), files_of(settings, batch)
    assert (found.status, found.rows_total, found.rows_done, found.rows_rejected, found.share) == ("done", 40, 40, 1, 1.0)
    assert files.result(suffix).read_bytes() == expected.read_bytes()
    assert json_lines(files.rejects(suffix).read_bytes())[0]["row"] == 4
    assert names_in(settings, batch) == {f"result.{suffix}{end}" for end in ("", ".rejects.jsonl", ".manifest.json", ".named")}
    assert job_states(store, "batch") == []


def test_options_are_those_of_voc_classify(store: Store, settings: Settings) -> None:
    batch = made(store, settings, rows(40), explode="factors", limit=2, excel=True)
    worker_of(store, settings).run(once=True)
    raw = files_of(settings, batch).result("csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and b"voc_label" in raw
    assert {row["ref"] for row in csv_rows(files_of(settings, batch).result("csv"))} == {"r-0", "r-1"}


@pytest.mark.parametrize(
    ("suffix", "content", "mapping"),
    [
        ("jsonl", '{"ref": "r-1"}\n', {"text": "words"}),
        ("jsonl", '{"ref": "r-1"}\n', {}),
        ("txt", "Mia: It broke.\nAgent: Sorry.\n", {}),
        ("csv", "chat_id,speaker,message\na,Mia,It broke.\na,Agent,Sorry.\n", {}),
    ],
)
def test_a_rejection_names_no_option_of_the_command_line(
    suffix: str, content: str, mapping: dict[str, str], store: Store, settings: Settings
) -> None:
    batch = made(store, settings, content, suffix=suffix, mapping=mapping, format="jsonl")
    worker_of(store, settings).run(once=True)
    (rejected,) = json_lines(files_of(settings, batch).rejects("jsonl").read_bytes())
    assert rejected["code"] in ("missing_text", "empty_text") and "--" not in rejected["message"]


def test_a_killed_workers_batch_goes_on_to_the_same_bytes(store: Store, settings: Settings, start: Start, tmp_path: Path) -> None:
    whole = made(store, settings, rows())
    plain = start()
    wait_for(lambda: now_of(store, whole).status == "done")
    assert plain.stop() == 0
    cut = made(store, settings, rows())
    for place in ("after_shard_1", "before_output"):
        assert start(failpoint=place).wait() == -signal.SIGKILL
        assert now_of(store, cut).status == "running"
    last = start()
    wait_for(lambda: now_of(store, cut).status == "done")
    assert last.stop() == 0
    assert files_of(settings, cut).result("csv").read_bytes() == files_of(settings, whole).result("csv").read_bytes()
    manifest = files_of(settings, cut).folder / "result.csv.manifest.json"
    assert f'"resumed_records": {ROWS}' in manifest.read_text()


def test_a_worker_told_to_stop_gives_its_batch_back_and_records_go_on_beside_it(
    store: Store, settings: Settings, start: Start, tmp_path: Path
) -> None:
    batch = made(store, settings, rows(400))
    first = start(model="slow")
    wait_for((tmp_path / "begun").exists)
    add(store, "The app crashed.")
    wait_for(lambda: set(statuses(store).values()) == {"analysed"})
    assert now_of(store, batch).status == "running"
    assert first.stop() == 0
    assert job_states(store, "batch") == [("queued", 0, None)]
    second = start()
    wait_for(lambda: now_of(store, batch).status == "done")
    assert second.stop() == 0


def test_a_slow_batch_outlives_its_lease_and_tells_how_far_it_is(store: Store, settings: Settings, start: Start) -> None:
    batch = made(store, settings, rows(20))
    workers = [start(model="slow", lease=2.0), start(model="slow", lease=2.0)]
    wait_for(lambda: 0 < now_of(store, batch).rows_done < 20)
    half = now_of(store, batch)
    assert half.rows_total == 20 and half.rate and half.seconds_left and half.share and half.share < 1
    wait_for(lambda: now_of(store, batch).status == "done")
    assert [worker.stop() for worker in workers] == [0, 0]
    assert sum(worker.log.read_text().count("batch\n") for worker in workers) == 1


def test_a_cancelled_batch_ends_within_seconds_and_leaves_no_file(store: Store, settings: Settings, start: Start, tmp_path: Path) -> None:
    batch = made(store, settings, rows(400))
    worker = start(model="slow")
    wait_for((tmp_path / "begun").exists)
    with store.database.write() as connection:
        batches.cancel(connection, now_of(store, batch), actor="user:1", keep=timedelta(days=7))
    cancelled = time.monotonic()
    wait_for(lambda: job_states(store, "batch") == [] and names_in(settings, batch) == set())
    assert time.monotonic() - cancelled < 10
    assert now_of(store, batch).status == "cancelled"
    assert worker.stop() == 0


def parquet_cut_off(tmp_path: Path) -> bytes:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"words": [f"The app crashed {number} times." * 20 for number in range(2000)]}), path, row_group_size=100)
    raw = path.read_bytes()
    middle = len(raw) // 2
    return raw[:middle] + b"\xff" * 4000 + raw[middle + 4000 :]


@pytest.mark.parametrize(
    ("content", "suffix", "wanted", "code"),
    [
        ("", "csv", {}, "input_unusable"),
        ("a,b\n1,2\n", "csv", {}, "input_unusable"),
        (b"PAR1 and no more", "parquet", {}, "input_unusable"),
        (parquet_cut_off, "parquet", {"mapping": {"text": "words"}}, "input_unusable"),
        (rows(2), "csv", {"explode": "colours"}, "option_invalid"),
    ],
    ids=["empty", "columns", "truncated", "damaged inside", "option"],
)
def test_what_cannot_be_labelled_fails_with_a_reason_and_its_input_goes(
    content: Any, suffix: str, wanted: dict[str, Any], code: str, store: Store, settings: Settings, tmp_path: Path
) -> None:
    batch = made(store, settings, content(tmp_path) if callable(content) else content, suffix=suffix, **wanted)
    worker_of(store, settings).run(once=True)
    found = now_of(store, batch)
    assert (found.status, found.error_code, found.rows_done) == ("failed", code, 0)
    assert found.error_message and "crashed" not in found.error_message and not found.error_message.startswith("input.")
    assert names_in(settings, batch) == set() and job_states(store, "batch") == []


def test_a_batch_whose_files_are_gone_says_so(store: Store, settings: Settings) -> None:
    batch = made(store, settings, rows(3))
    files_of(settings, batch).remove()
    worker_of(store, settings).run(once=True)
    assert (now_of(store, batch).status, now_of(store, batch).error_code) == ("failed", "batch_files_gone")
    assert job_states(store, "batch") == []


def test_another_model_than_that_of_the_killed_worker_starts_over(store: Store, settings: Settings, start: Start) -> None:
    batch = made(store, settings, rows())
    assert start(failpoint="after_shard_1").wait() == -signal.SIGKILL
    make_free(store)
    from builders import FakePipeline

    from vocservice.taxonomy import load_taxonomy

    worker_of(store, settings, lambda _: Analyser(FakePipeline(), "fake-2", load_taxonomy())).run(once=True)
    assert now_of(store, batch).status == "done"
    assert '"resumed_records": 0' in (files_of(settings, batch).folder / "result.csv.manifest.json").read_text()


def make_free(store: Store) -> None:
    """The lease of whoever was killed has run out."""
    from vocservice.store.schema import jobs

    with store.database.write() as connection:
        connection.execute(update(jobs).values(lease_until=1))


def test_a_batch_that_kills_every_worker_is_given_up(store: Store, settings: Settings) -> None:
    batch = made(store, settings, rows(3))
    from vocservice.store.schema import jobs

    with store.database.write() as connection:
        connection.execute(update(jobs).values(state="dead", error_code="worker_lost"))
    worker_of(store, settings).run(once=True)
    assert (now_of(store, batch).status, now_of(store, batch).error_code) == ("failed", "worker_lost")
    assert names_in(settings, batch) == set()


def test_results_and_drafts_go_when_their_time_is_over(store: Store, settings: Settings) -> None:
    done = made(store, settings, rows(3))
    worker_of(store, settings).run(once=True)
    found = now_of(store, done)
    assert found.finished_at and found.expires_at == found.finished_at + timedelta(days=settings.batches.keep_days)
    with store.database.write() as connection:
        connection.execute(update(table).values(expires_at=1))
    worker_of(store, settings).run(once=True)
    assert names_in(settings, done) == set()
    with store.database.read() as connection:
        assert batches.statuses(connection) == {}


JO = "Jo.Smith@example.org"
TALK = '{"id": "c-1", "turns": [{"speaker": "customer", "text": "It broke.", "author": "jo.smith@EXAMPLE.org"}]}\n'
PEOPLE = {
    "subject": ("csv", f"id,text,subject\n1,It broke.,{JO}\n2,Fine.,al\n", {}),
    "column of another name": ("tsv", f"id\ttext\tKontakt\n1\tIt broke.\t {JO} \n", {}),
    "key of JSON Lines": ("jsonl", f'{{"id": "1", "text": "It broke.", "who": "{JO}"}}\n', {"subject": "who"}),
    "metadata": ("jsonl", f'{{"id": "1", "text": "It broke.", "metadata": {{"crm": [{{"mail": "{JO}"}}]}}}}\n', {}),
    "author of a turn": ("jsonl", TALK, {}),
    "later row of a conversation": ("csv", f"chat_id,speaker,message,mail\na,Customer,It broke.,al\na,Agent,Sorry.,{JO}\n", {}),
    "rejected row": ("csv", f"id,text,mail\n1,It broke.,{JO},one too many\n", {}),
    "another customer": ("csv", "id,text,subject\n1,It broke.,Jo.Smith\n", {}),
    "within a text": ("csv", f"id,text,subject\n1,I am {JO} and it broke.,al\n", {}),
}


def erase(store: Store, settings: Settings, subject: str = JO, *, load: Any = None) -> erasure.Erased:
    """Erase a customer, and let a worker do what is left of it."""
    with store.database.write() as connection:
        done = erasure.by_subject(connection, store.vault, WORKSPACE, subject, actor="key:1")
    worker_of(store, settings, load).run(once=True)
    return done


@pytest.mark.parametrize("case", PEOPLE)
def test_files_that_name_somebody_who_is_erased_go(case: str, store: Store, settings: Settings) -> None:
    suffix, content, mapping = PEOPLE[case]
    done = made(store, settings, content, suffix=suffix, mapping=mapping, format="jsonl")
    worker_of(store, settings).run(once=True)
    waiting, is_gone = made(store, settings, content, suffix=suffix, mapping=mapping), case not in ("another customer", "within a text")
    assert erase(store, settings, JO.upper()).batches_to_search == 2
    for batch in (done, waiting):
        found = now_of(store, batch)
        assert (found.status, found.error_code) == (("failed", batches.ERASED) if is_gone else ("done", None))
        assert (names_in(settings, batch) == set()) is is_gone
    (told,) = audited(store, "subject_erased_in_files")
    assert (told["searched"], set(told["batches"]), JO.lower() in str(told).lower()) == (
        2,
        {done.id, waiting.id} if is_gone else set(),
        False,
    )
    assert erase(store, settings).batches_to_search == (0 if is_gone else 2)


def audited(store: Store, action: str) -> list[Any]:
    with store.database.read() as connection:
        return list(connection.scalars(select(audit.c.details).where(audit.c.action == action)))


def test_a_key_that_is_a_short_number_is_found_as_a_customer_only(store: Store, settings: Settings) -> None:
    graded = made(store, settings, "id,text,subject,grade\n1,It broke.,al,7\n", mapping={})
    named = made(store, settings, "id,text,subject,grade\n1,It broke.,7,1\n", mapping={})
    worker_of(store, settings).run(once=True)
    erase(store, settings, "7")
    assert [now_of(store, batch).status for batch in (graded, named)] == ["done", "failed"]


def test_a_batch_that_is_being_done_ends_and_what_is_written_then_goes_too(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the worker that erased is killed before it removes a file."""
    batch = made(store, settings, PEOPLE["subject"][1], mapping={})
    with store.database.write() as connection:
        assert batches.begin(connection, WORKSPACE, batch.id)
    with monkeypatch.context() as patched:
        patched.setattr(BatchFiles, "remove", lambda _: None)
        erase(store, settings, load=no_model)
    assert names_in(settings, batch) == {"input.csv"}
    with store.database.write() as connection:
        assert not batches.note(connection, batch.id, rows_done=1)
        assert not batches.end(connection, batch.id, status="done", keep=timedelta(days=1))
    worker_of(store, settings, no_model).run(once=True)
    assert names_in(settings, batch) == set()


def no_model(_: str) -> Analyser:
    raise BundleError("there is none")


@pytest.mark.parametrize(("left", "content"), [("input.csv", b"PK\x03\x04"), ("result.csv", b"id,text\n")], ids=["unreadable", "older"])
def test_what_cannot_be_searched_is_taken_to_name_everybody(left: str, content: bytes, store: Store, settings: Settings) -> None:
    batch = made(store, settings, "")
    files = files_of(settings, batch)
    files.remove()
    files.make()
    (files.folder / left).write_bytes(content)
    erase(store, settings, load=no_model)
    assert now_of(store, batch).error_code == batches.ERASED and names_in(settings, batch) == set()


def test_a_file_named_after_the_customer_goes_and_every_draft(store: Store, settings: Settings) -> None:
    talk = made(store, settings, "Customer: It broke.\n", suffix="txt", mapping={}, format="csv")
    queued, draft = made(store, settings, rows(1)), made(store, settings, rows(1))
    with store.database.write() as connection:
        connection.execute(update(table).where(table.c.id == draft.id).values(status=batches.DRAFT))
    erase(store, settings, "q1.CSV", load=no_model)  # its id is what it is called, without .txt
    assert [now_of(store, batch).error_code for batch in (talk, draft, queued)] == [batches.ERASED, batches.ERASED, None]


def test_finished_shards_keep_whom_they_name_beside_them(settings: Settings) -> None:
    for name, kept in (("bat_1", {"result.csv.shards", "result.csv.named"}), ("bat_2", set())):
        files = BatchFiles.of(settings.batches.folder, WORKSPACE, name)
        files.make()
        files.input("csv").write_text("a")
        files.named("csv").write_bytes(b"")
        if kept:
            (files.folder / "result.csv.shards").mkdir()
        files.forget_all_but_shards()
        assert {path.name for path in files.folder.glob("*")} == kept


def test_an_export_of_a_customer_lists_batches(store: Store, settings: Settings) -> None:
    named, waits = (made(store, settings, PEOPLE["subject"][1], mapping={}) for _ in range(2))
    with named_of(settings, named, store) as note:
        note.add(RawVerbatim("1", "It broke.", subject=JO))
    told = erasing.told(store, settings.batches.folder, WORKSPACE, JO)
    assert {one["id"]: one["names_customer"] for one in told} == {named.id: True, waits.id: None}


def named_of(settings: Settings, batch: Batch, store: Store) -> Any:
    return noted(files_of(settings, batch).named("csv"), lambda key: store.vault.subject_hash(WORKSPACE, key))


def test_batches_older_than_their_workspace_keeps_anything_go_once_they_have_ended(store: Store, settings: Settings) -> None:
    old, new = made(store, settings, rows(3)), made(store, settings, rows(3))
    worker_of(store, settings).run(once=True)
    is_open = made(store, settings, rows(3))
    with store.database.write() as connection:
        is_old = table.c.id.in_([old.id, is_open.id])
        connection.execute(update(table).where(is_old).values(created_at=table.c.created_at - 10 * 86_400 * 10**6))
        workspaces.set_retention(connection, workspaces.get(connection, WORKSPACE), 9, actor="test")
        kept = workspaces.get(connection, WORKSPACE)
        assert retention.due(connection, kept).batches == 1
    assert retention.sweep(store.database, store.vault, kept, actor="test").batches == 1
    worker_of(store, settings, no_model).run(once=True)
    assert [bool(names_in(settings, batch)) for batch in (old, new, is_open)] == [False, True, True]


@pytest.mark.parametrize(("age", "is_left"), [(0.0, True), (2 * 86400.0, False)])
def test_a_folder_that_no_batch_knows_goes_after_a_day(age: float, is_left: bool, store: Store, settings: Settings) -> None:
    files = BatchFiles.of(settings.batches.folder, WORKSPACE, "bat_lost")
    files.make()
    files.input("csv").write_text("a")
    stranger = BatchFiles.of(settings.batches.folder, "ws_of_another_store", "bat_lost")
    stranger.make()
    for folder in (files.folder, stranger.folder):
        os.utime(folder, (time.time() - age, time.time() - age))
    worker_of(store, settings).run(once=True)
    assert (files.folder.exists(), stranger.folder.exists()) == (is_left, True)
