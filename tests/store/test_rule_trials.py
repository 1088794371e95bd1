"""Tests of trying a rule on the past: counts, weeks, overlap with the model and with people, bounds, and that nothing is written."""

from datetime import UTC, datetime, timedelta
from typing import Any

from builders import analysis
from sqlalchemy import insert, select

from store.bench import Bench
from store.test_rules import QUIET, TAXONOMY, analysed
from vocservice.records import Label
from vocservice.rules.names import read_rule
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.review import rule_trials
from vocservice.store.review.rule_trials import Judged, Trial
from vocservice.store.schema import annotations, metadata
from vocservice.store.schema import records as record_table

BROKEN = "factor technology is negative"
LEAVING = analysis("*** crashed", flags=(Label("churn_risk", 0.9),), scope=None)  # the model brings it
CALM = analysis("*** crashed", **QUIET)  # only the rule would
FINE = analysis("*** is fine", **QUIET, factors=())


def tried(bench: Bench, rule: str = BROKEN, **bounds: Any) -> Trial:
    with bench.database.read() as connection:
        return rule_trials.run(connection, bench.workspace, read_rule(rule, TAXONOMY), **bounds)


def decided(bench: Bench, record: str, decision: str, labels: Any = None, **more: Any) -> None:
    values = {
        "id": new_id("ann"),
        "record_id": record,
        "workspace_id": bench.workspace,
        "revision": 1,
        "bundle": "b-1",
        "decision": decision,
    }
    with bench.database.write() as connection:
        values |= {"labels": labels or {}, "submission": new_id("sub"), "created_at": now(connection), **more}
        connection.execute(insert(annotations).values(**values))


def received(bench: Bench, record: str, day: str) -> None:
    with bench.database.write() as connection:
        at = datetime.fromisoformat(day).replace(tzinfo=UTC)
        connection.execute(record_table.update().where(record_table.c.id == record).values(received_at=at))


def test_it_is_counted_beside_the_model_and_people(bench: Bench) -> None:
    both, alone = analysed(bench, "a", result=LEAVING), analysed(bench, "b", result=CALM)
    model = analysed(bench, "c", result=analysis("***", flags=(Label("churn_risk", 0.9),), scope=None, factors=()))
    analysed(bench, "d", result=FINE)
    decided(bench, both, "confirm")
    decided(bench, alone, "dismiss")
    decided(bench, model, "correct", {"needs_review": False})
    found = tried(bench)
    assert (found.records, found.hits, found.both, found.rule_only, found.model_only) == (4, 2, 1, 1, 1)
    assert (found.before, found.after) == (2, 3)
    assert (found.rule, found.model) == (Judged(1, 1), Judged(1, 1))
    assert found.rule.precision == 0.5
    low, high = found.rule.interval or (0, 0)
    assert 0 < low < 0.1 and 0.9 < high < 1


def test_the_last_decision_that_stands_counts(bench: Bench) -> None:
    record = analysed(bench, result=CALM)
    decided(bench, record, "confirm")
    decided(bench, record, "dismiss", undone_at=datetime.now(UTC))
    decided(bench, record, "dismiss", revision=7)
    assert tried(bench).rule == Judged(1, 0)


def test_weeks_begin_on_mondays_and_examples_are_the_newest(bench: Bench) -> None:
    days = ("2026-11-01", "2026-11-02", "2026-11-08", "2026-11-09")
    found = [analysed(bench, day, result=CALM) for day in days]
    for record, day in zip(found, days, strict=True):
        received(bench, record, day)
    trial = tried(bench)
    assert [(week.monday.isoformat(), week.records, week.hits) for week in trial.weeks] == [
        ("2026-10-26", 1, 1),
        ("2026-11-02", 2, 2),
        ("2026-11-09", 1, 1),
    ]
    assert [one.record_id for one in trial.examples] == found[::-1]
    assert (trial.examples[0].because, trial.examples[0].text) == ("factor.technology is negative", "crashed")


def test_it_is_bounded_and_says_so(bench: Bench) -> None:
    found = [analysed(bench, str(number), result=CALM) for number in range(12)]
    assert (tried(bench, limit=11).records, tried(bench, limit=11).is_cut) == (11, True)
    assert (tried(bench, limit=12).records, tried(bench, limit=12).is_cut) == (12, False)
    assert len(tried(bench).examples) == rule_trials.EXAMPLES
    received(bench, found[0], "2020-01-01")
    assert tried(bench, since=datetime.now(UTC) - timedelta(days=1)).records == 11


def test_with_nothing_stored_there_is_nothing_to_say(bench: Bench) -> None:
    found = tried(bench)
    assert (found.records, found.weeks, found.rule.precision, found.rule.interval, found.is_cut) == (0, (), None, None, False)
    assert found.to_dict()["rule"] == {"decided": 0, "confirmed": 0, "dismissed": 0, "precision": None, "interval": None}


def test_ages_are_those_of_the_day_it_was_analysed(bench: Bench) -> None:
    record = analysed(bench, result=CALM)
    received(bench, record, "2020-01-01")
    assert tried(bench, "received.age > 1000 d").hits == 1
    assert tried(bench, "received.age < 1 d").hits == 0


def test_nothing_is_written(bench: Bench) -> None:
    analysed(bench, result=CALM)

    def whole() -> list[Any]:
        with bench.database.read() as connection:
            return [tuple(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]

    before = whole()
    tried(bench)
    assert whole() == before
