"""Targets are 1 given, 0 absent, -1 unknown, set by set and label by label."""

from collections.abc import Mapping

import pytest

from training.examples import Example, Labels, OneOf, Target
from training.targets import build_targets
from vocservice.inference.layout import Layout

U = -1


def row(layout: Layout, name: str, targets: Mapping[str, Target], field: str = "labels") -> list[int]:
    built = build_targets([Example("a-1", "toy", "text", targets)], [[{}]], layout)[name]
    return getattr(built, field)[0].tolist()


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("stages", None, [U, U, U]),
        ("stages", Labels({}), [0, 0, 0]),
        ("stages", Labels({"eat": None}), [0, 1, 0]),
        ("stages", Labels({"eat": None}, unknown=frozenset({"tell"})), [0, 1, U]),
        ("stages", Labels({"eat": None}, unknown=frozenset({"eat"})), [0, 1, 0]),
        ("stages", Labels({"not ours": None}), [0, 0, 0]),
        ("sentiment", None, [U] * 5),
        ("sentiment", OneOf(frozenset({"0"})), [0, 0, 1, 0, 0]),
        ("sentiment", OneOf(frozenset({"-2", "-1"})), [1, 1, 0, 0, 0]),
        ("scope", OneOf(frozenset({"both"})), [0, 0, 1, 0]),
    ],
    ids=[
        "unknown set",
        "nothing given",
        "one given",
        "one unknown",
        "given wins",
        "foreign label",
        "no level",
        "a level",
        "two levels",
        "a class",
    ],
)
def test_labels(layout: Layout, name: str, target: Target | None, expected: list[int]) -> None:
    assert row(layout, name, {} if target is None else {name: target}) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, [U, U, U]), ({"food": "+", "crew": "~"}, [0, U, 2]), ({"price": None}, [U, U, U]), ({"price": "?"}, [U, U, U])],
    ids=["none given", "two polarities", "given without polarity", "polarity of another set"],
)
def test_polarity_is_known_only_where_given(layout: Layout, given: dict[str, str | None], expected: list[int]) -> None:
    assert row(layout, "factors", {"factors": Labels(given)}, "polarities") == expected


def test_evidence_is_known_only_for_labels_whose_spans_were_annotated(layout: Layout) -> None:
    marked = Example("a-1", "toy", "text", {"factors": Labels({"food": "+", "price": "-"}, evidence={"food": ((0, 4),)})})
    unmarked = Example("a-2", "toy", "text", {"factors": Labels({"crew": "+"})})
    carried = [[{"factors": {0}}, {}], [{}]]
    built = build_targets([marked, unmarked], carried, layout)
    assert built["factors"].evidence.tolist() == [[1, U, U], [0, U, U], [U, U, U]]
    assert (built["stages"].evidence == U).all()


def test_places_beside_evidence_that_is_not_all_are_unknown(layout: Layout) -> None:
    known = Labels({"food": "+"}, evidence={"food": ((0, 4),)}, is_all_evidence=False)
    built = build_targets([Example("a-1", "toy", "text", {"factors": known})], [[{"factors": {0}}, {}]], layout)
    assert built["factors"].evidence.tolist() == [[1, U, U], [U, U, U]]


def test_every_set_of_the_layout_has_rows_for_every_example(layout: Layout) -> None:
    built = build_targets([Example("a-1", "toy", "", {}), Example("a-2", "toy", "", {})], [[{}, {}], [{}]], layout)
    assert set(built) == {block.label_set.name for block in layout.blocks}
    for block in layout.blocks:
        target, count = built[block.label_set.name], len(block.label_set.keys)
        assert (target.labels.shape, target.polarities.shape, target.evidence.shape) == ((2, count), (2, count), (3, count))
