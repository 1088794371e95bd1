"""Teachers speak of texts that they did not learn from, and a regression makes one probability of their scores."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from toys import ready, sentences, toy_recipe

from training import teach
from training.encoders import Encoder
from training.fit import Recipe
from training.network import Network
from training.prepare import Prepared
from training.settings import Teacher, load_training_settings
from training.teach import Room, combine
from vocservice.inference.layout import Layout
from vocservice.text.redact import RedactionRules

TEACHER = Teacher(base="all-MiniLM-L6-v2", public=toy_recipe(epochs=1), codebook=toy_recipe(epochs=1, tokens=512))


@pytest.fixture
def room(tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> Room:
    items = ready(sentences(24), tokenizer, rules, layout)
    return Room(items[:18], items[18:], layout, folds=3)


def test_no_text_is_scored_by_a_teacher_trained_on_it(
    room: Room, tokenizer: Tokenizer, new_network: Callable[..., Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[set[str]] = []

    def remember(network: Network, data: Sequence[Prepared], recipe: Recipe, **_: Any) -> None:
        learnt.append({item.example.id for item in data})

    monkeypatch.setattr(teach, "fit", remember)
    encoder = Encoder(new_network().encoder, tokenizer)
    for number in range(room.folds):
        (tmp_path / str(number)).mkdir()
        teach._fold(number, TEACHER, encoder, room, room.known, tmp_path / str(number))
    assert all(item.example.id not in learnt[room.fold(item)] for item in room.known)
    assert set.union(*learnt) == {item.example.id for item in room.known}
    teach._fold(0, TEACHER, encoder, room, room.known, tmp_path / "0")
    assert len(learnt) == room.folds  # a fold that is done is not fitted again


def test_texts_are_scored_in_their_order_whatever_their_length(room: Room, new_network: Callable[..., Network]) -> None:
    network = new_network()
    lengths = [item.windowed.tokens for item in room.known]
    assert lengths != sorted(lengths)
    found = teach._scores(network, room.known, room.layout)
    for item, *row in zip(room.known, *(found[name] for name in sorted(found)), strict=True):
        alone = teach._scores(network, [item], room.layout)
        for name, values in zip(sorted(found), row, strict=True):
            np.testing.assert_allclose(values, alone[name][0], atol=0.05)  # bfloat16


def test_own_fold_for_the_annotated_and_the_mean_for_the_pool() -> None:
    folds = [np.array([[1.0], [2.0], [10.0]], np.float32), np.array([[5.0], [20.0]], np.float32)]  # own texts first, the pool's one last
    joined = teach._join(folds, np.array([0, 1, 0]))
    assert joined[:, 0].tolist() == [1.0, 5.0, 2.0, 15.0]


def test_the_regression_follows_the_teacher_that_knows(room: Room) -> None:
    random = np.random.default_rng(1)
    people = [*room.known, *room.pool]
    wise: dict[str, np.ndarray] = {}
    dull: dict[str, np.ndarray] = {}
    for block in room.layout.blocks:
        name, labels = block.label_set.name, len(block.label_set.labels)
        gold = np.array([teach.label_row(block, item.example) for item in people])
        wise[name] = (6.0 * (gold > 0) - 3.0).astype(np.float32)
        dull[name] = random.normal(size=(len(people), labels)).astype(np.float32)
        if block.label_set.polarities:
            wise[name + "/polarity"] = np.zeros((len(people), labels, len(block.label_set.polarities)), np.float32)
            dull[name + "/polarity"] = wise[name + "/polarity"]
    out = combine([dull, wise], room.known, room.layout, load_training_settings().teach.stack)
    gold = wise["factors"][18:] > 0
    assert gold.any() and not gold.all()
    assert out["factors"][18:][gold].min() > 0.5 > out["factors"][18:][~gold].max()
    assert out["factors/polarity"] == pytest.approx(np.full_like(out["factors/polarity"], 1 / out["factors/polarity"].shape[2]))
    assert out["scope"].sum(1) == pytest.approx(np.ones(len(people)))
