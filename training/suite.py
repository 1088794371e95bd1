"""The shipped bundle and the corpora in, all figures of its report out."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from training.annotated import read_dev_evidence, read_extended
from training.corpora import CORPORA, is_commercial, read_corpus, read_rows
from training.evaluate import Judged, evidence_figures, figures, judge, signs_of
from training.halves import crossed_figures, network_of
from training.metrics import interval
from training.polarity import polarity_figures
from training.run import Run
from training.settings import load_training_settings
from training.signs import BINARY, Signs, kept_out, macro_recall, sign_of
from training.splits import split_annotated
from training.transcripts import crossed_calibration, transcript_figures
from training.turns import turn_figures
from training.written import read_everyday
from vocservice.inference.engine import Engine
from vocservice.taxonomy import Taxonomy

log = logging.getLogger("training.suite")

Score = Callable[[Signs, Signs], float]


def evaluate_bundle(engine: Engine, data: Path, taxonomy: Taxonomy) -> dict[str, Any]:
    """Figures on dev, the fresh split, everyday texts, transcripts and the kept-out tenths of the public sentiment sets."""
    dev = judge(engine, read_corpus("dev", data))
    splits, settings = split_annotated(read_extended(data)), load_training_settings()
    run = Run(data, engine.bundle.encoder.parent, settings, taxonomy, is_commercial(engine.bundle.manifest))
    fresh, network = judge(engine, splits.fresh), network_of(engine.bundle)
    transcripts = [row for row in read_rows(data / CORPORA["transcripts_dev"].path) if len(row["turns"]) > 1]
    log.info("judged %d dev and %d fresh texts", len(dev), len(fresh))
    return {
        "dev": figures(dev, taxonomy),
        "fresh": figures(fresh, taxonomy),
        "everyday": figures(judge(engine, read_everyday()), taxonomy),
        "crossed": crossed_figures(engine.bundle, network, splits.calibrate, settings.calibration),
        "polarity": polarity_figures(engine.bundle, network, splits.fresh),
        "evidence": evidence_figures(dev, read_dev_evidence()),
        "transcripts": transcript_figures(engine, transcripts),
        "transcripts_crossed": crossed_calibration(engine, run),
        "turns": turn_figures(engine, taxonomy),
        "sentiment_sets": sentiment_figures(engine, data),
    }


def sentiment_figures(engine: Engine, data: Path) -> dict[str, Any]:
    """Each public sentiment set by its usual metric, with five levels reduced to signs."""
    annotated = annotated_ids(data)
    out = {}
    for name, score in SENTIMENT_FIGURES.items():
        examples = kept_out(name, data, annotated=annotated, calibrating=False)
        judged: list[Judged] = judge(engine, examples)
        gold = np.array([sign_of(e) for e in examples])
        out[name] = _figure(score, gold, signs_of(judged))
        if name in BINARY:
            out[f"{name}_by_score"] = _figure(score, gold, signs_of(judged, of_score=True))
    return out


def annotated_ids(data: Path) -> frozenset[str]:
    """Ids of texts whose annotation is used in training, which no public figure may use."""
    return frozenset(e.id for e in (*read_corpus("train", data), *read_extended(data)))


def _figure(score: Score, gold: Signs, given: Signs) -> dict[str, Any]:
    return asdict(interval(lambda rows: score(gold[rows], given[rows]), len(gold)))


def _accuracy(gold: Signs, given: Signs) -> float:
    return float((gold == given).mean())


SENTIMENT_FIGURES: dict[str, Score] = {"sst": _accuracy, "tweeteval": macro_recall, "airline": _accuracy, "amazon": _accuracy}
