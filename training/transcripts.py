"""Annotated transcripts in, figures of the conversation model out: outcome, review, reasons, start and end sentiment."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from training.conversations import hear
from training.metrics import f1, interval, macro_f1, precision_recall, quadratic_kappa
from vocservice.assemble import dialogue_of, level_of
from vocservice.inference.conversation import Judgement
from vocservice.inference.engine import Engine, Scored

LEVELS = ("-2", "-1", "0", "1", "2")


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
    labels = {key: {"f1": f1(gold[:, at], given[:, at]), "n": int(gold[:, at].sum())} for at, key in enumerate(keys)}
    return {"macro_f1": asdict(interval(lambda at: macro_f1(gold[at], given[at]), len(rows))), "labels": labels}


def _review(rows: Sequence[dict[str, Any]], judgements: Sequence[Judgement]) -> dict[str, Any]:
    gold = np.array([bool(row["needs_review"]) for row in rows])
    given = np.array([j.needs_review for j in judgements])
    probability = np.array([j.review_probability for j in judgements])
    precision, recall = precision_recall(gold, given)
    order = np.argsort(-probability)
    workload = {
        f"top_{share:g}": float(gold[order[: max(1, round(share * len(rows)))]].sum() / max(gold.sum(), 1)) for share in (0.1, 0.2, 1 / 3)
    }
    return {
        "n": int(gold.sum()),
        "f1": asdict(interval(lambda at: f1(gold[at], given[at]), len(rows))),
        "precision": precision,
        "recall": recall,
        "average_precision": asdict(
            interval(lambda at: float(average_precision_score(gold[at], probability[at])) if gold[at].any() else 0.0, len(rows))
        ),
        "found_when_reading": workload,
    }


def _reason(rows: Sequence[dict[str, Any]], judgements: Sequence[Judgement], key: str) -> dict[str, Any]:
    gold = np.array([key in row["reasons"] for row in rows])
    given = np.array([j.needs_review and key in j.reasons for j in judgements])
    precision, recall = precision_recall(gold, given)
    return {"n": int(gold.sum()), "f1": f1(gold, given), "precision": precision, "recall": recall}


def _start(scored: Scored) -> int:
    return int(scored.turns[min(scored.turns)].key)


def _kappa(gold: Sequence[int], given: Sequence[int]) -> dict[str, Any]:
    first, second = np.array(gold) + 2, np.array(given) + 2
    return asdict(interval(lambda at: quadratic_kappa(first[at], second[at], len(LEVELS)), len(first)))
