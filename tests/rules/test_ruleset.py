"""Tests of the rules of an installation: the file, and what they add to an analysis and withhold of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import FakeEngine, analysis, conversation, saved

from vocservice.errors import ConfigError
from vocservice.paths import config_path
from vocservice.pipeline import Pipeline
from vocservice.records import Analysis, RawVerbatim
from vocservice.rules.ruleset import Rule, load_ruleset
from vocservice.rules.step import apply_rules
from vocservice.taxonomy import load_taxonomy
from vocservice.text.redact import RedactionRules

TAXONOMY = load_taxonomy()
TALK = (("customer", "It crashed."), ("agent", "Sorry."))


def rules(folder: Path, *tables: str) -> tuple[Rule, ...]:
    plain = 'owner = "Ada"\nreason = "Read it"\n'
    text = "".join(f'[[rules]]\nid = "r{number}"\n{plain}{table}\n' for number, table in enumerate(tables))
    return load_ruleset(saved(folder, "rules.toml", text), TAXONOMY)


def told(found: Analysis, name: str) -> Any:
    return found.to_dict().get(name)


def test_the_shipped_file_has_none_on_and_its_examples_are_rules(tmp_path: Path) -> None:
    shipped = config_path("rules.toml").read_text(encoding="utf-8")
    assert load_ruleset(config_path("rules.toml"), TAXONOMY) == ()
    examples = "\n".join(line.removeprefix("# ") for line in shipped.partition("# [[rules]]")[2].splitlines())
    loaded = load_ruleset(saved(tmp_path, "rules.toml", "[[rules]]" + examples), TAXONOMY)
    assert {rule.effect for rule in loaded} == {"review", "route", "abstain"}


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('when = "churn_risc > 0.5"', "did you mean churn_risk"),
        ("", "when"),
        ('when = "needs_review"\neffect = "route"', "names a queue"),
        ('when = "needs_review"\neffect = "abstain"', "labels"),
        ('when = "needs_review"\nlabels = ["flag.churn_risk"]', "labels"),
        ('when = "needs_review"\neffect = "abstain"\nlabels = ["flag.churn"]', "no label flag.churn"),
        ('when = "needs_review"\neffect = "abstain"\nlabels = ["reason.churn_risk"]', "no label reason.churn_risk"),
        ('when = "needs_review"\nother = 1', "other"),
        ('when = "needs_review"\nqueue = "No Such"', "queue"),
        ("=", "not valid TOML"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, table: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        rules(tmp_path, table)
    with pytest.raises(ConfigError, match="cannot read"):
        load_ruleset(tmp_path / "none.toml", TAXONOMY)


def test_an_id_given_twice_stops_the_start(tmp_path: Path) -> None:
    one = '[[rules]]\nid = "a"\nowner = "x"\nreason = "x"\nwhen = "needs_review"\n'
    with pytest.raises(ConfigError, match="a: given twice"):
        load_ruleset(saved(tmp_path, "rules.toml", one * 2), TAXONOMY)


def test_a_rule_adds_its_reason_and_calls_for_review(tmp_path: Path) -> None:
    calm = replace(conversation(*TALK), needs_review=False, needs_review_probability=0.2, reasons=())
    before = analysis("It crashed.\nSorry.", conversation=calm)
    after = apply_rules(rules(tmp_path, 'when = "factor.technology is negative"'), before, RawVerbatim("a-1", turns=()))
    (hit,) = told(after, "rules")
    assert (hit["id"], hit["reason"], hit["because"]) == ("r0", "Read it", "factor.technology is negative")
    assert [piece["text"] for piece in hit["evidence"]] == ["crashed"]
    assert told(after, "needs_review") == {"value": True, "probability": 0.2, "because": "rule:r0"}
    assert told(after, "reasons") == ()
    given = {name: value for name, value in after.to_dict().items() if name not in ("rules", "needs_review")}
    assert given == {name: value for name, value in before.to_dict().items() if name != "needs_review"}


def test_the_call_of_the_model_stays_as_it_is(tmp_path: Path) -> None:
    before = analysis("x", conversation=conversation(*TALK))
    after = apply_rules(rules(tmp_path, 'when = "needs_review"'), before, RawVerbatim("a-1"))
    assert told(after, "needs_review") == told(before, "needs_review")


def test_a_rule_that_routes_calls_for_nothing(tmp_path: Path) -> None:
    calm = replace(conversation(*TALK), needs_review=False)
    after = apply_rules(
        rules(tmp_path, 'when = "kind is transcript"\neffect = "route"\nqueue = "it"'), analysis(conversation=calm), RawVerbatim("a")
    )
    assert [hit["queue"] for hit in told(after, "rules")] == ["it"]
    assert told(after, "needs_review")["value"] is False


def test_labels_are_withheld_and_told_as_such(tmp_path: Path) -> None:
    table = (
        'when = "metadata.vip"\neffect = "abstain"\nlabels = ["flag.churn_risk", "stage.use", "scope.experience_issue", "flag.escalation"]'
    )
    after = apply_rules(rules(tmp_path, table), analysis(), RawVerbatim("a", text="x", metadata={"vip": True}))
    assert told(after, "flags") == () and told(after, "scope") is None
    assert [label["key"] for label in told(after, "stages")] == ["cultivation"]
    moved = [(one["label"], one.get("because")) for one in told(after, "abstained")]
    assert moved == [
        ("stages.advocacy", None),
        *((label, "rule:r0") for label in ("flags.churn_risk", "stages.use", "scope.experience_issue")),
    ]
    assert "rules" not in after.to_dict()


def test_every_rule_reads_what_the_model_gave(tmp_path: Path) -> None:
    tables = ('when = "churn_risk"\neffect = "abstain"\nlabels = ["flag.churn_risk"]', 'when = "churn_risk"')
    for order in (tables, tables[::-1]):
        assert len(told(apply_rules(rules(tmp_path, *order), analysis(), RawVerbatim("a")), "rules")) == 1


def test_the_pipeline_applies_them_to_each_record_by_itself(tmp_path: Path) -> None:
    redaction = RedactionRules.load(config_path("redaction.toml"))
    loaded = rules(tmp_path, 'when = "metadata.plan is gold and factor.technology is negative"')
    pipeline = Pipeline(FakeEngine(), redaction=redaction, rules=loaded)  # type: ignore[arg-type]
    records = [RawVerbatim(str(number), text="The app crashed.", metadata={"plan": plan}) for number, plan in enumerate(("gold", "free"))]
    found = [result.to_dict() for result in pipeline.analyse(records)]
    assert [len(one.get("rules", ())) for one in found] == [1, 0]


def test_nothing_changes_where_there_is_no_rule() -> None:
    before = analysis()
    assert apply_rules((), before, RawVerbatim("a")) is before
