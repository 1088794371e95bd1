"""A taxonomy file is read whole: what is wrong anywhere stops with one error that names every fault."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vocservice.errors import TaxonomyError
from vocservice.paths import config_path
from vocservice.taxonomy import Taxonomy, has_place, load_taxonomy, parse_taxonomy, parse_taxonomy_json, taxonomy_json

OURS: dict[str, Any] = tomllib.loads(config_path("taxonomy.toml").read_text(encoding="utf-8"))
Change = Callable[[dict[str, Any]], object]


def labels(*keys: str) -> list[dict[str, Any]]:
    return [{"key": key, "label": key.title(), "definition": f"about {key}"} for key in keys]


def small(**sets: Any) -> dict[str, Any]:
    return {"name": "small", "version": "1"} | (sets or {"topics": {"kind": "multi", "labels": labels("a", "b")}})


def test_ours_is_the_codebooks() -> None:
    taxonomy = load_taxonomy()
    assert taxonomy["stages"].keys == (
        "awareness",
        "discovery",
        "attraction",
        "interaction",
        "purchase",
        "use",
        "cultivation",
        "advocacy",
    )
    assert taxonomy["stages"].max_labels == 3
    assert len(taxonomy["factors"].keys) == 16 and taxonomy["factors"].polarities == ("+", "-", "~")
    groups = [label.group for label in taxonomy["factors"].labels]
    assert list(dict.fromkeys(groups)) == ["offering", "digital", "design", "operations", "service", "relationship"]
    assert taxonomy["sentiment"].keys == ("-2", "-1", "0", "1", "2") and taxonomy["sentiment"].kind == "ordinal"
    assert taxonomy["scope"].keys == ("service_complaint", "experience_issue", "both", "neither")
    assert taxonomy["scope"]["both"].combines == ("service_complaint", "experience_issue")
    assert set(taxonomy["flags"].keys) == {
        "churn_risk",
        "repeat_contact",
        "escalation",
        "safety_fraud",
        "suggestion",
        "question",
        "needs_reply",
        "recommend",
    }
    assert set(taxonomy["outcome"].keys) == {"resolved", "unresolved", "pending", "unclear"}
    assert len(taxonomy["reasons"].keys) == 7


def test_every_label_of_ours_has_a_definition_an_owner_and_metrics() -> None:
    taxonomy = load_taxonomy()
    for label_set in taxonomy.sets:
        for label in label_set.labels:
            assert label.label and label.definition and label.owner in taxonomy.owners
            assert label.metrics and set(label.metrics) <= set(taxonomy.metrics)
    assert set(taxonomy.owners) >= {"support", "product", "marketing", "operations", "digital", "finance", "people"}


def test_sets_are_told_by_what_they_label() -> None:
    taxonomy = load_taxonomy()
    assert [s.name for s in taxonomy.of("verbatim")] == ["stages", "factors", "sentiment", "scope", "flags"]
    assert [s.name for s in taxonomy.of("transcript")] == ["outcome", "reasons"]
    assert "stages" in taxonomy and "weather" not in taxonomy


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("stages"), "missing label set stages"),
        (lambda t: t.update(stages2=t["stages"]), "unknown label set stages2"),
        (lambda t: t["stages"]["labels"].reverse(), "stages: must be, in this order, awareness"),
        (lambda t: t["sentiment"]["labels"].reverse(), "sentiment: must be, in this order"),
        (lambda t: t["factors"]["labels"].pop(), "factors: must be, in this order, product_quality"),
        (lambda t: t["factors"]["labels"].reverse(), "factors: must be, in this order, product_quality"),
        (lambda t: t["factors"]["labels"][0].update(key="quality"), "factors: must be, in this order, product_quality"),
        (lambda t: t["factors"]["labels"][0].pop("group"), "factors.product_quality: group must be offering"),
        (lambda t: [label.update(group="offering") for label in t["factors"]["labels"]], "factors.technology: group must be digital"),
        (lambda t: t["factors"].pop("polarities"), "factors: polarities must be ('+', '-', '~')"),
        (lambda t: t["factors"].update(polarities=["-", "+", "~"]), "factors: polarities must be"),
        (lambda t: t["flags"].update(polarities=["+", "-"]), "flags: polarities must be left out"),
        (lambda t: t["flags"]["labels"].pop(), "flags: must be, in this order, churn_risk"),
        (lambda t: t["reasons"]["labels"].pop(), "reasons: must be, in this order, unresolved_anger"),
        (lambda t: t["outcome"]["labels"].pop(), "outcome: must be, in this order, resolved"),
        (lambda t: t["outcome"].update(of="verbatim"), "outcome: of must be transcript"),
        (lambda t: t["scope"].update(kind="ordinal", labels=t["scope"]["labels"][:2]), "scope: kind must be single"),
        (lambda t: t["scope"]["labels"][2].pop("combines"), "scope.both: combines must be ('service_complaint', 'experience_issue')"),
        (lambda t: t["scope"]["labels"][0].update(combines=["both"]), "scope.service_complaint: combines must be left out"),
        (lambda t: t["stages"].pop("max_labels"), "stages: max_labels must be 3"),
        (lambda t: t.update(description=3), "description must be a text"),
        (lambda t: t["owners"].update(support=" "), "[owners] must map names to texts"),
        (lambda t: t["stages"]["labels"][0].pop("definition"), "stages.labels.0.definition"),
        (lambda t: t["stages"]["labels"][0].update(definition=""), "stages.labels.0.definition"),
        (lambda t: t["stages"]["labels"][0].update(definition=" \n"), "stages.labels.0.definition"),
        (lambda t: t["stages"]["labels"][0].update(colour="red"), "stages.labels.0.colour"),
        (lambda t: t["stages"]["labels"][0].pop("owner"), "stages.awareness: owner and metrics missing"),
        (lambda t: t["stages"]["labels"][0].update(owner="nobody"), "unknown owner nobody"),
        (lambda t: t["stages"]["labels"][0].update(metrics=["luck"]), "unknown metric luck"),
        (lambda t: t["flags"].update(kind="several"), "flags.kind"),
        (lambda t: t.pop("version"), "name and version"),
        (lambda t: t.update(version=" "), "name and version"),
        (lambda t: t.update(owners=["support"]), "[owners] must map names to texts"),
    ],
)
def test_a_wrong_taxonomy_of_ours_is_refused_and_says_where(change: Change, told: str) -> None:
    raw = copy.deepcopy(OURS)
    change(raw)
    with pytest.raises(TaxonomyError) as caught:
        parse_taxonomy(raw, origin="mine.toml")
    assert told in caught.value.message and caught.value.message.startswith("mine.toml: ")


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"a": {"kind": "multi", "labels": labels("x")}}, "a.labels"),
        ({"a": {"kind": "multi", "labels": labels("x", "x")}}, "labels given twice: x"),
        ({"a": {"kind": "single", "labels": labels("x", "y"), "polarities": ["+", "-"]}}, "polarities need kind"),
        ({"a": {"kind": "single", "labels": labels("x", "y"), "max_labels": 1}}, "max_labels needs kind"),
        ({"a": {"kind": "multi", "labels": labels("x", "y"), "max_labels": 0}}, "a.max_labels"),
        ({"a": {"kind": "single", "labels": [*labels("x", "y"), labels("z")[0] | {"combines": ["w"]}]}}, "combines must name"),
        ({"a": {"kind": "multi", "labels": [*labels("x", "y"), labels("z")[0] | {"combines": ["x"]}]}}, "combines must name"),
        ({"a": {"kind": "multi", "labels": labels("x", "two words")}}, "a.labels.1.key"),
        ({"a": {"kind": "multi", "labels": labels("x", "a|b")}}, "a.labels.1.key"),
        ({"a": {"kind": "multi", "labels": labels("x", "y"), "of": "planet"}}, "a.of"),
        ({"a": 3}, "a: "),
    ],
)
def test_a_wrong_taxonomy_of_anyone_is_refused(sets: dict[str, Any], told: str) -> None:
    with pytest.raises(TaxonomyError) as caught:
        parse_taxonomy(small(**sets))
    assert told in caught.value.message


def test_every_fault_is_named_at_once() -> None:
    raw = small(a={"kind": "odd", "labels": labels("x", "y")}, b={"kind": "multi", "labels": labels("x")}) | {"version": 2}
    with pytest.raises(TaxonomyError) as caught:
        parse_taxonomy(raw)
    assert all(told in caught.value.message for told in ("a.kind", "b.labels", "name and version"))


def test_a_taxonomy_without_sets_is_none() -> None:
    with pytest.raises(TaxonomyError, match="no label set"):
        parse_taxonomy({"name": "empty", "version": "1"})


def test_a_small_taxonomy_of_anyone_is_enough() -> None:
    taxonomy = parse_taxonomy(small())
    assert (taxonomy.id, taxonomy["topics"].keys, taxonomy["topics"]["a"].label) == ("small/1", ("a", "b"), "A")


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"name = ", "not valid TOML"), (b"name = '\xff'", "not valid TOML"), (b"", "name and version")],
    ids=["broken", "no text", "empty"],
)
def test_a_file_that_is_no_taxonomy_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "t.toml").write_bytes(content)
    with pytest.raises(TaxonomyError, match=told):
        load_taxonomy(tmp_path / "t.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="cannot read taxonomy"):
        load_taxonomy(tmp_path / "none.toml")


SHIPPED = [config_path("taxonomy.toml"), *sorted(config_path("taxonomies").glob("*.toml"))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_taxonomy_is_valid_and_survives_its_json(path: Path) -> None:
    taxonomy: Taxonomy = load_taxonomy(path)
    assert parse_taxonomy_json(taxonomy_json(taxonomy)) == taxonomy


def test_json_that_is_none_is_refused() -> None:
    with pytest.raises(TaxonomyError, match="not valid JSON"):
        parse_taxonomy_json(b"{")


@pytest.mark.parametrize(
    ("name", "kind", "keys", "expected"),
    [
        ("stages", "multi", ("a", "b"), True),
        ("stages", "single", ("a", "b"), False),
        ("scope", "single", ("a", "b"), True),
        ("scope", "multi", ("a", "b"), False),
        ("sentiment", "ordinal", ("-2", "-1", "0", "1", "2"), True),
        ("sentiment", "ordinal", ("-1", "0", "1"), False),
        ("sentiment", "single", ("-2", "-1", "0", "1", "2"), False),
        ("topics", "multi", ("a", "b"), False),
    ],
)
def test_a_set_has_a_field_of_its_own_only_where_it_fits(name: str, kind: str, keys: tuple[str, ...], expected: bool) -> None:
    taxonomy = parse_taxonomy(small(**{name: {"kind": kind, "labels": labels(*keys)}}))
    assert has_place(taxonomy[name]) is expected
