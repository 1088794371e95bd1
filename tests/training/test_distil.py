"""A smaller encoder is drawn towards what the whole one sees."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from toys import Toy, ready, sentences, toy_recipe

from training import distil
from training.encoders import from_bundle, new_network, of_layers, take_heads
from training.examples import Example
from training.fit import fit
from training.network import Network
from training.prepare import Prepared, collate
from vocservice.inference.layout import Layout
from vocservice.text.redact import RedactionRules

NewNetwork = Callable[..., Network]
LONG = " ".join(["the food was very good but the crew was late and"] * 60)


@pytest.fixture
def shown(toy: Toy, tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> list[Prepared]:
    examples = [*sentences(24, seed=3), Example("long", "toy", LONG, {}, channel="good", question="the price")]
    return list(distil.shown(ready(examples, tokenizer, rules, layout), toy.folder))


def smaller(toy: Toy, layout: Layout, layers: tuple[int, ...]) -> Network:
    network = new_network(of_layers(from_bundle(toy.folder), layers), layout, toy_recipe(dropout=0.0, seed=1))
    take_heads(network, toy.folder)
    return network.eval()


def away(network: Network, data: list[Prepared], *, bare: bool = False) -> float:
    with torch.no_grad():
        seen = network(collate(data, bare=[bare] * len(data)))
        return float(distil.distance(seen.features, data, [bare] * len(data)))


def test_the_whole_encoder_sees_what_was_shown_and_a_part_of_it_does_not(toy: Toy, layout: Layout, shown: list[Prepared]) -> None:
    count = toy.network.encoder.config.num_hidden_layers
    assert away(smaller(toy, layout, tuple(range(count))), shown) < 1e-4
    assert away(smaller(toy, layout, (count - 1,)), shown) > 1e-3


def test_bare_texts_and_those_that_nothing_was_shown_of_count_for_nothing(toy: Toy, layout: Layout, shown: list[Prepared]) -> None:
    network = smaller(toy, layout, (0,))
    assert away(network, shown, bare=True) == 0.0
    assert away(network, [replace(item, features=None) for item in shown]) == 0.0
    part = [item if number % 2 else replace(item, features=None) for number, item in enumerate(shown)]
    assert away(network, part) == pytest.approx(away(network, [item for item in part if item.features is not None]), rel=0.05)


def test_fitting_draws_a_part_towards_what_was_shown(toy: Toy, layout: Layout, shown: list[Prepared], tmp_path: Path) -> None:
    recipe = toy_recipe(epochs=6, encoder_rate=2e-3, head_rate=0.0, tokens=256, average=0.5, dropout=0.0)
    far = {}
    for name, data in (("drawn", shown), ("alone", [replace(item, features=None) for item in shown])):
        network = smaller(toy, layout, (0,))
        fit(network, data, recipe, folder=tmp_path / name)
        far[name] = away(network.eval(), shown)
    assert far["drawn"] < 0.7 * away(smaller(toy, layout, (0,)), shown)
    assert far["drawn"] < far["alone"]


def test_features_are_kept_in_half_precision(shown: list[Prepared]) -> None:
    for item in shown:
        assert item.features is not None
        assert item.features.dtype == np.float16
        assert len(item.features) == len(item.windowed.segments)
