"""Losses learn from what is known and from nothing else."""

from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor
from toys import SHARED

from training.examples import Example, Labels, OneOf, Target
from training.losses import total_loss
from training.network import Logits, pool_labels
from training.targets import build_targets
from vocservice.inference.layout import Block, Layout

Carried = Sequence[dict[str, set[int]]]


def gradient(
    layout: Layout, targets: Mapping[str, Target], carried: Carried = ({}, {}), *, weight: float = 1.0, start: float = 0.1
) -> Tensor:
    """(segments, columns): the gradient of the loss of one text."""
    count = len(carried)
    scores = (torch.arange(count * layout.width).reshape(count, -1) % 7 * 0.1 + start).requires_grad_()
    example = Example("a-1", "toy", "text", targets)
    built = build_targets([example], [carried], layout)
    logits = Logits(scores, scores, scores[None], torch.ones(1, count, dtype=torch.bool))
    total_loss(logits, built, layout, {}, torch.tensor([weight]), SHARED.losses).backward()
    assert scores.grad is not None
    return scores.grad


def touched(block_slice: slice, gradients: Tensor) -> list[bool]:
    return (gradients[:, block_slice].abs().sum(0) > 0).tolist()


def columns(block: Block) -> list[slice]:
    return [block.labels, block.polarities, block.attention]


ALL: dict[str, Target] = {
    "stages": Labels({"eat": None}),
    "factors": Labels({"food": "+"}),
    "sentiment": OneOf(frozenset({"1"})),
    "scope": OneOf(frozenset({"neither"})),
}


@pytest.mark.parametrize("known", sorted(ALL))
def test_only_the_columns_of_a_known_set_learn(layout: Layout, known: str) -> None:
    gradients = gradient(layout, {known: ALL[known]})
    for block in layout.blocks:
        learns = any(any(touched(part, gradients)) for part in columns(block))
        assert learns is (block.label_set.name == known)


def test_a_text_without_known_labels_has_no_effect_on_training(layout: Layout) -> None:
    assert not gradient(layout, {}).any()


def test_a_masked_label_gives_no_gradient_beside_known_ones(layout: Layout) -> None:
    gradients = gradient(layout, {"stages": Labels({"buy": None}, unknown=frozenset({"tell"}))})
    assert touched(layout["stages"].labels, gradients) == [True, True, False]


def test_given_labels_rise_and_absent_ones_fall(layout: Layout) -> None:
    signs = gradient(layout, {"stages": Labels({"buy": None})})[:, layout["stages"].labels].sign()
    assert signs.tolist() == [[-1, 1, 1]] * 2


def test_polarity_columns_learn_only_where_a_polarity_is_given(layout: Layout) -> None:
    gradients = gradient(layout, {"factors": Labels({"food": "+", "crew": None})})
    learns = touched(layout["factors"].polarities, gradients)
    assert learns == [True] * 3 + [False] * 6
    assert gradients[:, layout["factors"].polarities][0, 0] < 0 < gradients[:, layout["factors"].polarities][0, 1]


def test_evidence_raises_the_segments_that_carry_a_label_and_lowers_the_others(layout: Layout) -> None:
    without = gradient(layout, {"stages": Labels({"buy": None})}, [{"stages": {0}}, {}])
    marked = gradient(layout, {"stages": Labels({"buy": None}, evidence={"buy": ((0, 4),)})}, [{"stages": {0}}, {}])
    difference = (marked - without)[:, layout["stages"].labels]
    assert difference[0, 0] < 0 < difference[1, 0]
    assert not difference[:, 1:].any()


def test_a_sentiment_of_several_allowed_levels_does_not_choose_among_them(layout: Layout) -> None:
    gradients = gradient(layout, {"sentiment": OneOf(frozenset({"-2", "-1", "0", "1", "2"}))})
    assert gradients.abs().max() < 1e-6


def test_a_distant_level_costs_more_than_a_near_one(layout: Layout) -> None:
    levels = layout["sentiment"].labels

    def loss(peak: int) -> float:
        scores = torch.zeros(1, layout.width)
        scores[0, levels.start + peak] = 6.0
        built = build_targets([Example("a-1", "toy", "", {"sentiment": OneOf(frozenset({"-2"}))})], [[{}]], layout)
        return float(
            total_loss(
                Logits(scores, scores, scores[None], torch.ones(1, 1, dtype=torch.bool)), built, layout, {}, torch.ones(1), SHARED.losses
            )
        )

    assert loss(0) < loss(1) < loss(2) < loss(4)


def test_composite_logits_add_those_of_their_parts(layout: Layout) -> None:
    block = layout["scope"]
    scores = torch.randn(2, layout.width, generator=torch.Generator().manual_seed(0))
    pooled = pool_labels(Logits(scores, scores, scores[None], torch.ones(1, 2, dtype=torch.bool)), block)[0]
    own = torch.logsumexp(scores[:, block.labels], 0)
    service, broader, both, neither = block.label_set.keys.index("service"), 1, 2, 3
    assert pooled[[service, broader, neither]].tolist() == pytest.approx(own[[service, broader, neither]].tolist())
    assert float(pooled[both]) == pytest.approx(float(own[both] + own[service] + own[broader]), abs=1e-5)


@pytest.mark.parametrize(
    ("key", "rises"),
    [("both", [True, True, True, False]), ("service", [True, False, False, False]), ("neither", [False, False, False, True])],
)
def test_gold_both_also_raises_its_parts(layout: Layout, key: str, rises: list[bool]) -> None:
    gradients = gradient(layout, {"scope": OneOf(frozenset({key}))})[:, layout["scope"].labels].sum(0)
    assert (gradients < 0).tolist() == rises


def test_example_weight_scales_label_losses(layout: Layout) -> None:
    targets: dict[str, Target] = {name: target for name, target in ALL.items() if name != "factors"}
    full, half = gradient(layout, targets), gradient(layout, targets, weight=0.5)
    assert torch.allclose(half, full / 2, atol=1e-7)


def test_a_label_without_segments_in_the_padding_does_not_leak(layout: Layout) -> None:
    scores = torch.randn(3, layout.width, generator=torch.Generator().manual_seed(1))
    present = torch.tensor([[True, True, False]])
    noisy = scores.clone()
    noisy[2] = 50.0
    for block in layout.blocks:
        assert torch.equal(
            pool_labels(Logits(scores, scores, scores[None], present), block),
            pool_labels(Logits(noisy, noisy, noisy[None], present), block),
        )
