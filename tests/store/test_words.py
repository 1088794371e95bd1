"""Tests of `store.analysed.words`: both databases find the same, whatever is typed, and nothing of what was erased."""

import shutil
from pathlib import Path

import pytest
from builders import analysis, conversation
from sqlalchemy import select

from store.bench import Bench, keep, load, said, take
from vocservice.records import Result
from vocservice.reporting.packing import key_of
from vocservice.reporting.wording import terms_of
from vocservice.store import migrate
from vocservice.store.analysed import packed, words
from vocservice.store.received import erasure, records
from vocservice.store.schema import facts
from vocservice.store.schema import said as table
from vocservice.store.searching import LEFT

CANARY = "zanzibarcanary"
TEXTS = {
    "lot": "The parking lot was full. Refund me!",
    "lots": "Lots of parking, no refunds; don't ask [NAME] twice.",
    "late": "It's late: the REFUND came late, 4.5 weeks.",
    "cjk": "退款太慢",
    "signs": "'quoted' \\ \"words\" & | ! <-> : * ()",
}


def filled(bench: Bench, texts: dict[str, str | Result]) -> dict[str, str]:
    """The records of some texts, by name; packed."""
    bench.deliver(*(said(name, "raw", subject=name) for name in texts))
    for job in take(bench, limit=1000):
        task = load(bench, job)
        told = texts[task.verbatim.id]
        assert keep(bench, task, analysis(told) if isinstance(told, str) else told)
    look(bench)
    return {name: str(bench.rows(records.records, source_record=name)[0]["id"]) for name in texts}


def look(bench: Bench) -> None:
    while packed.catch_up(bench.database, bench.workspace):
        pass


def found(bench: Bench, typed: str, *, workspace: str = "", are_all: bool = True) -> set[int]:
    with bench.database.read() as connection:
        return set(words.keys(connection, workspace or bench.workspace, terms_of(typed), are_all=are_all))


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("refund", {"lot", "late"}),
        ("REFUND late", {"late"}),
        ("refund*", {"lot", "lots", "late"}),
        ("fund", set()),
        ("park*", {"lot", "lots"}),
        ('"parking lot"', {"lot"}),
        ('"lot parking"', set()),
        ('"parking l*"', {"lot"}),
        ('"of parking"', {"lots"}),
        ("don't", {"lots"}),
        ("name", set()),
        ('"ask twice"', set()),  # somebody's name stood between
        ("4.5", {"late"}),
        ("退款", {"cjk"}),
        ("款退", set()),
        ("quoted words", {"signs"}),
        ("and or not near", set()),
        ("!!!", set()),
    ],
)
def test_both_databases_find_the_same(bench: Bench, typed: str, names: set[str]) -> None:
    ids = filled(bench, dict(TEXTS))
    assert found(bench, typed) == {key_of(ids[name]) for name in names}
    assert found(bench, typed, workspace="ws_other") == set()


def test_any_of_several_is_found_too(bench: Bench) -> None:
    ids = filled(bench, dict(TEXTS))
    assert found(bench, "退款 late", are_all=False) == {key_of(ids[name]) for name in ("cjk", "late")}


def test_only_the_customers_words_of_a_transcript_count(bench: Bench) -> None:
    talk = conversation(("agent", "Goodbye then"), ("customer", "Hello there"), ("customer", "Refund please"))
    ids = filled(bench, {"talk": analysis("x", conversation=talk)})
    assert found(bench, "goodbye") == set()
    assert found(bench, "hello refund") == {key_of(ids["talk"])}


def test_of_a_very_long_text_both_databases_count_as_much(bench: Bench) -> None:
    often, wide = "tick " * 300 + "tock", " ".join(f"w{number}" for number in range(words.MOST_WORDS + 10))
    ids = filled(bench, {"often": often, "wide": wide, "heavy": " ".join(f"{number}" + "ａ" * 90 for number in range(9000))})
    assert found(bench, '"tick tick"') == {key_of(ids["often"])}
    assert found(bench, '"tick tock"') == set()  # beyond the times that a word is counted
    assert (found(bench, f"w{words.MOST_WORDS - 1}"), found(bench, f"w{words.MOST_WORDS}")) == ({key_of(ids["wide"])}, set())
    assert found(bench, "0a*") == {key_of(ids["heavy"])}


def test_a_newer_text_stands_in_place_of_the_older_and_one_that_cannot_be_read_has_no_words(bench: Bench) -> None:
    ids = filled(bench, {"a": "It crashed", "b": "It crashed"})
    bench.deliver(said("a", "New", version="2"))
    keep(bench, load(bench, take(bench)[0]), analysis("All is well"))
    look(bench)
    assert (found(bench, "well"), found(bench, "crashed")) == ({key_of(ids["a"])}, {key_of(ids["b"])})
    bench.sql("UPDATE records SET status = 'rejected' WHERE id = :id", id=ids["b"])
    look(bench)
    assert found(bench, "crashed") == set() and len(bench.rows(table)) == 1


def test_what_was_erased_is_found_no_longer_in_the_same_transaction(bench: Bench) -> None:
    filled(bench, {"anna": f"It crashed {CANARY}", "bert": "It crashed"})
    with bench.database.write() as connection:
        erasure.by_subject(connection, bench.vault, bench.workspace, "anna", actor="test")
    assert found(bench, CANARY) == set() and len(found(bench, "crashed")) == 1
    assert CANARY not in str(bench.rows(table))


@pytest.mark.parametrize("others", [0, 3, 400])
def test_the_file_holds_no_word_of_an_erased_text(sqlite_bench: Bench, tmp_path: Path, others: int) -> None:
    texts: dict[str, str | Result] = {f"other{number}": f"It crashed again{number}" for number in range(others)}
    filled(sqlite_bench, texts)
    filled(sqlite_bench, {"anna": f"It crashed {CANARY}"})
    with sqlite_bench.database.write() as connection:
        erasure.by_subject(connection, sqlite_bench.vault, sqlite_bench.workspace, "anna", actor="test")
    assert words.forget(sqlite_bench.database)
    assert CANARY.encode() not in Path(shutil.copy(str(sqlite_bench.database.url.database), tmp_path / "copy")).read_bytes()
    assert len(found(sqlite_bench, "crashed")) == others
    assert not words.forget(sqlite_bench.database)


def test_what_is_taken_out_while_the_index_is_merged_is_merged_the_next_time(sqlite_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = filled(sqlite_bench, {"a": "It crashed", "b": "It failed", "c": "It broke"})
    sqlite_bench.sql("DELETE FROM said WHERE record_id = :id", id=ids["a"])
    merged = words._merged

    def meanwhile(*given: object) -> bool:
        monkeypatch.undo()
        sqlite_bench.sql("DELETE FROM said WHERE record_id = :id", id=ids["b"])
        return merged(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(words, "_merged", meanwhile)
    assert words.forget(sqlite_bench.database)
    with sqlite_bench.database.read() as connection:
        assert connection.scalar(select(facts.c.value).where(facts.c.name == LEFT)) == "2"
    assert words.forget(sqlite_bench.database) and not words.forget(sqlite_bench.database)


def test_the_step_of_words_reads_those_of_records_that_are_there(bench: Bench) -> None:
    ids = filled(bench, dict(TEXTS))
    migrate.downgrade(bench.database, "0019")
    assert migrate.upgrade(bench.database) == migrate.head()
    assert found(bench, "refund") == set()
    look(bench)
    assert found(bench, "refund") == {key_of(ids[name]) for name in ("lot", "late")}
    bench.sql("DELETE FROM analyses WHERE record_id = :id", id=ids["lot"])
    assert found(bench, "refund") == {key_of(ids["late"])}
