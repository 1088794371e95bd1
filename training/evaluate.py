"""A bundle and labelled texts in, figures out, through the serving steps, so that exactly what is shipped is measured.

A rejected text counts as one without labels.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.examples import Example, Labels, OneOf, to_raw
from training.metrics import calibration_figures, f1, interval, macro_f1, overlap, precision_recall, quadratic_kappa
from vocservice.assemble import evidence_of
from vocservice.chunks import chunked
from vocservice.errors import RecordError
from vocservice.inference.annotate import MultiResult, OrdinalResult, SingleResult
from vocservice.inference.engine import Engine, Scored
from vocservice.paths import config_path
from vocservice.pipeline import prepare
from vocservice.records import Verbatim
from vocservice.taxonomy import LabelSet, Taxonomy
from vocservice.text.clean import clean
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of

Bits = NDArray[np.bool_]
Spans = dict[str, dict[str, list[tuple[int, int]]]]

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Judged:
    """One example with its analysis; None if rejected."""

    example: Example
    verbatim: Verbatim | None
    scored: Scored | None


def judge(engine: Engine, examples: Sequence[Example]) -> list[Judged]:
    """Run the serving steps over examples, in order."""
    rules = RedactionRules.load(config_path("redaction.toml"))
    judged: list[Judged] = []
    for chunk in chunked(examples, _CHUNK):
        verbatims = [_prepare(example, rules) for example in chunk]
        served = [verbatim for verbatim in verbatims if verbatim is not None]
        scores = iter(engine.score(served, [segments_of(verbatim) for verbatim in served]) if served else ())
        judged += [Judged(e, v, next(scores) if v is not None else None) for e, v in zip(chunk, verbatims, strict=True)]
    return judged


def _prepare(example: Example, rules: RedactionRules) -> Verbatim | None:
    try:
        return prepare(to_raw(example), redaction=rules)
    except RecordError:
        return None


def figures(judged: Sequence[Judged], taxonomy: Taxonomy) -> dict[str, Any]:
    """All figures of one data set, by label set."""
    out: dict[str, Any] = {"n": len(judged), "rejected": sum(j.scored is None for j in judged)}
    for label_set in taxonomy.of("verbatim"):
        known = [j for j in judged if label_set.name in j.example.targets]
        if known:
            out[label_set.name] = _FIGURES[label_set.kind](known, label_set)
    return out


def _multi_figures(judged: Sequence[Judged], label_set: LabelSet) -> dict[str, Any]:
    gold, given, probability = multi_arrays(judged, label_set)
    out: dict[str, Any] = {
        "micro_f1": _interval(lambda rows: f1(gold[rows], given[rows]), len(judged)),
        "macro_f1": _interval(lambda rows: macro_f1(gold[rows], given[rows]), len(judged)),
        **calibration_figures(probability, gold),
        "labels": {key: _label_figures(gold[:, at], given[:, at]) for at, key in enumerate(label_set.keys)},
    }
    if label_set.polarities:
        wanted, said = polarity_arrays(judged, label_set)
        out["with_polarity_micro_f1"] = _interval(lambda rows: f1(wanted[rows], said[rows]), len(judged))
        out["with_polarity_macro_f1"] = _interval(lambda rows: macro_f1(wanted[rows], said[rows]), len(judged))
        pairs = zip(label_set.keys, np.split(wanted, len(label_set.keys), axis=1), np.split(said, len(label_set.keys), axis=1), strict=True)
        for key, of_gold, of_given in pairs:
            out["labels"][key]["with_polarity"] = _label_figures(of_gold, of_given)
    return out | _main_figures(judged, label_set)


def _main_figures(judged: Sequence[Judged], label_set: LabelSet) -> dict[str, Any]:
    """How often the first label is the main one, among texts that have a main one."""
    named = [j for j in judged if _labels(j, label_set).main is not None]
    if not named:
        return {}
    results = [_multi(j, label_set) for j in named]
    first = [r.given[0].key if r and r.given else None for r in results]
    right = np.array([key == _labels(j, label_set).main for key, j in zip(first, named, strict=True)])
    return {"main_accuracy": _interval(lambda rows: float(right[rows].mean()), len(right))}


def _label_figures(gold: Bits, given: Bits) -> dict[str, Any]:
    precision, recall = precision_recall(gold, given)
    figure = _interval(lambda rows: f1(gold[rows], given[rows]), len(gold)) if gold.any() else {"value": 0.0, "low": 0.0, "high": 0.0}
    return figure | {"n": int(gold.sum()), "precision": precision, "recall": recall}


def _single_figures(judged: Sequence[Judged], label_set: LabelSet) -> dict[str, Any]:
    keys = label_set.keys
    judged = [j for j in judged if len(_one_of(j, label_set)) == 1]
    gold = np.array([keys.index(next(iter(_one_of(j, label_set)))) for j in judged])
    results = [_single(j, label_set) for j in judged]
    given = np.array([keys.index(r.given.key) if r and r.given else -1 for r in results])
    probability = np.array([[r.probabilities[key] for key in keys] if r else [1 / len(keys)] * len(keys) for r in results])
    one_hot, said = gold[:, None] == np.arange(len(keys)), given[:, None] == np.arange(len(keys))
    return {
        "accuracy": _interval(lambda rows: float((gold[rows] == given[rows]).mean()), len(gold)),
        "macro_f1": _interval(lambda rows: macro_f1(one_hot[rows], said[rows]), len(gold)),
        "abstained": int((given < 0).sum()),
        **calibration_figures(probability, one_hot),
        "labels": {key: _label_figures(one_hot[:, at], said[:, at]) for at, key in enumerate(keys)},
    }


def _ordinal_figures(judged: Sequence[Judged], label_set: LabelSet) -> dict[str, Any]:
    """Agreement on the scale if gold is exact; else the share within the allowed levels."""
    keys = label_set.keys
    allowed = [_one_of(j, label_set) for j in judged]
    results = [_ordinal(j, label_set) for j in judged]
    inside = np.array([r is not None and r.key in levels for r, levels in zip(results, allowed, strict=True)])
    out: dict[str, Any] = {"within": _interval(lambda rows: float(inside[rows].mean()), len(inside))}
    exact = [(next(iter(levels)), r) for levels, r in zip(allowed, results, strict=True) if len(levels) == 1 and r is not None]
    if exact:
        gold = np.array([keys.index(level) for level, _ in exact])
        given = np.array([keys.index(r.key) for _, r in exact])
        probability = np.array([[r.probabilities[key] for key in keys] for _, r in exact])
        one_hot = gold[:, None] == np.arange(len(keys))
        out |= {
            "kappa": _interval(lambda rows: quadratic_kappa(gold[rows], given[rows], len(keys)), len(gold)),
            "accuracy": _interval(lambda rows: float((gold[rows] == given[rows]).mean()), len(gold)),
            **calibration_figures(probability, one_hot),
            "labels": {key: _label_figures(one_hot[:, at], given == at) for at, key in enumerate(keys)},
        }
        out |= _three_way_figures(gold, given, len(keys) // 2) if len(keys) % 2 else {}
    return out


def _three_way_figures(gold: NDArray[np.int64], given: NDArray[np.int64], middle: int) -> dict[str, Any]:
    """For a scale with a middle level: below, at and above it."""
    wanted, said = (np.sign(levels - middle)[:, None] == np.arange(-1, 2) for levels in (gold, given))
    return {
        "three_way_accuracy": _interval(lambda rows: float((wanted[rows] & said[rows]).sum() / len(rows)), len(gold)),
        "three_way_macro_f1": _interval(lambda rows: macro_f1(wanted[rows], said[rows]), len(gold)),
    }


_FIGURES: dict[str, Callable[[Sequence[Judged], LabelSet], dict[str, Any]]] = {
    "multi": _multi_figures,
    "single": _single_figures,
    "ordinal": _ordinal_figures,
}


def multi_arrays(judged: Sequence[Judged], label_set: LabelSet) -> tuple[Bits, Bits, NDArray[np.float64]]:
    """(texts, labels): gold, given, probability."""
    gold = np.array([[key in _labels(j, label_set).given for key in label_set.keys] for j in judged])
    results = [_multi(j, label_set) for j in judged]
    names = [{given.key for given in r.given} if r else set() for r in results]
    given = np.array([[key in row for key in label_set.keys] for row in names])
    probability = np.array([[r.probabilities[key] if r else 0.0 for key in label_set.keys] for r in results])
    return gold, given, probability


def polarity_arrays(judged: Sequence[Judged], label_set: LabelSet) -> tuple[Bits, Bits]:
    """(texts, labels x polarities): gold and given."""
    pairs = [(key, polarity) for key in label_set.keys for polarity in label_set.polarities]
    gold = np.array([[_labels(j, label_set).given.get(key) == polarity for key, polarity in pairs] for j in judged])
    results = [_multi(j, label_set) for j in judged]
    said = [{(given.key, given.polarity) for given in r.given} if r else set() for r in results]
    return gold, np.array([[pair in row for pair in pairs] for row in said])


def evidence_figures(judged: Sequence[Judged], evidence: dict[str, Spans]) -> dict[str, Any]:
    """Overlap of given and annotated spans, for correct labels, on texts with several labels."""
    rules = RedactionRules.load(config_path("redaction.toml"))
    overlaps, whole = [], []
    for j in judged:
        spans = evidence.get(j.example.id)
        if spans is None or j.scored is None or j.verbatim is None or sum(map(len, spans.values())) < 2:
            continue
        offsets = clean(j.example.text, rules=rules).offsets
        for name, result in j.scored.sets.items():
            for given in result.given if isinstance(result, MultiResult) else ():
                raw = spans.get(name, {}).get(given.key)
                if raw:
                    gold = [(bisect_left(offsets, start), bisect_left(offsets, end)) for start, end in raw]
                    pieces = evidence_of(given.evidence, j.verbatim, j.scored.segments)
                    overlaps.append(overlap([(piece.start, piece.end) for piece in pieces], gold))
                    whole.append(overlap([(0, len(j.verbatim.text))], gold))
    return _evidence_summary(overlaps, whole)


def _evidence_summary(overlaps: list[Any], whole: list[Any]) -> dict[str, Any]:
    if not overlaps:
        return {"n": 0}
    touched = np.array([o.touched for o in overlaps])
    sizes = np.array([[o.shared, o.given, o.gold] for o in overlaps], float)
    return {
        "n": len(overlaps),
        "touched": _interval(lambda rows: float(touched[rows].mean()), len(overlaps)),
        "character_precision": _interval(lambda rows: float(sizes[rows, 0].sum() / max(sizes[rows, 1].sum(), 1)), len(overlaps)),
        "character_recall": _interval(lambda rows: float(sizes[rows, 0].sum() / max(sizes[rows, 2].sum(), 1)), len(overlaps)),
        "whole_text_precision": sum(o.shared for o in whole) / max(sum(o.given for o in whole), 1),
    }


def signs_of(judged: Sequence[Judged], *, of_score: bool = False) -> NDArray[np.int64]:
    """Sentiment by sign (-1, 0, 1) of the level or the score (the mean level); a rejected text counts as neutral."""
    return np.array([_sign(j, of_score=of_score) for j in judged])


def _sign(j: Judged, *, of_score: bool) -> int:
    result = j.scored.sets["sentiment"] if j.scored else None
    if not isinstance(result, OrdinalResult):
        return 0
    score = sum(int(key) * probability for key, probability in result.probabilities.items())
    return int(np.sign(score if of_score else int(result.key)))


def _labels(j: Judged, label_set: LabelSet) -> Labels:
    target = j.example.targets[label_set.name]
    assert isinstance(target, Labels)
    return target


def _one_of(j: Judged, label_set: LabelSet) -> frozenset[str]:
    target = j.example.targets[label_set.name]
    assert isinstance(target, OneOf)
    return target.keys


def _multi(j: Judged, label_set: LabelSet) -> MultiResult | None:
    result = j.scored.sets[label_set.name] if j.scored else None
    return result if isinstance(result, MultiResult) else None


def _single(j: Judged, label_set: LabelSet) -> SingleResult | None:
    result = j.scored.sets[label_set.name] if j.scored else None
    return result if isinstance(result, SingleResult) else None


def _ordinal(j: Judged, label_set: LabelSet) -> OrdinalResult | None:
    result = j.scored.sets[label_set.name] if j.scored else None
    return result if isinstance(result, OrdinalResult) else None


def _interval(score: Callable[[NDArray[np.int64]], float], size: int) -> dict[str, Any]:
    return asdict(interval(score, size))
