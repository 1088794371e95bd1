"""Training and test Examples in, labels of the test Examples out: the obvious alternatives that the quality report compares with.

They read the same cleaned text as the bundle, learn from the same examples with the same masks, and choose thresholds by
the same rule (on cross-validated probabilities), so that only the model differs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.sparse import issparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from training.base import base_model_folder
from training.calibrate import fit_thresholds
from training.examples import Example, Labels, OneOf
from training.metrics import quadratic_kappa
from training.settings import load_training_settings
from training.targets import UNKNOWN
from vocservice.paths import config_path
from vocservice.taxonomy import LabelSet, Taxonomy
from vocservice.text.clean import clean
from vocservice.text.redact import RedactionRules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Matrix = Any  # (texts, features): a scipy sparse matrix or a numpy array

_FOLDS = 3
_TFIDF_STRENGTH, _EMBEDDING_STRENGTH = 10.0, 10.0  # inverse regularisation
_MAX_TOKENS = 256  # the window all-MiniLM-L6-v2 was published with
_BATCH = 32
_CUT_STEPS = 41


@dataclass(frozen=True, slots=True)
class Predicted:
    """The labels of one text.

    `given`: multi-label set -> label -> polarity (None without), most probable first.
    `chosen`: single or ordinal set -> its one label. Sets that the baseline cannot predict are missing.
    """

    given: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)


Baseline = Callable[[Sequence[Example], Sequence[Example], Taxonomy], list[Predicted]]


def tfidf(train: Sequence[Example], test: Sequence[Example], taxonomy: Taxonomy) -> list[Predicted]:
    """TF-IDF of words and word pairs, one logistic regression per label."""
    vectoriser = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, strip_accents="unicode", token_pattern=r"(?u)\b\w+\b|[!?]"
    )
    features = vectoriser.fit_transform(texts_of(train))
    return _regress(features, vectoriser.transform(texts_of(test)), train, taxonomy, strength=_TFIDF_STRENGTH)


def embeddings(train: Sequence[Example], test: Sequence[Example], taxonomy: Taxonomy) -> list[Predicted]:
    """Sentence vectors of the frozen base encoder, one logistic regression per label."""
    vectors = embed([*texts_of(train), *texts_of(test)])
    return _regress(vectors[: len(train)], vectors[len(train) :], train, taxonomy, strength=_EMBEDDING_STRENGTH)


def vader(train: Sequence[Example], test: Sequence[Example], taxonomy: Taxonomy) -> list[Predicted]:
    """The compound score of the VADER lexicon (Hutto & Gilbert 2014), cut into the levels of each ordinal set."""
    analyser = SentimentIntensityAnalyzer()
    seen, unseen = (
        np.array([analyser.polarity_scores(text)["compound"] for text in texts_of(part, context=False)]) for part in (train, test)
    )
    chosen: list[dict[str, str]] = [{} for _ in test]
    for label_set in (part for part in taxonomy.of("verbatim") if part.kind == "ordinal"):
        gold = _classes(train, label_set)
        cuts = fit_cuts(seen[gold != UNKNOWN], gold[gold != UNKNOWN], len(label_set.keys))
        for row, level in zip(chosen, np.searchsorted(cuts, unseen, side="right"), strict=True):
            row[label_set.name] = label_set.keys[level]
    return [Predicted(chosen=row) for row in chosen]


BASELINES: dict[str, Baseline] = {
    "TF-IDF + logistic regression": tfidf,
    "frozen MiniLM + logistic regression": embeddings,
    "VADER lexicon": vader,
}


def texts_of(examples: Iterable[Example], *, context: bool = True) -> list[str]:
    """The input of a baseline: the customer's cleaned text, preceded by channel and question if `context` is set."""
    rules = RedactionRules.load(config_path("redaction.toml"))
    return [_text(example, rules, context=context) for example in examples]


def _text(example: Example, rules: RedactionRules, *, context: bool) -> str:
    words = [turn.text for turn in example.turns if turn.speaker == "customer"] or [example.text]
    before = (example.channel, example.question) if context else ()
    return " ".join(filter(None, (*before, *(clean(text, rules=rules).text for text in words))))


@torch.no_grad()
def embed(texts: Sequence[str]) -> Floats:
    """(texts, width): mean token vectors of unit length, computed in batches of similar length, returned in the order of `texts`."""
    with base_model_folder("all-MiniLM-L6-v2") as folder:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        model = _base_model(folder)
    tokenizer.enable_truncation(_MAX_TOKENS)
    tokenizer.no_padding()
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    vectors = np.zeros((len(ids), model.config.hidden_size))
    for at in range(0, len(order), _BATCH):
        rows = order[at : at + _BATCH]
        vectors[rows] = _pooled(model, [ids[row] for row in rows])
    return vectors


def _base_model(folder: Path) -> BertModel:
    model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False).eval()
    weights = {name.removeprefix("bert."): value for name, value in load_file(folder / "model.safetensors").items()}
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model


def _pooled(model: BertModel, batch: list[list[int]]) -> Floats:
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in batch], batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(ids), dtype=torch.long) for ids in batch], batch_first=True)
    hidden = model(input_ids=padded, attention_mask=mask).last_hidden_state
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.nn.functional.normalize(mean).double().numpy()


def fit_cuts(scores: Floats, gold: Ints, levels: int) -> Floats:
    """Ascending cuts of a score that best match gold levels (quadratic kappa), by coordinate search.

    The search starts at cuts that reproduce the gold shares; a score at a cut belongs above it.
    """
    if not len(scores):
        return np.linspace(-1, 1, levels + 1)[1:-1]
    shares = np.cumsum(np.bincount(gold, minlength=levels))[:-1] / len(gold)
    cuts = np.quantile(scores, shares)
    edges = (scores.min() - 1e-6, scores.max() + 1e-6)
    for _ in range(3):
        for index in range(levels - 1):
            bounds = np.r_[edges[0], cuts, edges[1]]
            trials = np.r_[cuts[index], np.linspace(bounds[index], bounds[index + 2], _CUT_STEPS)]
            found = [_agreement(np.r_[cuts[:index], trial, cuts[index + 1 :]], scores, gold, levels) for trial in trials]
            cuts[index] = trials[int(np.argmax(found))]
    return cuts


def _agreement(cuts: Floats, scores: Floats, gold: Ints, levels: int) -> float:
    return quadratic_kappa(gold, np.searchsorted(cuts, scores, side="right"), levels)


def _regress(seen: Matrix, unseen: Matrix, train: Sequence[Example], taxonomy: Taxonomy, *, strength: float) -> list[Predicted]:
    """Predict every label set of the taxonomy from one feature matrix."""
    learner = _Learner(seen, unseen, np.array([example.weight for example in train]), strength)
    given: list[dict[str, Mapping[str, str | None]]] = [{} for _ in range(unseen.shape[0])]
    chosen: list[dict[str, str]] = [{} for _ in range(unseen.shape[0])]
    for label_set in taxonomy.of("verbatim"):
        if label_set.kind == "multi":
            for labels, found in zip(given, _multi(learner, train, label_set), strict=True):
                labels[label_set.name] = found
        else:
            for label, key in zip(chosen, _one_of(learner, train, label_set), strict=True):
                label[label_set.name] = key
    return [Predicted(*row) for row in zip(given, chosen, strict=True)]


def _multi(learner: "_Learner", train: Sequence[Example], label_set: LabelSet) -> list[dict[str, str | None]]:
    """One model and one threshold per label; the polarity is the one with the most confident model."""
    gold = _memberships(train, label_set)
    out_of_fold = np.column_stack([learner.out_of_fold(column) for column in gold.T])
    thresholds = np.array(fit_thresholds(out_of_fold, gold, load_training_settings().calibration))
    probabilities = np.column_stack([learner.probability(column) for column in gold.T])
    polarities = _polarities(learner, train, label_set)
    return [
        {label_set.keys[index]: polarities[row][index] for index in _given(probabilities[row], thresholds, label_set.max_labels)}
        for row in range(len(probabilities))
    ]


def _given(probability: Floats, thresholds: Floats, most: int | None) -> list[int]:
    return [int(index) for index in np.argsort(-probability, kind="stable") if probability[index] >= thresholds[index]][:most]


def _polarities(learner: "_Learner", train: Sequence[Example], label_set: LabelSet) -> list[list[str | None]]:
    """For every test text, each label's likeliest polarity, from one model per label:polarity pair."""
    names = label_set.polarities
    if not names:
        return [[None] * len(label_set.keys)] * learner.unseen.shape[0]
    pairs = [_pair_membership(train, label_set, key, polarity) for key in label_set.keys for polarity in names]
    probabilities = np.column_stack([learner.probability(column) for column in pairs])
    best = probabilities.reshape(len(probabilities), len(label_set.keys), len(names)).argmax(2)
    return [[names[index] for index in row] for row in best]


def _one_of(learner: "_Learner", train: Sequence[Example], label_set: LabelSet) -> list[str]:
    return [label_set.keys[index] for index in learner.choice(_classes(train, label_set))]


def _memberships(examples: Sequence[Example], label_set: LabelSet) -> Ints:
    """(examples, labels) of 1 given, 0 absent, -1 unknown."""
    return np.array([[_membership(example.targets.get(label_set.name), key) for key in label_set.keys] for example in examples])


def _membership(known: Labels | OneOf | None, key: str) -> int:
    if not isinstance(known, Labels) or (key in known.unknown and key not in known.given):
        return UNKNOWN
    return int(key in known.given)


def _pair_membership(examples: Sequence[Example], label_set: LabelSet, key: str, polarity: str) -> Ints:
    """1 if the label is given with this polarity, unknown if given without one."""

    def one(known: Labels | OneOf | None) -> int:
        given = _membership(known, key)
        if given != 1 or not isinstance(known, Labels):
            return given
        return UNKNOWN if known.given[key] is None else int(known.given[key] == polarity)

    return np.array([one(example.targets.get(label_set.name)) for example in examples])


def _classes(examples: Sequence[Example], label_set: LabelSet) -> Ints:
    """The index of each example's single label; unknown if the set, or the choice among several labels, is not known."""
    return np.array([_class(example.targets.get(label_set.name), label_set) for example in examples])


def _class(known: Labels | OneOf | None, label_set: LabelSet) -> int:
    keys = known.keys if isinstance(known, OneOf) else frozenset()
    return label_set.keys.index(next(iter(keys))) if len(keys) == 1 and keys <= set(label_set.keys) else UNKNOWN


@dataclass(frozen=True, slots=True)
class _Learner:
    """Logistic regressions on one matrix of training features, evaluated on one matrix of test features."""

    seen: Matrix
    unseen: Matrix
    weight: Floats
    strength: float

    def probability(self, gold: Ints) -> Floats:
        """Test probabilities for a label that is 1, 0 or -1 (unknown) in training."""
        known = np.flatnonzero(gold != UNKNOWN)
        return self._fit_and_ask(known, gold, self.unseen)

    def out_of_fold(self, gold: Ints) -> Floats:
        """Cross-validated training probabilities; 0 where gold is unknown."""
        known = np.flatnonzero(gold != UNKNOWN)
        out = np.zeros(len(gold))
        if (count := int(min((gold[known] == 1).sum(), (gold[known] == 0).sum()))) < 2:
            return out
        folds = StratifiedKFold(min(_FOLDS, count), shuffle=True, random_state=0)
        for inside, outside in folds.split(known, gold[known]):
            out[known[outside]] = self._fit_and_ask(known[inside], gold, self.seen[known[outside]])
        return out

    def choice(self, gold: Ints) -> Ints:
        """The likeliest class of each test text; class 0 without training data."""
        known = np.flatnonzero(gold != UNKNOWN)
        classes = np.unique(gold[known])
        if len(classes) < 2:
            return np.full(self.unseen.shape[0], classes[0] if len(classes) else 0)
        return np.asarray(self._fitted(known, gold).predict(self.unseen))

    def _fit_and_ask(self, rows: Ints, gold: Ints, asked: Matrix) -> Floats:
        values = gold[rows]
        if len(np.unique(values)) < 2:
            return np.full(asked.shape[0], values.mean() if len(values) else 0.0)
        return np.asarray(self._fitted(rows, gold).predict_proba(asked)[:, 1])

    def _fitted(self, rows: Ints, gold: Ints) -> LogisticRegression:
        is_binary = set(np.unique(gold[rows])) <= {0, 1}
        solver = "liblinear" if is_binary and issparse(self.seen) else "lbfgs"  # on dense vectors the latter is many times faster
        model = LogisticRegression(C=self.strength, solver=solver, max_iter=1000, random_state=0)
        return model.fit(self.seen[rows], gold[rows], sample_weight=self.weight[rows])
