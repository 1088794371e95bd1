"""Tests of `store.analysed.own`: which own fields of a workspace count stands in the store, for every process alike."""

from datetime import timedelta

import pytest

from store.bench import Bench, said, work_off
from vocservice.errors import InputError
from vocservice.reporting.own import EVERY, MOST_FIELDS, Fields
from vocservice.reporting.segments import MOST_OFFERED
from vocservice.store.analysed import own, packed, segments
from vocservice.store.analysed.own import MOST_HIDDEN
from vocservice.store.analysed.table import Table
from vocservice.store.database import now
from vocservice.store.schema import audit, records
from vocservice.store.types import to_json
from vocservice.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
OFTEN = tuple(f"often{at:02}" for at in range(MOST_FIELDS - 1))


def tell(bench: Bench, count: int, *names: str) -> None:
    """So many records of different customers that tell these fields, half of them one thing and half another."""
    before = len(bench.rows(records))
    made = [f"r{before + at}" for at in range(count)]
    bench.deliver(*(said(name, "It crashed", subject=name) for name in made))
    assert work_off(bench) == count
    for at, name in enumerate(made):
        details = to_json(dict.fromkeys(names, "ab"[at % 2]))
        bench.sql("UPDATE records SET details = :details, channel = 'web' WHERE source_record = :name", details=details, name=name)


def hidden(bench: Bench, name: str, is_hidden: bool = True) -> None:
    own.set_hidden(bench.database, bench.workspace, name, is_hidden, actor="test")


def fields(bench: Bench) -> Fields:
    with bench.database.read() as connection:
        return own.of(connection, bench.workspace)


def process(bench: Bench) -> Table:
    """What a process holds of the workspace; it has not looked yet."""
    return Table(bench.database, bench.workspace, TAXONOMY)


def seen(table: Table) -> set[str]:
    """The own fields that a process holds at a look."""
    return set(table.load().columns.own.codes)


def test_of_few_fields_all_count_and_nothing_is_kept(bench: Bench) -> None:
    tell(bench, 10, *OFTEN, "plan")
    assert seen(process(bench)) == {*OFTEN, "plan"} and fields(bench) == EVERY
    with bench.database.read() as connection:
        assert own.told(connection, bench.workspace) == dict.fromkeys((*OFTEN, "plan"), 10)


def test_every_process_holds_the_same_however_it_came_to_look(bench: Bench) -> None:
    early, late = process(bench), process(bench)
    tell(bench, 2, *OFTEN[1:], "seldom", "never")
    seen(early)
    tell(bench, 10, *OFTEN, "plan")
    held = {*OFTEN, "plan"}
    assert seen(early) == seen(late) == seen(process(bench)) == held and fields(bench).held == held
    tell(bench, 20, "new")
    assert seen(early) == seen(late) == held  # until it is decided anew
    assert own.choose(bench.database, bench.workspace).held == held - {"plan"} | {"new"}  # `often00` is told as often, and before it
    assert early.is_behind() and seen(early) == seen(process(bench)) == held - {"plan"} | {"new"}
    assert segments.told(bench.database, bench.workspace).keys() <= held - {"plan"} | {"new"}


def test_an_export_lets_fields_be_decided_too(bench: Bench) -> None:
    tell(bench, 10, *OFTEN, "plan")
    tell(bench, 10, "plan", "spare")
    tell(bench, 2, "spare2")
    told = segments.told(bench.database, bench.workspace)
    assert len(told) == MOST_OFFERED and told["plan"] == {"a", "b"} and fields(bench).held == {*OFTEN, "plan"}


def test_a_field_that_no_record_tells_any_more_takes_no_place(bench: Bench) -> None:
    table = process(bench)
    tell(bench, 10, *OFTEN, "gone")
    seen(table)
    bench.sql("UPDATE records SET details = :details, channel = 'x'", details=to_json(dict.fromkeys((*OFTEN, "plan"), "a")))
    assert {name for name, codes in table.load().columns.own.codes.items() if codes.names} == {*OFTEN, "plan"} == seen(process(bench))
    assert fields(bench) == EVERY


def test_a_hidden_field_is_not_kept_and_another_takes_its_place(bench: Bench) -> None:
    tell(bench, 10, *OFTEN, "plan")
    tell(bench, 2, "seldom")
    table = process(bench)
    assert "seldom" not in seen(table)
    hidden(bench, "plan")
    assert seen(table) == seen(process(bench)) == {*OFTEN, "seldom"}
    assert "plan" not in segments.told(bench.database, bench.workspace)
    hidden(bench, "plan", False)
    assert seen(table) == {*OFTEN, "plan"}
    acts = [(row["actor"], row["action"], row["target"]) for row in bench.rows(audit) if row["action"].startswith("field.")]
    assert acts == [("test", "field.hide", "plan"), ("test", "field.show", "plan")]


def test_of_few_fields_a_hidden_one_comes_back_with_its_records(bench: Bench) -> None:
    tell(bench, 10, "plan", "region")
    table = process(bench)
    hidden(bench, "plan")
    hidden(bench, "plan")  # already
    assert seen(table) == {"region"} and fields(bench) == Fields(frozenset({"plan"}))
    hidden(bench, "plan", False)
    assert table.load().columns.told["plan"] == {"a": 5, "b": 5} and fields(bench) == EVERY
    assert [row["action"] for row in bench.rows(audit)].count("field.hide") == 1


@pytest.mark.parametrize(
    ("name", "is_hidden", "code"),
    [("", True, "field_unfit"), ("x" * 61, True, "field_unfit"), ("email", True, "field_unfit"), ("plan", False, "field_unknown")],
)
def test_what_cannot_be_hidden_or_brought_back(bench: Bench, name: str, is_hidden: bool, code: str) -> None:
    with pytest.raises(InputError) as caught:
        hidden(bench, name, is_hidden)
    assert caught.value.code == code and fields(bench) == EVERY and bench.rows(audit) == []


def test_so_many_are_hidden_at_most(bench: Bench) -> None:
    for at in range(MOST_HIDDEN):
        hidden(bench, f"field {at}")
    with pytest.raises(InputError) as caught:
        hidden(bench, "one more")
    assert caught.value.code == "fields_full"


def test_it_is_decided_anew_once_a_day_where_not_all_are_held(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(bench, 10, *OFTEN, "plan")
    tell(bench, 2, "seldom")
    seen(process(bench))
    tell(bench, 20, "new")
    assert own.choose_due(bench.database) == 0 and "new" not in (fields(bench).held or ())
    with bench.database.read() as connection:
        day = now(connection).date()
    held = sorted(fields(bench).held or ())
    kept = to_json({"hidden": [], "held": held, "on": (day - timedelta(days=1)).isoformat()})
    bench.sql("UPDATE workspaces SET own_fields = :kept", kept=kept)
    with monkeypatch.context() as few:
        few.setattr(packed, "AT_ONCE", 10)
        assert own.choose_due(bench.database) == 0  # the 20 wait: nobody is held up until they are packed
    assert packed.catch_up(bench.database, bench.workspace) == 20
    assert own.choose_due(bench.database) == 1 and own.choose_due(bench.database) == 0
    assert "new" in (fields(bench).held or ())


def test_a_field_hidden_while_it_is_decided_stays_hidden(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(bench, 10, *OFTEN, "plan")
    tell(bench, 2, "seldom")
    told, beside = own.told, list[str]()

    def meanwhile(*args: object) -> object:
        found = told(*args)  # type: ignore[arg-type]
        if not beside:
            beside.append("plan")
            hidden(bench, "plan")
        return found

    monkeypatch.setattr(own, "told", meanwhile)
    assert own.choose(bench.database, bench.workspace) == Fields(frozenset({"plan"}), None)
