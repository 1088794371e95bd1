"""Simple baselines and corpora in, their figures on dev out, in the form of a bundle's figures."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from training.annotated import read_extended, read_once
from training.baselines import BASELINES, Predicted
from training.corpora import held_out_ids, read_corpus
from training.examples import Example, Labels, OneOf
from training.metrics import f1, interval, macro_f1, quadratic_kappa
from training.splits import split_annotated
from vocservice.taxonomy import LabelSet, Taxonomy

log = logging.getLogger("training.comparison")


def baseline_figures(data: Path, taxonomy: Taxonomy) -> dict[str, Any]:
    """Every registered baseline, fitted on the texts of the bundle's codebook stage."""
    out_ids, extended = held_out_ids(data), read_extended(data)
    train = [*read_once(read_corpus("train", data), extended), *split_annotated(extended).fit]
    train = [example for example in train if example.id not in out_ids]
    dev = read_corpus("dev", data)
    figures = {}
    for name, baseline in BASELINES.items():
        log.info("baseline %s on %d texts", name, len(train))
        figures[name] = _figures(dev, baseline(train, dev, taxonomy), taxonomy)
    return figures


def _figures(examples: Sequence[Example], predicted: Sequence[Predicted], taxonomy: Taxonomy) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for label_set in taxonomy.of("verbatim"):
        if label_set.kind == "multi" and any(label_set.name in p.given for p in predicted):
            out[label_set.name] = _multi(examples, predicted, label_set)
        elif any(label_set.name in p.chosen for p in predicted):
            out[label_set.name] = _one(examples, predicted, label_set)
    return out


def _multi(examples: Sequence[Example], predicted: Sequence[Predicted], label_set: LabelSet) -> dict[str, Any]:
    gold = [target.given if isinstance(target := e.targets[label_set.name], Labels) else {} for e in examples]
    said = [p.given[label_set.name] for p in predicted]
    pairs = [(key, polarity) for key in label_set.keys for polarity in label_set.polarities]
    wanted, given = (np.array([[key in row for key in label_set.keys] for row in rows]) for rows in (gold, said))
    out = {
        "micro_f1": asdict(interval(lambda at: f1(wanted[at], given[at]), len(examples))),
        "macro_f1": asdict(interval(lambda at: macro_f1(wanted[at], given[at]), len(examples))),
    }
    if pairs:
        first, second = (np.array([[row.get(key) == polarity for key, polarity in pairs] for row in rows]) for rows in (gold, said))
        out["with_polarity_micro_f1"] = asdict(interval(lambda at: f1(first[at], second[at]), len(examples)))
    return out


def _one(examples: Sequence[Example], predicted: Sequence[Predicted], label_set: LabelSet) -> dict[str, Any]:
    keys = label_set.keys
    gold = np.array([keys.index(next(iter(t.keys))) if isinstance(t := e.targets[label_set.name], OneOf) else -1 for e in examples])
    given = np.array([keys.index(p.chosen[label_set.name]) for p in predicted])
    if label_set.kind == "ordinal":
        return {"kappa": asdict(interval(lambda at: quadratic_kappa(gold[at], given[at], len(keys)), len(gold)))}
    first, second = gold[:, None] == np.arange(len(keys)), given[:, None] == np.arange(len(keys))
    labels = {key: asdict(interval(lambda at, c=column: f1(first[at, c], second[at, c]), len(gold))) for column, key in enumerate(keys)}
    return {"macro_f1": asdict(interval(lambda at: macro_f1(first[at], second[at]), len(gold))), "labels": labels}
