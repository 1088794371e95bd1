"""Annotated transcripts in, figures of the conversation model out: outcome, review, reasons, start and end sentiment."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from training.conversations import WRITTEN, Heard, annotated_rows, fit_on, hear
from training.metrics import Bits, Floats, Ints, calibration_figures, f1, interval, macro_f1, precision_recall, quadratic_kappa
from training.run import Run
from training.splits import bucket
from vocservice.assemble import dialogue_of, level_of
from vocservice.errors import InputError
from vocservice.inference.annotate import OrdinalResult
from vocservice.inference.conversation import Judgement
from vocservice.inference.engine import Engine, Scored

LEVELS = ("-2", "-1", "0", "1", "2")
SHARES = (0.1, 0.2, 1 / 3)  # shares of conversations read, likeliest first


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
        "calibration": calibration_of(rows, judgements) | {"sentiment_start": _start_calibration(rows, scored)},
    }


def crossed_calibration(engine: Engine, run: Run) -> dict[str, Any]:
    """Calibration of conversation probabilities by cross-validation on training data: {"n", "calibration"}.

    Regressions are fitted on the other folds (by id) and evaluated on these; the network below was trained on all. Invented
    conversations are used for fitting only.
    """
    if engine.bundle.conversation is None:
        return {"n": 0}
    heard, folds = hear(run.keep_rows(annotated_rows(run)), engine), run.settings.conversations.folds
    rows: list[dict[str, Any]] = []
    judgements: list[Judgement] = []
    for fold in range(folds):
        model = fit_on([one for one in heard if _fold(one, folds) != fold], run)
        judged = [one for one in heard if _fold(one, folds) == fold and one.row["source"] != WRITTEN]
        rows += [one.row for one in judged]
        judgements += [model.judge(dialogue_of(one.verbatim, one.scored)) for one in judged]
    return {"n": len(rows), "calibration": calibration_of(rows, judgements)} if rows else {"n": 0}


def _fold(one: Heard, folds: int) -> int:
    return bucket(one.row["id"] + "/fold", folds)


def calibration_of(rows: Sequence[dict[str, Any]], judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Per head: calibration error and reliability table; the sentiment at the end has none."""
    outcomes, reasons = tuple(judgements[0].outcomes), tuple(judgements[0].every_reason)
    said = {
        "outcome": [[j.outcomes[key] for key in outcomes] for j in judgements],
        "needs_review": [j.review_probability for j in judgements],
        "reasons": [[j.every_reason[key] for key in reasons] for j in judgements],
    }
    happened = {
        "outcome": [[row["outcome"] == key for key in outcomes] for row in rows],
        "needs_review": [bool(row["needs_review"]) for row in rows],
        "reasons": [[key in row["reasons"] for key in reasons] for row in rows],
    }
    return {name: calibration_figures(np.array(said[name]), np.array(happened[name])) for name in said}


def _start_calibration(rows: Sequence[dict[str, Any]], scored: Sequence[Scored]) -> dict[str, Any]:
    said = [[_first(one).probabilities[level] for level in LEVELS] for one in scored]
    return calibration_figures(np.array(said), np.array([[str(row["sentiment_start"]) == level for level in LEVELS] for row in rows]))


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
    """n, and if it is not 0, F1, precision and recall with intervals."""
    scores: dict[str, Callable[[Ints], float]] = {
        "f1": lambda at: f1(gold[at], given[at]),
        "precision": lambda at: precision_recall(gold[at], given[at])[0],
        "recall": lambda at: precision_recall(gold[at], given[at])[1],
    }
    figures = {name: asdict(interval(score, len(gold))) for name, score in scores.items()} if gold.any() else {}
    return {"n": int(gold.sum()), **figures}


def _ranked(gold: Bits, probability: Floats) -> dict[str, Any]:
    """Average precision, and recall when reading the likeliest share; `best` is the possible maximum."""
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
    return int(_first(scored).key)


def _first(scored: Scored) -> OrdinalResult:
    """The predicted sentiment of the customer's first turn."""
    mood = scored.mood(min(scored.turns))
    if mood is None:
        raise InputError("the taxonomy has no scale of sentiment, which conversations are measured by")
    return mood


def _kappa(gold: Sequence[int], given: Sequence[int]) -> dict[str, Any]:
    first, second = np.array(gold) + 2, np.array(given) + 2
    return asdict(interval(lambda at: quadratic_kappa(first[at], second[at], len(LEVELS)), len(first)))
