"""Public texts with a known sentiment in, their signs out: one half calibrates the neutral band, the other measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.corpora import held_out_ids, read_corpus
from training.examples import Example, OneOf
from training.splits import calibrates_signs, is_kept_out

Signs = NDArray[np.int64]

CORPORA_OF_SET: dict[str, tuple[str, ...]] = {
    "sst": ("sst5_train", "sst5_dev"),
    "tweeteval": ("tweeteval_val",),
    "airline": ("airline",),
    "amazon": ("amazon_train",),
}
BINARY = ("sst", "amazon")  # without a neutral class: also measured by the sign of the score, which is never neutral


@dataclass(frozen=True, slots=True)
class SignSet:
    """Raw scores (N, levels) of an ordinal set on texts with known sign only, and the signs (N,): -1, 0, 1."""

    scores: NDArray[np.float64]
    signs: Signs


def kept_out(name: str, data: Path, *, annotated: frozenset[str], calibrating: bool) -> list[Example]:
    """The kept-out tenth of a public set, the half that calibrates or the half that measures; texts seen elsewhere are left out.

    Args:
        annotated: ids of texts whose annotation is used in training.
    """
    seen = held_out_ids(data) | annotated
    examples = [e for corpus in CORPORA_OF_SET[name] for e in read_corpus(corpus, data) if is_kept_out(e) and e.id not in seen]
    return [e for e in examples if calibrates_signs(e) == calibrating and (name not in BINARY or sign_of(e) != 0)]


def sign_of(example: Example) -> int:
    """The sign of an example's allowed levels; 0 if they disagree."""
    target = example.targets["sentiment"]
    assert isinstance(target, OneOf)
    signs: Sequence[int] = sorted({int(np.sign(int(key))) for key in target.keys})
    return signs[0] if len(signs) == 1 else 0


def macro_recall(gold: Signs, given: Signs) -> float:
    """Mean recall over the signs that occur."""
    return float(np.mean([(given[gold == sign] == sign).mean() for sign in np.unique(gold)]))
