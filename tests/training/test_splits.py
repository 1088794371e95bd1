"""Splits are stable and disjoint, and only randomly drawn texts are measured or calibrated on."""

import pytest

from training.examples import Example
from training.splits import Splits, bucket, is_kept_out, split_annotated, split_tenths


def texts(count: int, *, sample: str = "random") -> list[Example]:
    return [Example(f"{sample}-{number}", "toy", "text", {}, sample=sample) for number in range(count)]


def ids(splits: Splits) -> list[set[str]]:
    return [{example.id for example in part} for part in (splits.fit, splits.calibrate, splits.fresh)]


@pytest.mark.parametrize("split", [split_annotated, split_tenths])
def test_splits_are_disjoint_and_lose_nothing(split) -> None:
    given = texts(500) + texts(200, sample="enriched")
    parts = ids(split(given))
    assert sum(map(len, parts)) == len(given)
    assert set().union(*parts) == {example.id for example in given}


@pytest.mark.parametrize("split", [split_annotated, split_tenths])
def test_a_text_stays_in_its_split_whatever_else_is_there(split) -> None:
    few, many = ids(split(texts(50))), ids(split(list(reversed(texts(500)))))
    assert all(less <= more for less, more in zip(few, many, strict=True))


def test_enriched_texts_only_fit() -> None:
    splits = split_annotated(texts(300, sample="enriched"))
    assert (len(splits.fit), splits.calibrate, splits.fresh) == (300, [], [])


@pytest.mark.parametrize(("split", "shares"), [(split_annotated, (0.4, 0.4, 0.2)), (split_tenths, (0.8, 0.1, 0.1))])
def test_shares_are_as_documented(split, shares: tuple[float, ...]) -> None:
    sizes = [len(part) / 5000 for part in ids(split(texts(5000)))]
    assert sizes == pytest.approx(shares, abs=0.02)


def test_a_tenth_is_kept_out() -> None:
    assert sum(map(is_kept_out, texts(5000))) / 5000 == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("example_id", "buckets", "number"), [("fabsa-1", 10, 7), ("airline-10002", 5, 2), ("", 5, 2)])
def test_buckets_never_change(example_id: str, buckets: int, number: int) -> None:
    assert bucket(example_id, buckets) == number
