"""Annotated and unannotated texts in, the teachers' file out: teachers of several bases, each fitted fold by fold.

A text's scores come from the teacher of its fold, which did not see it; those of the unannotated pool are the mean
over the folds. A stacked regression (Wolpert 1992) combines the scores of all teachers into one calibrated probability per
label. Each fold saves its scores in the run folder and is skipped if they exist.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from training import encoders
from training.calibrate import score_sets
from training.device import best_device
from training.encoders import Encoder
from training.fit import fit, supports_bfloat16
from training.network import Network
from training.prepare import Prepared, prepare
from training.recipe import codebook_examples, pool_examples, public_stage, start_encoder
from training.run import Run
from training.settings import Teacher, check_data
from training.splits import bucket
from training.targets import UNKNOWN, label_row
from training.teachers import FILE, POLARITY, write_teachers
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import Windower
from vocservice.paths import config_path
from vocservice.text.redact import RedactionRules

log = logging.getLogger("training.teach")

Floats = NDArray[np.float32]
Scores = Mapping[str, Floats]  # set -> (N, labels); set/polarity -> (N, labels, polarities); raw scores


@dataclass(frozen=True, slots=True)
class Room:
    """Texts to learn from, further texts to score (`pool`), and the label layout."""

    known: list[Prepared]
    pool: list[Prepared]
    layout: Layout
    folds: int

    @property
    def ids(self) -> list[str]:
        return [item.example.id for item in (*self.known, *self.pool)]

    def fold(self, item: Prepared) -> int:
        return bucket(item.example.id + "/fold", self.folds)


def teach(run: Run, *, path: Path = FILE) -> None:
    """Fit every missing teacher and write the probabilities."""
    check_data(run.data, run.settings.data)
    rules = RedactionRules.load(config_path("redaction.toml"))
    layout, start = lay_out(run.taxonomy.of("verbatim")), start_encoder(run)
    windower, settings = Windower(start.tokenizer), run.settings.teach
    examples = codebook_examples(run, repeat=run.settings.codebook.repeat, sentiment=settings.sentiment)
    fitted_on = list(prepare(examples, windower, rules, layout))
    known = list({item.example.id: item for item in fitted_on if "stages" in item.example.targets}.values())
    pool = list(prepare(pool_examples(run), windower, rules, layout))
    room = Room(known, pool, layout, settings.folds)
    said = [_teacher(run, teacher, start, room, fitted_on, rules) for teacher in settings.teachers]
    write_teachers(path, room.ids, combine(said, known, layout, settings.stack))
    log.info("teachers written to %s", path)


def _teacher(run: Run, teacher: Teacher, start: Encoder, room: Room, data: Sequence[Prepared], rules: RedactionRules) -> Scores:
    """Scores of one base for all texts."""
    folder = run.folder / "teachers" / teacher.base
    encoder = start if teacher.base == run.settings.bundle.base else encoders.with_pieces_of(start, teacher.base)
    encoder = public_stage(run, rules, encoder, teacher.public, folder / "public")
    folds = [_fold(number, teacher, encoder, room, data, folder / f"fold-{number}") for number in range(room.folds)]
    own = np.array([room.fold(item) for item in room.known])
    return {name: _join([fold[name] for fold in folds], own) for name in folds[0]}


def _join(folds: Sequence[Floats], own: NDArray[np.int64]) -> Floats:
    """Annotated texts by the teacher of their own fold, the pool by the mean of all; a fold has its own texts first."""
    sizes = [int((own == number).sum()) for number in range(len(folds))]
    known = np.zeros((len(own), *folds[0].shape[1:]), dtype=np.float32)
    for number, (fold, size) in enumerate(zip(folds, sizes, strict=True)):
        known[own == number] = fold[:size]
    pool = np.mean([fold[size:] for fold, size in zip(folds, sizes, strict=True)], axis=0)
    return np.concatenate([known, pool]).astype(np.float32)


def _fold(number: int, teacher: Teacher, encoder: Encoder, room: Room, data: Sequence[Prepared], folder: Path) -> Scores:
    """Fit on the other folds, score the texts of this one and the pool."""
    path = folder / "scores.safetensors"
    if not path.is_file():
        recipe = replace(teacher.codebook, seed=teacher.codebook.seed + number)
        network = encoders.new_network(encoder, room.layout, recipe)
        fit(network, [item for item in data if room.fold(item) != number], recipe, folder=folder)
        network.to(best_device())
        save_file(_scores(network, [*(item for item in room.known if room.fold(item) == number), *room.pool], room.layout), path)
        log.info("%s fold %d done", teacher.base, number + 1)
    return load_file(path)


def _scores(network: Network, texts: Sequence[Prepared], layout: Layout) -> dict[str, Floats]:
    """What a teacher says of texts, in order; they are read by length, so that little is padding."""
    order = sorted(range(len(texts)), key=lambda place: texts[place].windowed.tokens)
    sets = score_sets(network, [texts[place] for place in order], list(layout.blocks), bfloat16=supports_bfloat16())
    scores = {scored.block.label_set.name: scored.scores for scored in sets}
    scores |= {s.block.label_set.name + POLARITY: s.polarity_scores for s in sets if s.polarity_scores is not None}
    back = np.argsort(order)
    return {name: np.ascontiguousarray(value[back], dtype=np.float32) for name, value in scores.items()}


def combine(said: Sequence[Scores], known: Sequence[Prepared], layout: Layout, strength: Mapping[str, float]) -> dict[str, Floats]:
    """One probability per label from the scores of all teachers; the first rows are those of `known`, in order.

    Args:
        strength: inverse regularisation strength, for multi-label sets and for others ("single").
    """
    out: dict[str, Floats] = {}
    for block in layout.blocks:
        name = block.label_set.name
        gold = np.array([label_row(block, item.example) for item in known])
        scores = np.stack([scores[name] for scores in said], axis=2)
        stack, by = (_stack_multi, "multi") if block.label_set.kind == "multi" else (_stack_single, "single")
        out[name] = stack(scores, gold, strength[by])
        if block.label_set.polarities:
            out[name + POLARITY] = np.mean([_softmax(scores[name + POLARITY]) for scores in said], axis=0)
    return out


def _stack_multi(scores: Floats, gold: NDArray[np.int64], strength: float) -> Floats:
    """scores: (N, labels, teachers); one regression per label."""
    return np.stack([_stack(scores[:, column], gold[:, column], strength) for column in range(gold.shape[1])], axis=1)


def _stack(scores: Floats, gold: NDArray[np.int64], strength: float) -> Floats:
    """scores: (N, teachers), gold: 1, 0 or -1 for the first rows; a label that always or never occurs gets its share."""
    rows = np.flatnonzero(gold != UNKNOWN)
    if len(set(gold[rows])) < 2:
        return np.full(len(scores), gold[rows].mean(), dtype=np.float32)
    return LogisticRegression(C=strength).fit(scores[rows], gold[rows]).predict_proba(scores)[:, 1]


def _stack_single(scores: Floats, gold: NDArray[np.int64], strength: float) -> Floats:
    """One regression over the scores of all labels; a label that never occurs alone keeps probability 0."""
    rows = np.flatnonzero((gold >= 0).all(1) & ((gold > 0).sum(1) == 1))
    flat = scores.reshape(len(scores), -1)
    model = LogisticRegression(C=strength, max_iter=1000).fit(flat[rows], gold[rows].argmax(1))
    out = np.zeros(scores.shape[:2], dtype=np.float32)
    out[:, model.classes_] = model.predict_proba(flat)
    return out


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
