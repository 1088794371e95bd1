"""Annotated transcripts and a first bundle in, the conversation model out: small regressions on dialogue features."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from training.annotated import read_conversations
from training.corpora import CORPORA, read_rows
from training.decisions import weight_of
from training.run import Run
from training.settings import ConversationSettings
from training.written import read_written_talks
from vocservice.assemble import dialogue_of
from vocservice.errors import RecordError
from vocservice.inference.bundle import load_bundle
from vocservice.inference.conversation import FEATURES, ConversationModel, Linear, Logistic, features
from vocservice.inference.engine import Engine, Scored
from vocservice.paths import config_path
from vocservice.pipeline import prepare
from vocservice.records import RawTurn, RawVerbatim, Verbatim
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of

log = logging.getLogger("training.conversations")

WRITTEN = "transcripts_written"
SOURCES = ("transcripts_train", WRITTEN)
FURTHER = "further"
DECIDED = "decided"
_LEARNED = ("outcome", "sentiment_end", "needs_review", "reasons")
_END_CUES = ("end", "mean", "end_thanks", "end_question", "end_still")  # features for the sentiment at the end


def fit_conversations(run: Run, bundle_folder: Path) -> ConversationModel:
    """Fit outcome, review and reasons on the training transcripts, scored by the bundle in `bundle_folder`."""
    heard = hear(run.keep_rows([*annotated_rows(run), *_decided(run)]), Engine(load_bundle(bundle_folder)))
    log.info("conversations: %d transcripts", len(heard))
    return fit_on(heard, run)


def fit_on(heard: Sequence["Heard"], run: Run) -> ConversationModel:
    """Fit the model on these transcripts."""
    how = run.settings.conversations
    rows, vectors = [one.row for one in heard], dialogue_features(heard)
    mean, scale = vectors.mean(0), np.maximum(vectors.std(0), how.least_scale)
    matrix, weight = (vectors - mean) / scale, np.array([_weight(row, run) for row in rows])
    known = {name: _Known.of(rows, matrix, weight, name) for name in _LEARNED}
    outcome, end, review, reasons = (known[name] for name in _LEARNED)
    return ConversationModel(
        features=FEATURES,
        mean=tuple(mean),
        scale=tuple(scale),
        outcome={key: _fit(outcome.matrix, outcome.is_(key), outcome.weight, how) for key in run.taxonomy["outcome"].keys},
        favour={key: _favour(outcome.is_(key), outcome.weight) for key in run.taxonomy["outcome"].keys},
        end=_fit_end(end.matrix, np.array(end.values) / 2, end.weight, how.end_strength),
        needs_review=_fit(review.matrix, np.array(review.values), review.weight, how),
        reasons={key: _fit(reasons.matrix, reasons.has(key), reasons.weight, how) for key in run.taxonomy["reasons"].keys},
    )


def annotated_rows(run: Run) -> list[dict[str, Any]]:
    """The annotated conversations of several messages, each with its `source`.

    Written conversations are used for rare reasons only; outcomes and need of review are learned from real ones.
    """
    rows = [row | {"source": name} for name in SOURCES for row in read_rows(run.data / CORPORA[name].path)]
    rows += [row | {"source": FURTHER} for row in read_conversations(run.data)]
    rows += [row | {"source": WRITTEN, "outcome": None, "sentiment_end": None, "needs_review": None} for row in read_written_talks()]
    return [row for row in rows if len(row["turns"]) > 1]


@dataclass(frozen=True, slots=True)
class _Known:
    """For transcripts with known targets: targets, features and weights."""

    values: list[Any]
    matrix: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], matrix: np.ndarray, weight: np.ndarray, name: str) -> "_Known":
        at = [index for index, row in enumerate(rows) if row.get(name) is not None]
        return cls([rows[index][name] for index in at], matrix[at], weight[at])

    def is_(self, key: str) -> np.ndarray:
        return np.array([value == key for value in self.values])

    def has(self, key: str) -> np.ndarray:
        return np.array([key in value for value in self.values])


def _decided(run: Run) -> list[dict[str, Any]]:
    """Transcripts decided on at a review desk; their final sentiment is unknown."""
    lines = [] if run.decided is None else read_rows(run.decided)
    talks = (row for row in lines if len(row.get("turns") or ()) > 1)
    return [row | {"source": DECIDED, "outcome": row.get("outcome") or None, "reasons": _keys(row.get("reasons"))} for row in talks]


def _keys(cell: str | None) -> list[str] | None:
    return None if cell is None else [key for key in cell.split("|") if key]


def _weight(row: dict[str, Any], run: Run) -> float:
    if row["source"] == DECIDED:
        return weight_of(row, run.settings.decisions.weights)
    return run.settings.conversations.written_weight if row["source"] == WRITTEN else 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript accepted by the service: its corpus row, and the results of the serving steps."""

    row: dict[str, Any]
    verbatim: Verbatim
    scored: Scored


def hear(rows: Iterable[dict[str, Any]], engine: Engine) -> list[Heard]:
    """Run transcripts through the serving steps; those rejected (for example in another language) are left out."""
    rules = RedactionRules.load(config_path("redaction.toml"))
    read = [(row, verbatim) for row in rows if (verbatim := _prepared(row, rules)) is not None]
    scored = engine.score([verbatim for _, verbatim in read], [segments_of(verbatim) for _, verbatim in read])
    return [Heard(row, verbatim, result) for (row, verbatim), result in zip(read, scored, strict=True)]


def _prepared(row: dict[str, Any], rules: RedactionRules) -> Verbatim | None:
    try:
        return prepare(to_raw(row), redaction=rules)
    except RecordError:
        return None


def dialogue_features(heard: Sequence[Heard]) -> np.ndarray:
    """(transcripts, features)."""
    return np.stack([features(dialogue_of(one.verbatim, one.scored)) for one in heard])


def to_raw(row: dict[str, Any]) -> RawVerbatim:
    """A corpus row as an incoming record, with only what a sender knows."""
    turns = tuple(RawTurn(t["speaker"], t["text"], t.get("at"), t.get("author")) for t in row.get("turns", ()))
    return RawVerbatim(id=row["id"], text=row.get("text"), turns=turns, channel=row.get("channel"), question=row.get("question"))


def _fit(matrix: np.ndarray, wanted: np.ndarray, weight: np.ndarray, how: ConversationSettings) -> Logistic:
    """One binary model; its threshold maximises F1 on cross-validated probabilities."""
    positives = int(wanted.sum())
    if positives < how.least_positives:
        rate = (positives + 0.5) / (len(wanted) + 1)
        return Logistic(weights=(0.0,) * matrix.shape[1], bias=float(np.log(rate / (1 - rate))), threshold=0.5)
    model = LogisticRegression(C=how.strength, max_iter=2000)
    folds = StratifiedKFold(min(how.folds, positives), shuffle=True, random_state=0)
    out = cross_val_predict(model, matrix, wanted, cv=folds, method="predict_proba", params={"sample_weight": weight})[:, 1]
    model.fit(matrix, wanted, sample_weight=weight)
    threshold = _threshold(out, wanted, how.thresholds)
    return Logistic(weights=tuple(map(float, model.coef_[0])), bias=float(model.intercept_[0]), threshold=threshold)


def _favour(wanted: np.ndarray, weight: np.ndarray) -> float:
    """Square root of a class's rarity: a compromise between accuracy and mean recall."""
    return float(np.average(wanted, weights=weight).clip(1 / len(wanted)) ** -0.5)


def _fit_end(matrix: np.ndarray, wanted: np.ndarray, weight: np.ndarray, strength: float) -> Linear:
    """A ridge regression on some of the features; the others get weight 0."""
    columns = [FEATURES.index(name) for name in _END_CUES]
    model = Ridge(strength).fit(matrix[:, columns], wanted, sample_weight=weight)
    weights = np.zeros(matrix.shape[1])
    weights[columns] = model.coef_
    return Linear(weights=tuple(map(float, weights)), bias=float(model.intercept_))


def _threshold(probability: np.ndarray, wanted: np.ndarray, bounds: tuple[float, float]) -> float:
    grid = np.linspace(*bounds, 56)
    scores = [2 * (wanted & (probability >= t)).sum() / max((probability >= t).sum() + wanted.sum(), 1) for t in grid]
    best = max(scores)
    return float(np.mean([t for t, score in zip(grid, scores, strict=True) if score >= best - 1e-9]))
