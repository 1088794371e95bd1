"""Scores become labels: thresholds, abstention, polarity, composites and evidence, by hand."""

from collections.abc import Mapping

import numpy as np
import pytest
from toymodel import toy_calibration, toy_taxonomy

from vocservice.inference.annotate import MultiResult, OrdinalResult, SetResult, SingleResult, annotate, below_best, evidence_rows
from vocservice.inference.calibration import Calibration
from vocservice.inference.heads import Groups
from vocservice.inference.layout import Layout, lay_out
from vocservice.taxonomy import Taxonomy

TAXONOMY = toy_taxonomy()
LAYOUT = lay_out(TAXONOMY.of("verbatim"))


def results(
    *segments: Mapping[str, float],
    calibration: Calibration | None = None,
    layout: Layout = LAYOUT,
    taxonomy: Taxonomy = TAXONOMY,
    owner: list[int] | None = None,
) -> list[dict[str, SetResult]]:
    """Results of verbatims whose segments have the scores named ("stages.eat", "factors.food.+"), and -9 elsewhere."""
    scores = np.full((len(segments), layout.width), -9.0, np.float32)
    for block in layout.blocks:
        name, keys, signs = block.label_set.name, block.label_set.keys, block.label_set.polarities
        scores[:, block.polarities] = scores[:, block.attention] = 0
        for row, given in enumerate(segments):
            for at, key in enumerate(keys):
                scores[row, block.labels.start + at] = given.get(f"{name}.{key}", -9.0)
                for sign_at, sign in enumerate(signs):
                    scores[row, block.polarities.start + at * len(signs) + sign_at] = given.get(f"{name}.{key}.{sign}", 0.0)
            if block.label_set.kind == "ordinal":
                scores[row, block.attention] = given.get(f"{name}.attention", 0.0)
    owners = np.array(owner or [0] * len(segments))
    made = annotate(scores, Groups(owners, int(owners.max()) + 1), layout.blocks, calibration or toy_calibration(taxonomy))
    return [{name: values[row] for name, values in made.items()} for row in range(int(owners.max()) + 1)]


def multi(result: SetResult) -> MultiResult:
    assert isinstance(result, MultiResult)
    return result


def single(result: SetResult) -> SingleResult:
    assert isinstance(result, SingleResult)
    return result


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


@pytest.mark.parametrize(
    ("chance", "given", "withheld"),
    [(0.9, True, False), (0.51, True, False), (0.49, False, True), (0.31, False, True), (0.29, False, False), (0.01, False, False)],
)
def test_a_label_is_given_from_its_threshold_and_withheld_from_a_share_of_it(chance: float, given: bool, withheld: bool) -> None:
    found = multi(results({"stages.eat": logit(chance)})[0]["stages"])
    assert [one.key for one in found.given] == (["eat"] if given else [])
    assert [key for key, _ in found.withheld] == (["eat"] if withheld else [])
    assert found.probabilities["eat"] == pytest.approx(chance, abs=1e-4)
    assert set(found.probabilities) == {"buy", "eat", "tell"}


def test_thresholds_are_each_labels_own() -> None:
    made = toy_calibration(TAXONOMY)
    stages = made.multi["stages"].model_copy(update={"thresholds": (0.2, 0.8, 0.5)})
    changed = made.model_copy(update={"multi": made.multi | {"stages": stages}})
    row = {f"stages.{key}": logit(0.6) for key in ("buy", "eat", "tell")}
    found = multi(results(row, calibration=changed)[0]["stages"])
    assert {one.key for one in found.given} == {"buy", "tell"} and [key for key, _ in found.withheld] == ["eat"]


def test_the_most_probable_stand_first_and_only_so_many_are_given() -> None:
    row = {"stages.buy": logit(0.7), "stages.eat": logit(0.9), "stages.tell": logit(0.8)}
    found = multi(results(row)[0]["stages"])
    assert [one.key for one in found.given] == ["eat", "tell"]
    assert [key for key, _ in found.withheld] == ["buy"]  # it is not lost without a word


@pytest.mark.parametrize("sign", ["+", "-", "~"])
def test_the_likeliest_polarity_is_given(sign: str) -> None:
    found = multi(results({"factors.food": 3.0, f"factors.food.{sign}": 2.0})[0]["factors"])
    assert [(one.key, one.polarity) for one in found.given] == [("food", sign)]


def test_polarity_comes_from_the_segment_that_carries_the_label() -> None:
    first = {"factors.food": 4.0, "factors.food.+": 2.0}
    second = {"factors.crew": 4.0, "factors.food.-": 5.0, "factors.crew.-": 2.0}
    found = multi(results(first, second)[0]["factors"])
    assert {(one.key, one.polarity, one.evidence) for one in found.given} == {("food", "+", (0,)), ("crew", "-", (1,))}


def test_a_set_without_polarities_gives_none() -> None:
    (given,) = multi(results({"stages.eat": 3.0})[0]["stages"]).given
    assert given.polarity is None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((2.6, None, 3.0, 2.4), (0, 2)), ((2.4, None, 3.0), (2,)), ((2.8, 3.0, 2.9, 3.0), (1, 3)), ((3.0, 3.0, 3.0), (0, 1))],
    ids=["near the best", "none is near", "two at most", "the first of equals"],
)
def test_evidence_is_the_best_segments_in_text_order(scores: tuple[float | None, ...], expected: tuple[int, ...]) -> None:
    found = multi(results(*({} if score is None else {"stages.eat": score} for score in scores))[0]["stages"])
    assert found.given[0].evidence == expected


def test_each_group_has_a_best_segment_of_its_own() -> None:
    scores = np.array([[1.0, 0.0], [1.0, 5.0], [0.2, 5.0], [0.3, -7.0]], np.float32)
    first, second = below_best(scores, Groups(np.array([0, 0, 0, 1]), 2))
    assert (evidence_rows(first, 0, 0.5), evidence_rows(first, 1, 0.5)) == ((0, 1), (1, 2))
    assert (evidence_rows(second, 0, 0.5), evidence_rows(second, 1, 0.5)) == ((0,), (0,))


def test_several_weak_segments_add_up() -> None:
    weak = {"stages.eat": logit(0.35)}
    assert not multi(results(weak)[0]["stages"]).given
    assert multi(results(weak, weak, weak)[0]["stages"]).given


@pytest.mark.parametrize("key", ["service", "broader", "neither"])
def test_a_single_set_gives_its_likeliest_class(key: str) -> None:
    found = single(results({f"scope.{key}": 5.0, "scope.both": -20.0})[0]["scope"])
    assert found.given is not None and (found.given.key, found.leaning, found.given.evidence) == (key, key, (0,))
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_single_set_abstains_below_its_floor_and_says_what_it_leans_to() -> None:
    row = {"scope.service": 0.2, "scope.broader": 0.0, "scope.both": 0.0, "scope.neither": 0.1}
    found = single(results(row)[0]["scope"])
    assert found.given is None and found.probabilities[found.leaning] == max(found.probabilities.values()) < 0.3


def test_both_is_given_where_its_parts_hold_and_shows_the_evidence_of_each() -> None:
    bad, broad = {"scope.service": 4.0, "scope.both": -1.0}, {"scope.broader": 4.0, "scope.both": -1.0}
    found = single(results(bad, {}, broad)[0]["scope"])
    assert found.given is not None and found.given.key == "both"
    assert found.given.evidence == (0, 2)


def test_both_is_not_given_for_one_part_alone() -> None:
    found = single(results({"scope.service": 4.0, "scope.both": -1.0}, {"scope.service": 4.0, "scope.both": -1.0})[0]["scope"])
    assert found.given is not None and found.given.key == "service"


@pytest.mark.parametrize(("level", "score"), [("-2", -1.0), ("-1", -0.5), ("0", 0.0), ("1", 0.5), ("2", 1.0)])
def test_a_level_and_its_place_between_minus_one_and_one(level: str, score: float) -> None:
    found = results({f"sentiment.{level}": 9.0})[0]["sentiment"]
    assert isinstance(found, OrdinalResult)
    assert found.key == level and found.score == pytest.approx(score, abs=0.01)
    assert max(found.probabilities, key=found.probabilities.__getitem__) == level


def test_mixed_levels_meet_in_the_middle() -> None:
    found = results({"sentiment.-2": 9.0}, {"sentiment.2": 9.0})[0]["sentiment"]
    assert isinstance(found, OrdinalResult)
    assert (found.key, round(found.score, 2)) == ("0", 0.0)


def test_attention_picks_the_segment_that_counts() -> None:
    found = results({"sentiment.-2": 9.0}, {"sentiment.2": 9.0, "sentiment.attention": 8.0})[0]["sentiment"]
    assert isinstance(found, OrdinalResult) and found.key == "2"


def test_verbatims_of_a_batch_do_not_mix() -> None:
    rows = [{"stages.eat": 3.0}, {"stages.buy": 3.0, "scope.neither": 5.0}, {"stages.tell": 3.0}]
    together = results(*rows, owner=[0, 1, 1])
    assert together[0] == results(rows[0])[0]
    assert together[1] == results(rows[1], rows[2])[0]
    assert {one.key: one.evidence for one in multi(together[1]["stages"]).given} == {"buy": (0,), "tell": (1,)}
