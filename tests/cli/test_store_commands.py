"""Tests of the commands on the store: init, db, backup, restore, erase, export-subject, retention, audit, dead-letter."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import databases
import pytest
from commands import Voc
from store.bench import Bench, said, work_off

from vocservice.settings import load_settings
from vocservice.store import jobs, migrate
from vocservice.store.analysed import endpoints
from vocservice.store.opened import open_store
from vocservice.store.received import intake, sources
from vocservice.store.received.intake import Arrival
from vocservice.store.schema import inbox, records
from vocservice.store.schema import jobs as job_table


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store will be."""
    monkeypatch.setenv("VOC_STORE__URL", databases.blank(tmp_path / "var"))
    monkeypatch.setenv("VOC_STORE__KEY_FILE", str(tmp_path / "var" / "voc.key"))
    return tmp_path


@pytest.fixture
def bench(here: Path, voc: Voc) -> Bench:
    """A store that `voc init` made, with a source."""
    assert voc("init").code == 0
    store = open_store(load_settings().store)
    with store.database.write() as connection:
        workspace = connection.exec_driver_sql("SELECT id FROM workspaces").scalar_one()
        source, _ = sources.create(
            connection, store.vault, workspace, name="forms", adapter="generic", secrets=(), options={}, actor="test"
        )
    return Bench(store.database, store.vault, "", workspace, source.id)


@pytest.mark.sqlite_only
def test_init_makes_what_is_missing_and_never_shows_the_key(here: Path, voc: Voc) -> None:
    first = voc("init")
    key = here / "var" / "voc.key"
    assert (first.code, stat.S_IMODE(key.stat().st_mode), stat.S_IMODE((here / "var" / "voc.db").stat().st_mode)) == (0, 0o600, 0o600)
    assert ("made" in first.out, key.read_text().strip() in first.out + first.err) == (True, False)
    second = voc("init")
    assert (second.code, "made" in second.out, "main" in second.out) == (0, False, True)


def test_without_init_a_command_says_what_to_do(here: Path, voc: Voc) -> None:
    ran = voc("audit", "verify")
    assert (ran.code, "voc init" in ran.err) == (2, True)


def test_status_upgrade_and_downgrade(bench: Bench, voc: Voc) -> None:
    assert json.loads(voc("db", "status", "--json").out) == {"step": migrate.head(), "needed": migrate.head()}
    assert voc("db", "downgrade", "base").code == 0
    assert voc("db", "status").code == 1
    assert "schema_mismatch" in voc("audit", "verify").err
    assert voc("db", "upgrade").code == 0
    assert voc("db", "downgrade", "0815").code == 2


def test_a_backup_brings_every_acknowledged_delivery_back(bench: Bench, voc: Voc, here: Path) -> None:
    ids = {bench.deliver(said(f"r-{number}", "Words")).id for number in range(20)}
    file = here / "backup.db"
    assert voc("backup", file).code == 0
    assert (stat.S_IMODE(file.stat().st_mode), voc("backup", file).code) == (0o600, 2)
    bench.deliver(said("later", "Words"))
    refused = voc("restore", file)
    assert (refused.code, "--replace" in refused.err) == (2, True)
    assert voc("restore", file, "--replace").code == 0
    assert {row["id"] for row in bench.rows(inbox)} == ids
    assert work_off(bench) == 20


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_backup_is_refused_and_nothing_is_lost(bench: Bench, voc: Voc, here: Path, content: bytes) -> None:
    bench.deliver(said("r", "Words"))
    (here / "odd.db").write_bytes(content)
    assert voc("restore", here / "odd.db", "--replace").code == 2
    assert voc("restore", here / "missing.db", "--replace").code == 2
    assert len(bench.rows(records)) == 1


def test_a_customer_is_counted_exported_and_erased(bench: Bench, voc: Voc, here: Path) -> None:
    bench.deliver(said("a", "Mine", subject="Customer-1"), said("b", "Other", subject="customer-2"))
    work_off(bench)
    assert voc("export-subject", "--subject", "CUSTOMER-1 ", "-o", here / "out.jsonl").code == 0
    (record,) = [json.loads(line) for line in (here / "out.jsonl").read_text().splitlines()]
    assert (record["source_record"], record["verbatim"]["text"], len(record["analyses"])) == ("a", "*** crashed", 1)
    assert "to erase: 1 records" in voc("erase", "--subject", "customer-1", "--dry-run").out
    assert len(bench.rows(records, status="analysed")) == 2
    assert "erased: 1 records" in voc("erase", "--subject", "-", given=b"customer-1\n").out
    assert [row["status"] for row in bench.rows(records, source_record="b")] == ["analysed"]
    assert voc("export-subject", "--subject", "customer-1").out == ""
    told = voc("audit", "verify")
    assert (told.code, "customer" in told.out) == (0, False)


def test_a_record_is_erased_by_its_source_and_its_id(bench: Bench, voc: Voc) -> None:
    bench.deliver(said("a", "Mine"), said("b", "Other"))
    assert "to erase: 1 records" in voc("erase", "--record", "forms", "a", "--dry-run").out
    assert "erased: 1 records" in voc("erase", "--record", "forms", "a").out
    assert [row["source_record"] for row in bench.rows(records, status="pending")] == ["b"]
    unknown = voc("erase", "--record", "forms", "a")
    assert unknown.code == 2 and "no record of this id" in unknown.err
    for wrong in ((), ("--subject", "x", "--record", "forms", "b")):
        assert voc("erase", *wrong).code == 2
    assert len(bench.rows(records, status="pending")) == 1


def test_retention_erases_by_age(bench: Bench, voc: Voc) -> None:
    bench.deliver(said("old", "Words"))
    bench.sql("UPDATE records SET received_at = received_at - 86400000000 * 31")
    bench.deliver(said("new", "Words"))
    assert "keeps for ever; erased: 0 records" in voc("retention").out
    assert "keeps 30 days; to erase: 1 records" in voc("retention", "--days", "30", "--dry-run").out
    assert "retention_invalid" in voc("retention", "--days", "36501", "--dry-run").err
    assert "keeps for ever; erased: 0 records" in voc("retention").out  # a dry run sets nothing
    assert "keeps 30 days; erased: 1 records" in voc("retention", "--days", "30").out
    assert "keeps 30 days; erased: 0 records" in voc("retention", "--workspace", "main").out
    assert [row["source_record"] for row in bench.rows(records, status="pending")] == ["new"]


def test_an_altered_audit_log_is_told(bench: Bench, voc: Voc) -> None:
    assert "whole: 2 rows" in voc("audit", "verify").out
    bench.unlock_audit()
    bench.sql("UPDATE audit SET actor = 'somebody' WHERE number = 1")
    ran = voc("audit", "verify")
    assert (ran.code, "BROKEN at row 1" in ran.out) == (1, True)


def test_dead_letters_are_listed_and_sent_back(bench: Bench, voc: Voc) -> None:
    bench.deliver(said("r", "Words"))
    bench.sql("UPDATE jobs SET state = 'dead', error_code = 'worker_lost'")
    bench.sql("UPDATE records SET status = 'failed'")
    with bench.database.write() as connection:
        arrival = Arrival(bench.workspace, bench.source, "k", b'{"id": "q", "text": "Readable after all"}', "application/json")
        intake.quarantine(connection, bench.vault, arrival, code="body_unusable", message="the field items is missing")
    assert "job analyse from forms  worker_lost" in (shown := voc("dead-letter", "list").out)
    assert "delivery forms  body_unusable" in shown and "UTC  the field items is missing\n" in shown
    listed = json.loads(voc("dead-letter", "list", "--json").out)["dead_letters"]
    assert {(letter["kind"], letter["code"]) for letter in listed} == {("job", "worker_lost"), ("delivery", "body_unusable")}
    assert voc("dead-letter", "retry").code == 2
    assert voc("dead-letter", "retry", "--all").out == "2 sent back, 0 deliveries as unusable as before\n"
    assert {row["status"] for row in bench.rows(records)} == {"pending"}
    assert [row["state"] for row in bench.rows(job_table)] == ["queued", "queued"]
    assert voc("dead-letter", "list").out == ""


def test_a_body_that_stays_unusable_can_be_discarded(bench: Bench, voc: Voc) -> None:
    with bench.database.write() as connection:
        arrival = Arrival(bench.workspace, bench.source, "k", b"<broken>", "application/json")
        receipt = intake.quarantine(connection, bench.vault, arrival, code="body_unusable")
    assert "0 sent back, 1 deliveries" in voc("dead-letter", "retry", receipt.id).out
    assert "the body is not valid JSON" in voc("dead-letter", "list").out
    with bench.database.write() as connection:
        jobs.enqueue(connection, bench.workspace, "erase_files", "0" * 64)
    bench.sql("UPDATE jobs SET state = 'dead', error_code = 'worker_lost'")
    (owed,) = (row["id"] for row in bench.rows(job_table))
    assert voc("dead-letter", "discard", receipt.id, owed).out == "1 discarded; 1 cannot be discarded: retry\n"
    assert [(row["status"], row["body_sealed"]) for row in bench.rows(inbox)] == [("discarded", None)]


def test_a_new_key_replaces_the_old_one(bench: Bench, voc: Voc, here: Path) -> None:
    from vocservice.store.sealing import new_key

    bench.deliver(said("r", "Words"))
    path = here / "var" / "voc.key"
    old, new = path.read_text().strip(), new_key()
    path.write_text(f"{new}\n{old}\n")
    assert voc("db", "reseal").code == 0
    path.write_text(new)
    os.chmod(path, 0o600)
    assert voc("audit", "verify").code == 0
    bench.vault = open_store(load_settings().store).vault
    assert work_off(bench) == 1


def test_an_endpoint_gets_every_event_that_there_is_unless_some_are_named(bench: Bench, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_OUTBOUND__ALLOW_HTTP", "true")
    monkeypatch.setenv("VOC_OUTBOUND__ALLOW_PRIVATE", "true")
    assert voc("endpoint", "add", "http://127.0.0.1:9/all").code == 0
    assert voc("endpoint", "add", "http://127.0.0.1:9/one", "--event", "watch.found").code == 0
    refused = voc("endpoint", "add", "http://127.0.0.1:9/", "--event", "watch.lost")
    assert (refused.code, "watch.found" in refused.err) == (2, True)
    told = {one["url"].rpartition("/")[2]: set(one["events"]) for one in json.loads(voc("endpoint", "list", "--json").out)["endpoints"]}
    assert told == {"all": set(endpoints.EVENTS), "one": {"watch.found"}}
    assert len(voc("endpoint", "list").out.splitlines()) == 2


def test_an_endpoint_is_changed_rotated_paused_and_removed(bench: Bench, voc: Voc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_OUTBOUND__ALLOW_HTTP", "true")
    monkeypatch.setenv("VOC_OUTBOUND__ALLOW_PRIVATE", "true")

    def shown() -> dict[str, Any]:
        (one,) = json.loads(voc("endpoint", "list", "--json").out)["endpoints"]
        return dict(one)

    first = voc("endpoint", "add", "http://127.0.0.1:9/").out.strip()
    name = shown()["id"]
    assert voc("endpoint", "events", name, "--event", "watch.found").code == 0 and shown()["events"] == ["watch.found"]
    assert voc("endpoint", "events", name, "--event", "watch.lost").code == 2
    second = voc("endpoint", "rotate", name, "--overlap", "1").out.strip()
    assert first != second and second.startswith("whsec_") and shown()["old_secret_until"] is not None
    assert "old secret until" in voc("endpoint", "list").out
    assert voc("endpoint", "end-old-secrets", name).code == 0 and shown()["old_secret_until"] is None
    assert voc("endpoint", "disable", name).code == 0 and not shown()["enabled"]
    assert voc("endpoint", "enable", name).code == 0 and shown()["enabled"]
    assert voc("endpoint", "remove", name).out == f"{name}: removed\n"
    assert voc("endpoint", "list").out == "" and voc("endpoint", "rotate", name).code == 2
