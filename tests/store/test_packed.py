"""Tests of `store.analysed.packed`: whatever changes a record is noted by the database itself, and every reader sees it, once."""

import shutil
from pathlib import Path

import pytest
from builders import analysis

from store.bench import Bench, keep, load, said, take, work_off
from vocservice.reporting.columns import Columns
from vocservice.reporting.packing import FIXED
from vocservice.store.accounts import users
from vocservice.store.analysed import packed
from vocservice.store.analysed.packed import Change
from vocservice.store.received import erasure, records
from vocservice.store.review import annotations
from vocservice.store.review.annotations import Draft, Seen
from vocservice.store.schema import packed as table
from vocservice.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
LABELS = {"stages": ["advocacy"], "factors": [{"key": "courtesy", "polarity": "+"}], "sentiment": 2, "scope": "neither", "flags": []}


class Reader:
    """One process that looks now and then."""

    def __init__(self, bench: Bench):
        self.bench, self.following = bench, 0
        self.columns = Columns.of(TAXONOMY, ())

    def look(self) -> list[Change]:
        """What is new to it."""
        while packed.catch_up(self.bench.database, self.bench.workspace):
            pass
        with self.bench.database.read() as connection:
            span = packed.span(connection, self.bench.workspace, self.following)
            found = [change for batch in packed.changes(connection, self.bench.workspace, span) for change in batch]
        self.following = span.following
        self.columns = self.columns.changed([(change.record_id, change.packed) for change in found])
        return found

    @property
    def scopes(self) -> list[str]:
        frame = self.columns.frame()
        return [frame.scope.names[code] for code in frame.scope.codes.tolist()]


@pytest.fixture
def filled(bench: Bench) -> Bench:
    bench.deliver(said("a", "It crashed", subject="anna"), said("b", "It crashed", subject="bert"))
    assert work_off(bench) == 2
    return bench


def id_of(bench: Bench, name: str) -> str:
    return str(bench.rows(records.records, source_record=name)[0]["id"])


def test_what_was_analysed_is_seen_by_every_reader(filled: Bench) -> None:
    first, second = Reader(filled), Reader(filled)
    assert [len(first.look()), len(second.look())] == [2, 2]
    filled.deliver(said("c", "It crashed"))
    assert len(first.look()) == 0 and len(first.columns) == 2  # received, not yet analysed
    work_off(filled)
    assert {change.record_id for change in second.look()} >= {id_of(filled, "c")}
    first.look()
    assert len(first.columns) == len(second.columns) == 3


def test_a_newer_text_stands_in_place_of_the_older(filled: Bench) -> None:
    reader = Reader(filled)
    reader.look()
    filled.deliver(said("a", "All is well", version="2"))
    keep(filled, load(filled, take(filled)[0]), analysis("All is well", scope=None))
    reader.look()
    assert len(reader.columns) == 2 and sorted(reader.columns.scope.tolist())[0] == -1


def test_a_decision_is_seen_and_so_is_its_undoing(filled: Bench) -> None:
    reader, record = Reader(filled), id_of(filled, "a")
    reader.look()
    before = reader.scopes
    with filled.database.write() as connection:
        user = users.add(
            connection, filled.workspace, email="a@example.org", name="A", role="support_lead", password="p" * 12, actor="test"
        )
        draft = Draft("correct", {**LABELS, "outcome": None, "reasons": [], "needs_review": None}, "", "s" * 20)
        decision = annotations.decide(connection, user, record, Seen(1, "b-1", 0), draft)
    reader.look()
    assert "neither" in reader.scopes and reader.scopes != before
    with filled.database.write() as connection:
        annotations.undo(connection, user, record, decision.id)
    reader.look()
    assert reader.scopes == before


@pytest.mark.parametrize("is_seen_before", [True, False])
def test_nothing_of_an_erased_record_stays(filled: Bench, is_seen_before: bool) -> None:
    reader, record = Reader(filled), id_of(filled, "a")
    if is_seen_before:
        reader.look()
    with filled.database.write() as connection:
        erasure.by_subject(connection, filled.vault, filled.workspace, "anna", actor="test")
    row = filled.rows(table, record_id=record)[0]
    assert (row["fixed"], row["given"], row["context"]) == (None, None, None)  # in the transaction of the erasure
    reader.look()
    assert len(reader.columns) == 1 and record.encode() not in reader.columns.ids.tolist()
    assert filled.rows(table, record_id=record)[0]["fixed"] == b""


def test_bytes_of_an_erased_record_are_not_in_the_file(sqlite_bench: Bench, tmp_path: Path) -> None:
    sqlite_bench.deliver(said("a", "It crashed", subject="anna"))
    work_off(sqlite_bench)
    Reader(sqlite_bench).look()
    held = bytes(sqlite_bench.rows(table)[0]["fixed"])
    with sqlite_bench.database.write() as connection:
        erasure.by_subject(connection, sqlite_bench.vault, sqlite_bench.workspace, "anna", actor="test")
    sqlite_bench.database.overwrite_log()
    copy = Path(shutil.copy(str(sqlite_bench.database.url.database), tmp_path / "copy"))
    assert len(held) == FIXED.size and held not in copy.read_bytes()


def test_a_change_while_it_is_packed_is_packed_again(filled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    record, made = id_of(filled, "a"), packed.packed_of

    def meanwhile(taken: packed.Taken, vector: bytes) -> packed.Packed:
        if taken.id == record:
            filled.sql("UPDATE records SET channel = 'phone' WHERE id = :record", record=record)
        return made(taken, vector)

    monkeypatch.setattr(packed, "packed_of", meanwhile)
    assert packed.catch_up(filled.database, filled.workspace) == 1
    assert filled.rows(table, record_id=record)[0]["fixed"] is None
    monkeypatch.undo()
    assert packed.catch_up(filled.database, filled.workspace) == 1
    reader = Reader(filled)
    reader.look()
    assert {context.channel for context in reader.columns.contexts} >= {"phone"}


def test_two_packers_at_once_continue_until_nothing_waits(filled: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made, beside = packed.packed_of, []

    def meanwhile(taken: packed.Taken, vector: bytes) -> packed.Packed:
        if not beside:
            beside.append(taken.id)
            assert packed.catch_up(filled.database, filled.workspace, limit=1) == 1
        return made(taken, vector)

    monkeypatch.setattr(packed, "packed_of", meanwhile)
    while packed.catch_up(filled.database, filled.workspace, limit=1):
        pass
    with filled.database.read() as connection:
        assert not packed.waits(connection, filled.workspace)


def test_what_another_has_open_is_seen_once_it_is_done(filled: Bench) -> None:
    """On PostgreSQL the transaction that began first may end last: its number is lower than what a reader has read."""
    reader, record = Reader(filled), id_of(filled, "a")
    reader.look()
    if filled.database.kind == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with filled.database.write() as slow:
        slow.execute(records.records.update().where(records.records.c.id == record).values(channel="slow"))
        filled.sql("UPDATE records SET channel = 'fast' WHERE source_record = 'b'")
        reader.look()
        assert {context.channel for context in reader.columns.contexts} >= {"fast"}
    reader.look()
    channels = [reader.columns.contexts[at].channel for at in reader.columns.context.tolist()]
    assert sorted(filter(None, channels)) == ["fast", "slow"]


def test_an_older_store_in_place_of_this_one_is_read_anew(filled: Bench) -> None:
    reader = Reader(filled)
    reader.look()
    reader.following = 10**12
    assert len(reader.look()) == 2


def test_another_workspace_has_rows_of_its_own(filled: Bench) -> None:
    with filled.database.read() as connection:
        span = packed.span(connection, "ws_other", 0)
        assert list(packed.changes(connection, "ws_other", span)) == []
        assert not packed.waits(connection, "ws_other") and packed.count(connection, "ws_other") == 0
