"""Tests of the rules of a workspace: versions, what they hold for, the queue, erasure, other bundles, and people's decisions."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from builders import analysis, conversation
from sqlalchemy import insert

from store.bench import WORKER, Bench, keep, load, said, take
from vocservice.errors import ConflictError, InputError, RuleError
from vocservice.records import Analysis, RawTurn, RawVerbatim, RuleHit
from vocservice.store import audit
from vocservice.store.analysed import analyses, promotions
from vocservice.store.analysed.analyses import Cleaned
from vocservice.store.database import now
from vocservice.store.ids import new_id
from vocservice.store.received import records
from vocservice.store.review import reviews, rule_hits, rules
from vocservice.store.review.rules import Draft, Rule
from vocservice.store.schema import assignments, review_labels, rule_versions, tags
from vocservice.store.schema import audit as audit_table
from vocservice.store.schema import records as record_table
from vocservice.store.schema import reviews as review_table
from vocservice.store.schema import rule_hits as hit_table
from vocservice.store.schema import rules as rule_table
from vocservice.store.schema import users as user_table
from vocservice.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
QUIET = {"flags": (), "scope": None}  # of which the model brings nothing to the desk


def draft(expression: str = "factor technology is negative", **changes: Any) -> Draft:
    return Draft(
        **{"name": "Broken tech", "owner": "Digital", "expression": expression, "reason": "Something of ours is broken", **changes}
    )


def made(bench: Bench, expression: str = "factor technology is negative", **changes: Any) -> Rule:
    with bench.database.write() as connection:
        return rules.create(connection, bench.workspace, draft(expression, **changes), TAXONOMY, is_enabled=True, actor="user:1")


def analysed(bench: Bench, record: str = "r", *, bundle: str = "b-1", result: Analysis | None = None, **more: Any) -> str:
    """A record, delivered and analysed; its id."""
    bench.deliver(said(record, "The app crashed", **more))
    for job in take(bench):
        task = load(bench, job)
        found = result or analysis("*** crashed", id=task.verbatim.id, **QUIET)
        assert keep(bench, task, found, bundle=bundle)
    (row,) = [row for row in bench.rows(record_table) if row["source_record"] == record]
    return str(row["id"])


def hits(bench: Bench, **where: Any) -> list[dict[str, Any]]:
    return bench.rows(hit_table, **where)


def test_a_rule_holds_for_what_is_analysed_after_it_was_made(bench: Bench) -> None:
    analysed(bench, "before")
    rule = made(bench)
    after = analysed(bench, "after")
    (hit,) = hits(bench)
    assert (hit["record_id"], hit["rule_id"], hit["version"], hit["revision"], hit["bundle"]) == (after, rule.id, 1, 1, "b-1")
    assert hit["because"] == "factor.technology is negative"
    assert "crashed" not in str(hit["evidence"])


def test_a_hit_puts_a_text_into_the_queue_that_the_model_left_out(bench: Bench) -> None:
    made(bench, urgency=35, tag="Tech  Team")
    record = analysed(bench)
    (row,) = bench.rows(review_table)
    # 35 points of the rule, and those of the sentiment, which the model gave
    assert (row["record_id"], row["urgency"]) == (record, 350 + 25)
    assert [found["label"] for found in bench.rows(review_labels)] == ["rules.Broken tech"]
    assert [found["tag"] for found in bench.rows(tags)] == ["tech team"]
    assert bench.rows(record_table)[0]["needs_review"] is True


def test_a_rule_that_does_not_hold_or_is_off_does_nothing(bench: Bench) -> None:
    made(bench, "channel is phone")
    off = made(bench, "kind is text", name="Off")
    with bench.database.write() as connection:
        rules.set_enabled(connection, off, False, actor="user:1")
    analysed(bench)
    assert hits(bench) == bench.rows(review_table) == []
    assert bench.rows(record_table)[0]["needs_review"] is None


def test_a_rule_that_routes_brings_nothing_by_itself(bench: Bench) -> None:
    with bench.database.write() as connection:
        lead = {"id": new_id("user"), "workspace_id": bench.workspace, "email": "lead@example.org", "name": "Lea", "role": "support_lead"}
        connection.execute(insert(user_table).values(**lead, preferences={}, created_at=now(connection)))
    made(bench, effect="route", assignee="Lead@example.org")
    analysed(bench)
    assert (len(hits(bench)), bench.rows(review_table)) == (1, [])
    assert [found["user_id"] for found in bench.rows(assignments)] == [lead["id"]]
    with bench.database.write() as connection:
        connection.execute(user_table.update().values(is_active=False))
    analysed(bench, "of somebody who left")
    assert (len(hits(bench)), len(bench.rows(assignments))) == (2, 1)


def test_a_rule_of_the_installation_brings_its_record_too(bench: Bench) -> None:
    hit = RuleHit("late_answer", "review", "Waited", "turns > 3")
    analysed(bench, "a", result=analysis("*** crashed", **QUIET, rules=(hit,)))
    analysed(bench, "b", result=analysis("*** crashed", **QUIET, rules=(replace(hit, effect="route"),)))
    assert [found["label"] for found in bench.rows(review_labels)] == ["rules.late_answer"]


def test_facts_of_the_record_are_known(bench: Bench) -> None:
    asked = "source is forms and metadata.region is north and score <= 6 and score.kind is nps and created.weekday is friday"
    made(bench, f'{asked} and text mentions "crashed"')
    analysed(bench, channel="chat", created_at="2026-11-27T10:00:00Z", score={"kind": "nps", "value": 3, "scale": 10})
    assert len(hits(bench)) == 1


def test_times_of_the_turns_are_known(bench: Bench) -> None:
    made(bench, "response.first > 5 min and outcome is resolved")
    turns = (RawTurn("customer", "It crashed", "2026-11-27T10:00:00Z"), RawTurn("agent", "Sorry", "2026-11-27T10:06:00Z"))
    bench.deliver(replace(said("t", ""), verbatim=RawVerbatim("t", turns=turns)))
    (job,) = take(bench)
    task = load(bench, job)
    talk = conversation(("customer", "It crashed"), ("agent", "Sorry"))
    with bench.database.write() as connection:
        cleaned = Cleaned(asdict(task.verbatim), None)
        assert analyses.save(connection, WORKER, task, analysis("x", conversation=talk), cleaned, bundle="b-1")
    assert len(hits(bench)) == 1


def test_a_change_is_a_new_version_and_hits_stay_with_theirs(bench: Bench) -> None:
    first = made(bench)
    record = analysed(bench)
    with bench.database.write() as connection:
        second = rules.change(connection, first, draft("churn_risk > 0.9", name="Leaving"), TAXONOMY, actor="user:2")
    assert (second.id, second.version, second.name, second.expression) == (first.id, 2, "Leaving", "flag.churn_risk > 0.9")
    with bench.database.read() as connection:
        assert [(one.version, one.name, one.changed_by) for one in rules.versions(connection, second)] == [
            (2, "Leaving", "user:2"),
            (1, "Broken tech", "user:1"),
        ]
        (hit,) = rule_hits.current(connection, bench.workspace, [record])[record]
    assert (hit.version, hit.name, hit.reason) == (1, "Broken tech", "Something of ours is broken")
    assert [piece.text for piece in hit.evidence] == ["crashed"]


def test_the_same_again_is_no_new_version(bench: Bench) -> None:
    first = made(bench)
    with bench.database.write() as connection:
        assert rules.change(connection, first, draft(" factor.technology  is negative "), TAXONOMY, actor="user:2") == first
    assert len(bench.rows(rule_versions)) == 1


def test_who_changes_what_changed_meanwhile_is_told(bench: Bench) -> None:
    first = made(bench)
    with bench.database.write() as connection:
        rules.change(connection, first, draft("churn_risk"), TAXONOMY, actor="user:2")
    with pytest.raises(ConflictError, match="nothing was stored") as caught, bench.database.write() as connection:
        rules.change(connection, first, draft("needs_review", name="Mine"), TAXONOMY, actor="user:3")
    assert caught.value.code == "rule_conflict"
    assert [row["name"] for row in bench.rows(rule_table)] == ["Broken tech"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"expression": "churn_risc"}, "rule_invalid"),
        ({"expression": ""}, "rule_invalid"),
        ({"expression": " or ".join(["churn_risk"] * 100)}, "rule_invalid"),  # too long with every label under its set
        ({"name": " "}, "rule_unusable"),
        ({"name": "x" * 51}, "rule_unusable"),
        ({"reason": ""}, "rule_unusable"),
        ({"owner": "a\x00b"}, "rule_unusable"),
        ({"effect": "abstain"}, "rule_unusable"),
        ({"effect": "route"}, "rule_unusable"),
        ({"urgency": 101}, "rule_unusable"),
        ({"urgency": -1}, "rule_unusable"),
        ({"tag": "x" * 41}, "tag_unusable"),
        ({"assignee": "nobody@example.org"}, "rule_unusable"),
        ({"name": "Taken"}, "name_taken"),
    ],
)
def test_what_cannot_be_is_refused(bench: Bench, changes: dict[str, Any], code: str) -> None:
    made(bench, name="Taken")
    rule = made(bench, name="Other")
    with pytest.raises((InputError, RuleError)) as caught, bench.database.write() as connection:
        rules.create(connection, bench.workspace, draft(**{"name": "New", **changes}), TAXONOMY, is_enabled=True, actor="user:1")
    assert caught.value.code == code
    with pytest.raises((InputError, RuleError)), bench.database.write() as connection:
        rules.change(connection, rule, draft(**{"name": "Other", **changes}), TAXONOMY, actor="user:1")
    assert len(bench.rows(rule_versions)) == 2


def test_a_rule_of_another_workspace_is_not_there(bench: Bench) -> None:
    rule = made(bench)
    with bench.database.read() as connection, pytest.raises(InputError) as caught:
        rules.get(connection, "ws_other", rule.id)
    assert caught.value.code == "rule_unknown"


def test_another_bundle_has_hits_of_its_own_and_a_decision_stays(bench: Bench) -> None:
    made(bench)
    record = analysed(bench)
    with bench.database.write() as connection:
        connection.execute(review_table.update().values(decided_at=now(connection)))
        records.jobs.enqueue(connection, bench.workspace, records.ANALYSE, record)
    analysed(bench, bundle="b-2", result=analysis("*** fine", **QUIET, factors=()))
    assert [hit["bundle"] for hit in hits(bench)] == ["b-1"]
    with bench.database.read() as connection:
        assert rule_hits.current(connection, bench.workspace, [record]) == {}
    assert bench.rows(review_table)[0]["decided_at"] is not None


def test_what_a_rule_brought_is_back_in_the_queue_after_a_roll_back(bench: Bench) -> None:
    made(bench)
    record = analysed(bench)
    with bench.database.write() as connection:
        records.jobs.enqueue(connection, bench.workspace, records.ANALYSE, record)
    analysed(bench, bundle="b-2", result=analysis("*** fine", **QUIET, factors=()))
    assert bench.rows(review_table) == []
    with bench.database.write() as connection:
        assert promotions.next_page(connection, bench.workspace, "b-1", after="", limit=10).restored == 1
    assert [row["urgency"] for row in bench.rows(review_table)] == [200 + 25]
    assert [found["label"] for found in bench.rows(review_labels)] == ["rules.Broken tech"]
    assert bench.rows(record_table)[0]["needs_review"] is True


def test_the_same_analysis_again_is_one_hit(bench: Bench) -> None:
    made(bench)
    record = analysed(bench)
    for _ in range(2):
        with bench.database.write() as connection:
            records.jobs.enqueue(connection, bench.workspace, records.ANALYSE, record)
        analysed(bench)
    assert len(hits(bench)) == 1
    with bench.database.read() as connection:
        assert reviews.counts(connection, bench.workspace).pending == 1


def test_erasing_takes_the_hits_along(bench: Bench) -> None:
    made(bench)
    record = analysed(bench)
    with bench.database.write() as connection:
        assert records.erase_by_id(connection, bench.vault, bench.workspace, record, reason="api")
    assert hits(bench) == []


def test_every_change_is_in_the_audit_log(bench: Bench) -> None:
    rule = made(bench)
    with bench.database.write() as connection:
        rules.change(connection, rule, draft("churn_risk"), TAXONOMY, actor="user:1")
        for is_enabled in (False, False, True):
            rules.set_enabled(connection, rules.get(connection, bench.workspace, rule.id), is_enabled, actor="user:1")
    with bench.database.read() as connection:
        assert audit.first_broken(connection) is None
    assert [row["action"] for row in bench.rows(audit_table)] == ["rule.create", "rule.change", "rule.disable", "rule.enable"]


def test_a_rule_that_this_release_cannot_read_holds_up_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    made(bench)
    bench.sql("UPDATE rule_versions SET expression = 'what = this'")
    analysed(bench)
    assert hits(bench) == []
    assert "cannot be read" in caplog.text
