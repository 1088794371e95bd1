"""Pooling over the segments of each verbatim, against sums written out by hand; a group's scores are its own affair."""

import numpy as np
import pytest
from toymodel import WIDTH, toy_taxonomy

from vocservice.inference.encoder import Vectors
from vocservice.inference.heads import Groups, Head, pool_labels, pool_ordinal, pool_polarities, score_segments, summed
from vocservice.inference.layout import lay_out

LAYOUT = lay_out(toy_taxonomy().of("verbatim"))
GROUPS = Groups(np.array([0, 0, 0, 1, 2, 2]), 3)


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 2, (6, LAYOUT.width)).astype(np.float32)


def members(row: int) -> list[int]:
    return [at for at, owner in enumerate(GROUPS.owner) if owner == row]


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum(0)


def test_groups_know_where_they_begin() -> None:
    assert GROUPS.starts.tolist() == [0, 3, 4]


@pytest.mark.parametrize("name", ["stages", "factors"])
def test_labels_are_the_soft_maximum_of_their_segments(scores: np.ndarray, name: str) -> None:
    block = LAYOUT[name]
    pooled = pool_labels(scores, GROUPS, block)
    for row in range(3):
        expected = np.log(np.exp(scores[members(row), block.labels].astype(float)).sum(0))
        np.testing.assert_allclose(pooled[row], expected, rtol=1e-4)


def test_both_adds_its_parts(scores: np.ndarray) -> None:
    block = LAYOUT["scope"]
    pooled = pool_labels(scores, GROUPS, block)
    for row in range(3):
        service, broader, both, neither = np.log(np.exp(scores[members(row), block.labels].astype(float)).sum(0))
        np.testing.assert_allclose(pooled[row], [service, broader, both + service + broader, neither], rtol=1e-4)


def test_polarities_are_weighed_by_their_labels_own_segments(scores: np.ndarray) -> None:
    block = LAYOUT["factors"]
    pooled = pool_polarities(scores, GROUPS, block)
    assert pooled.shape == (3, 3, 3)
    for row in range(3):
        for label in range(3):
            weight = softmax(scores[members(row), block.labels.start + label].astype(float))
            columns = slice(block.polarities.start + 3 * label, block.polarities.start + 3 * label + 3)
            np.testing.assert_allclose(pooled[row, label], weight @ scores[members(row), columns], rtol=1e-3, atol=1e-4)


def test_levels_are_weighed_by_the_attention_column(scores: np.ndarray) -> None:
    block = LAYOUT["sentiment"]
    pooled = pool_ordinal(scores, GROUPS, block)
    for row in range(3):
        weight = softmax(scores[members(row), block.attention].astype(float))
        np.testing.assert_allclose(pooled[row], (weight * scores[members(row), block.labels]).sum(0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(), (4,)])
def test_rows_are_added_up_in_their_order_to_the_last_bit(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)
    owner = np.sort(np.r_[np.arange(9), random.integers(0, 9, 200)])
    rows = random.normal(0, 1000, (len(owner), *shape)).astype(np.float32)
    expected = np.zeros((9, *shape), np.float32)
    for at, row in zip(owner, rows, strict=True):
        expected[at] += row
    assert np.array_equal(summed(rows, Groups(owner, 9)), expected)


@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_extreme_scores_stay_finite(size: float) -> None:
    scores = np.full((6, LAYOUT.width), size, np.float32)
    for block in LAYOUT.blocks:
        assert np.isfinite(pool_labels(scores, GROUPS, block)).all()
    assert np.isfinite(pool_polarities(scores, GROUPS, LAYOUT["factors"])).all()
    assert np.isfinite(pool_ordinal(scores, GROUPS, LAYOUT["sentiment"])).all()


def vectors(seed: int = 0) -> Vectors:
    random = np.random.default_rng(seed)
    return Vectors(
        random.normal(size=(6, WIDTH)).astype(np.float32),
        np.array([2, 3, 1, 4, 0, 2], np.float32),
        random.normal(size=(3, WIDTH)).astype(np.float32),
    )


def test_a_segment_is_scored_on_itself_its_verbatim_and_its_first_token() -> None:
    random = np.random.default_rng(1)
    head = Head(random.normal(size=(3 * WIDTH, 5)).astype(np.float32), random.normal(size=5).astype(np.float32))
    made = vectors()
    scores = score_segments(made, head, GROUPS, range(3))
    for segment, group in enumerate(GROUPS.owner):
        rows = members(int(group))
        mine = made.sums[segment] / max(made.tokens[segment], 1)
        whole = made.sums[rows].sum(0) / max(made.tokens[rows].sum(), 1)
        expected = np.concatenate([mine, whole, made.first[group]]) @ head.weight + head.bias
        np.testing.assert_allclose(scores[segment], expected, rtol=1e-3, atol=1e-4)


def test_groups_within_a_verbatim_read_the_first_token_of_theirs() -> None:
    """Turns: two groups of one verbatim, one of another."""
    weight = np.zeros((3 * WIDTH, 1), np.float32)
    weight[2 * WIDTH] = 1.0
    made = vectors()
    scores = score_segments(made, Head(weight, np.zeros(1, np.float32)), GROUPS, [1, 1, 2])
    np.testing.assert_allclose(scores[:, 0], made.first[[1, 1, 1, 1, 2, 2], 0])
