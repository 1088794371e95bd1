"""Fitting lowers the loss, goes on where it was killed to the same weights, and takes up nothing of another recipe."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from toys import SHARED, ready, sentences, toy_recipe

from training import fit as fitting
from training.examples import Example, Labels
from training.fit import Recipe, fit, positive_weights
from training.losses import total_loss
from training.network import Network
from training.prepare import Prepared, collate
from training.targets import build_targets
from vocservice.inference.layout import Layout
from vocservice.text.redact import RedactionRules

RECIPE = toy_recipe(epochs=3, encoder_rate=1e-3, head_rate=1e-2, tokens=256, average=0.9, dropout=0.1, seed=3)

NewNetwork = Callable[..., Network]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def data(tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> list[Prepared]:
    return ready(sentences(60), tokenizer, rules, layout)


def loss_of(network: Network, data: list[Prepared]) -> float:
    network.eval()
    with torch.no_grad():
        targets = build_targets([p.example for p in data], [p.evidence for p in data], network.layout)
        return float(
            total_loss(network(collate(data, bare=[False] * len(data))), targets, network.layout, {}, torch.ones(len(data)), SHARED.losses)
        )


def weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_loss_goes_down_and_unseen_texts_are_understood(
    new_network: NewNetwork, data: list[Prepared], tokenizer: Tokenizer, rules: RedactionRules, layout: Layout, tmp_path: Path
) -> None:
    network = new_network(dropout=0.1)
    unseen = ready(sentences(30, seed=5), tokenizer, rules, layout)
    before = loss_of(network, data), loss_of(network, unseen)
    fit(network, data, replace(RECIPE, epochs=6), folder=tmp_path)
    assert loss_of(network, data) < before[0] / 3
    assert loss_of(network, unseen) < before[1] / 2


def test_the_same_run_twice_gives_the_same_weights_and_another_seed_others(
    new_network: NewNetwork, data: list[Prepared], tmp_path: Path
) -> None:
    made = []
    for number, recipe in enumerate((RECIPE, RECIPE, replace(RECIPE, seed=4))):
        network = new_network(dropout=0.1)
        fit(network, data, recipe, folder=tmp_path / str(number))
        made.append(weights(network))
    assert same(made[0], made[1])
    assert not same(made[0], made[2])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95], ids=["at the first step", "in the second epoch", "in the last epoch"])
def test_a_killed_run_goes_on_to_exactly_the_weights_of_an_uninterrupted_one(
    new_network: NewNetwork, data: list[Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    straight, killed = new_network(dropout=0.1), new_network(dropout=0.1)
    with counted_steps(monkeypatch) as steps:
        fit(straight, data, RECIPE, folder=tmp_path / "straight")
    last = int(steps[0] * share)
    with pytest.raises(KilledError), counted_steps(monkeypatch, last=last) as steps:
        fit(killed, data, RECIPE, folder=tmp_path / "killed")
    assert steps[0] == last
    torch.manual_seed(99)  # a new process knows nothing of the old one's random state
    resumed = new_network(seed=1 if last else 0, dropout=0.1)  # after an epoch its weights come from the checkpoint
    fit(resumed, data, RECIPE, folder=tmp_path / "killed")
    assert same(weights(resumed), weights(straight))


@contextmanager
def counted_steps(monkeypatch: pytest.MonkeyPatch, *, last: int | None = None) -> Iterator[list[int]]:
    """The number of optimiser steps done; the process is killed at the one after `last`."""
    done, real = [0], torch.optim.AdamW.step

    def step(self: torch.optim.AdamW, *given: object, **named: object) -> object:
        if done[0] == last:
            raise KilledError
        done[0] += 1
        return real(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        yield done


def test_the_rate_rises_and_falls_once_in_each_cycle(
    new_network: NewNetwork, data: list[Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    real = torch.optim.AdamW.step

    def step(self: torch.optim.AdamW, *given: object, **named: object) -> object:
        rates.append(self.param_groups[-1]["lr"])
        return real(self, *given, **named)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    fit(new_network(), data, replace(RECIPE, epochs=4, cycles=2), folder=tmp_path)
    half = len(rates) // 2
    for cycle in (rates[:half], rates[half:]):
        top = cycle.index(max(cycle))
        assert cycle[:top] == sorted(cycle[:top]) and cycle[top:] == sorted(cycle[top:], reverse=True)
        assert cycle[-1] < max(cycle) / 4
    assert max(rates[half:]) > 3 * rates[half - 1]


def test_a_finished_run_is_taken_as_it_is(
    new_network: NewNetwork, data: list[Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = new_network(), new_network(seed=1)
    fit(first, data, RECIPE, folder=tmp_path)
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_, **__: pytest.fail("trained again"))
    fit(again, data, RECIPE, folder=tmp_path)
    assert same(weights(first), weights(again))


@pytest.mark.parametrize(
    "change",
    [{"epochs": 4}, {"head_rate": 2e-2}, {"seed": 4}, {"tokens": 128}, {"dropout": 0.2}, {"cycles": 2}],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_of_another_recipe_is_not_taken(
    new_network: NewNetwork, data: list[Prepared], tmp_path: Path, change: dict[str, float]
) -> None:
    recipe = replace(RECIPE, epochs=1)
    fit(new_network(), data[:16], recipe, folder=tmp_path / "used")
    changed = replace(recipe, **change)  # type: ignore[arg-type]
    made = []
    for folder in ("used", "new"):
        network = new_network()
        fit(network, data[:16], changed, folder=tmp_path / folder)
        made.append(weights(network))
    assert same(*made)


def test_a_checkpoint_of_other_data_is_not_taken(new_network: NewNetwork, data: list[Prepared], tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1)
    fit(new_network(), data[:16], recipe, folder=tmp_path / "used")
    made = []
    for folder in ("used", "new"):
        network = new_network()
        fit(network, data[:20], recipe, folder=tmp_path / folder)
        made.append(weights(network))
    assert same(*made)


def test_a_checkpoint_is_safetensors_with_a_readable_state(new_network: NewNetwork, data: list[Prepared], tmp_path: Path) -> None:
    fit(new_network(), data[:16], replace(RECIPE, epochs=2), folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as opened:
        state = json.loads(opened.metadata()["state"])
        names = set(opened.keys())
    assert state["epochs"] == 2 and state["recipe"]["head_rate"] == RECIPE.head_rate
    assert {name.split("/")[0] for name in names} == {"weights", "average", "optimiser"}


def test_the_average_of_the_weights_is_what_is_kept(new_network: NewNetwork, data: list[Prepared], tmp_path: Path) -> None:
    network = new_network()
    fit(network, data, RECIPE, folder=tmp_path)
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as opened:
        average, last = opened.get_tensor("average/head.weight"), opened.get_tensor("weights/head.weight")
    assert torch.equal(network.head.weight, average)
    assert not torch.equal(average, last)


def lengths(data: list[Prepared], tokens: int) -> Iterator[tuple[int, int]]:
    """Texts and padded tokens of each batch."""
    for batch in fitting._by_budget(data, tokens, random.Random(0)):
        padded = collate(batch, bare=[False] * len(batch)).ids.numel()
        yield len(batch), padded


@pytest.fixture(scope="module")
def uneven(tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> list[Prepared]:
    """Texts of one word to several windows."""
    draw = random.Random(1)
    texts = ["good " * draw.choice([1, 3, 10, 40, 200, 600]) for _ in range(120)]
    return ready([Example(f"a-{n}", "toy", text, {}) for n, text in enumerate(texts)], tokenizer, rules, layout)


@pytest.mark.parametrize("tokens", [64, 300, 1536])
def test_no_batch_of_several_texts_passes_the_budget(uneven: list[Prepared], tokens: int) -> None:
    batches = list(lengths(uneven, tokens))
    assert all(padded <= tokens for count, padded in batches if count > 1)
    assert any(count > 1 for count, _ in batches)


def test_every_text_stands_in_exactly_one_batch(uneven: list[Prepared]) -> None:
    batches = list(fitting._by_budget(uneven, 300, random.Random(0)))
    assert sorted(p.example.id for batch in batches for p in batch) == sorted(p.example.id for p in uneven)


def test_little_of_a_batch_is_padding(uneven: list[Prepared]) -> None:
    filled = sum(p.windowed.tokens for p in uneven)
    assert filled / sum(padded for _, padded in lengths(uneven, 1536)) > 0.7


def groups(network: Network, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """Name of every parameter -> its rate and its weight decay."""
    found = {id(p): (g["lr"], g["weight_decay"]) for g in fitting._groups(network, recipe) for p in g["params"]}  # type: ignore[attr-defined]
    return {name: found[id(parameter)] for name, parameter in network.named_parameters()}


def test_lower_layers_learn_slower_and_the_heads_at_their_own_rate(new_network: NewNetwork) -> None:
    rates = {name: rate for name, (rate, _) in groups(new_network(), RECIPE).items()}
    embedding = rates["encoder.embeddings.word_embeddings.weight"]
    first = rates["encoder.encoder.layer.0.attention.self.query.weight"]
    second = rates["encoder.encoder.layer.1.attention.self.query.weight"]
    assert embedding < first < second == pytest.approx(RECIPE.encoder_rate)
    assert embedding / first == pytest.approx(first / second)
    assert rates["head.weight"] == rates["head.bias"] == RECIPE.head_rate


def test_biases_and_norms_are_not_decayed(new_network: NewNetwork) -> None:
    network = new_network()
    decays = {name: decay for name, (_, decay) in groups(network, RECIPE).items()}
    for name, parameter in network.named_parameters():
        assert decays[name] == (0.0 if parameter.ndim == 1 else RECIPE.weight_decay)


def test_rates_rise_then_fall_to_nothing(
    new_network: NewNetwork, data: list[Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    real = torch.optim.AdamW.step

    def step(self: torch.optim.AdamW, *given: object, **named: object) -> object:
        rates.append(max(group["lr"] for group in self.param_groups))
        return real(self, *given, **named)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    fit(new_network(), data, replace(RECIPE, warmup=0.3), folder=tmp_path)
    top = rates.index(max(rates))
    assert 0 < top < len(rates) - 2
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(RECIPE.head_rate, rel=0.2) and rates[-1] < RECIPE.head_rate / 5


def test_positives_weigh_by_the_root_of_their_rarity(tokenizer: Tokenizer, rules: RedactionRules, layout: Layout) -> None:
    stages = ["eat"] * 16 + ["buy"] * 4 + ["tell"]
    texts = [Example(f"a-{n}", "toy", "good food", {"stages": Labels({stage: None})}) for n, stage in enumerate(stages)]
    made = positive_weights(ready(texts, tokenizer, rules, layout), layout, most=3.0)
    assert made["stages"].tolist() == [2.0, 1.0, 3.0]  # buy, eat, tell: the last one would be 4
    assert "sentiment" not in made
