"""Annotated transcripts in, figures of the conversation model out: outcome, review, reasons, start and end sentiment."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from training.conversations import hear
from training.metrics import Bits, Floats, Ints, f1, interval, macro_f1, precision_recall, quadratic_kappa
from vocservice.assemble import dialogue_of, level_of
from vocservice.inference.conversation import Judgement
from vocservice.inference.engine import Engine, Scored

LEVELS = ("-2", "-1", "0", "1", "2")
SHARES = (0.1, 0.2, 1 / 3)  # of the conversations, the likeliest first, that somebody reads


def transcript_figures(engine: Engine, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures over annotated transcripts (corpus rows)."""
    model = engine.bundle.conversation
    if model is None:
        return {"n": 0}
    heard = hear(rows, engine)
    given, rows, scored = len(rows), [one.row for one in heard], [one.scored for one in heard]
    judgements = [model.judge(dialogue_of(one.verbatim, one.scored)) for one in heard]
    return {
        "n": len(rows),
        "rejected": given - len(rows),
        "outcome": _outcome(rows, judgements, tuple(model.outcome)),
        "needs_review": _review(rows, judgements),
        "reasons": {key: _reason(rows, judgements, key) for key in model.reasons},
        "sentiment_start": _kappa([row["sentiment_start"] for row in rows], [_start(one) for one in scored]),
        "sentiment_end": _kappa([row["sentiment_end"] for row in rows], [level_of(j.sentiment_end) for j in judgements]),
    }


def _outcome(rows: Sequence[dict[str, Any]], judgements: Sequence[Judgement], keys: tuple[str, ...]) -> dict[str, Any]:
    gold = np.array([[row["outcome"] == key for key in keys] for row in rows])
    given = np.array([[j.outcome == key for key in keys] for j in judgements])
    labels = {key: _judged(gold[:, at], given[:, at]) for at, key in enumerate(keys)}
    return {"macro_f1": asdict(interval(lambda at: macro_f1(gold[at], given[at]), len(rows))), "labels": labels}


def _review(rows: Sequence[dict[str, Any]], judgements: Sequence[Judgement]) -> dict[str, Any]:
    gold = np.array([bool(row["needs_review"]) for row in rows])
    given = np.array([j.needs_review for j in judgements])
    return _judged(gold, given) | _ranked(gold, np.array([j.review_probability for j in judgements]))


def _reason(rows: Sequence[dict[str, Any]], judgements: Sequence[Judgement], key: str) -> dict[str, Any]:
    gold = np.array([key in row["reasons"] for row in rows])
    given = np.array([j.needs_review and key in j.reasons for j in judgements])
    return _judged(gold, given) | _ranked(gold, np.array([j.every_reason[key] for j in judgements]))


def _judged(gold: Bits, given: Bits) -> dict[str, Any]:
    """n, and where it is not 0 F1, precision and recall with their intervals."""
    scores: dict[str, Callable[[Ints], float]] = {
        "f1": lambda at: f1(gold[at], given[at]),
        "precision": lambda at: precision_recall(gold[at], given[at])[0],
        "recall": lambda at: precision_recall(gold[at], given[at])[1],
    }
    figures = {name: asdict(interval(score, len(gold))) for name, score in scores.items()} if gold.any() else {}
    return {"n": int(gold.sum()), **figures}


def _ranked(gold: Bits, probability: Floats) -> dict[str, Any]:
    """Average precision, and the share of the true cases that is found when reading the likeliest; `best` is the most that can be."""
    if not gold.any():
        return {}
    found = {share: interval(lambda at, share=share: _found(gold[at], probability[at], share), len(gold)) for share in SHARES}
    best = {share: min(_read(share, len(gold)) / int(gold.sum()), 1.0) for share in SHARES}
    return {
        "average_precision": asdict(interval(lambda at: _average_precision(gold[at], probability[at]), len(gold))),
        "found_when_reading": {f"top_{share:g}": asdict(figure) | {"best": best[share]} for share, figure in found.items()},
    }


def _average_precision(gold: Bits, probability: Floats) -> float:
    return float(average_precision_score(gold, probability)) if gold.any() else 0.0


def _found(gold: Bits, probability: Floats, share: float) -> float:
    order = np.argsort(-probability, kind="stable")
    return float(gold[order[: _read(share, len(gold))]].sum() / max(gold.sum(), 1))


def _read(share: float, n: int) -> int:
    return max(1, round(share * n))


def _start(scored: Scored) -> int:
    return int(scored.turns[min(scored.turns)].key)


def _kappa(gold: Sequence[int], given: Sequence[int]) -> dict[str, Any]:
    first, second = np.array(gold) + 2, np.array(given) + 2
    return asdict(interval(lambda at: quadratic_kappa(first[at], second[at], len(LEVELS)), len(first)))
