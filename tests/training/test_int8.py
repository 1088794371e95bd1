"""Linear layers rounded as in int8: on their grids, fitted through the rounding, and left alone until rounding is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toys import ready, sentences, toy_recipe

from training.fit import fit
from training.int8 import INPUT_STEPS, WEIGHT_STEPS, Int8Linear, int8_layers, round_products, with_int8
from training.network import Network

NewNetwork = Callable[..., Network]


def observed(*, rows: int = 64, outlier: float = 1.0) -> tuple[Int8Linear, Tensor]:
    """A layer that has seen some inputs, and these inputs; the values of the first channel are `outlier` times as large."""
    torch.manual_seed(1)
    layer, inputs = Int8Linear.of(nn.Linear(16, 8)), torch.randn(rows, 16)
    inputs[:, 0] *= outlier
    layer.train()(inputs)
    return layer.eval(), inputs


def test_nothing_is_rounded_until_it_is_asked_for() -> None:
    layer, inputs = observed()
    exact = nn.functional.linear(inputs, layer.weight, layer.bias)
    assert torch.equal(layer(inputs), exact)
    round_products(layer, is_rounded=True)
    assert not torch.equal(layer(inputs), exact)
    assert torch.allclose(layer(inputs), exact, atol=0.1)
    round_products(layer, is_rounded=False)
    assert torch.equal(layer(inputs), exact)


def test_inputs_and_weights_lie_on_grids_of_8_and_7_bits() -> None:
    layer, inputs = observed()
    (scale, zero), divisors = layer.input_grid(), layer.divisors()
    steps = (inputs / divisors / scale).round() + zero
    assert 0 <= steps.min() <= 1 and INPUT_STEPS - 1 <= steps.max() <= INPUT_STEPS
    weights = layer.weight.detach() * divisors / layer.weight_scales()[:, None]
    assert torch.allclose(weights.abs().amax(dim=1), torch.full((8,), float(WEIGHT_STEPS)))
    round_products(layer, is_rounded=True)
    by_hand = ((steps - zero) * scale) @ (weights.round() * layer.weight_scales()[:, None]).T + layer.bias
    assert torch.allclose(layer(inputs), by_hand, atol=1e-4)


def test_a_channel_of_large_values_does_not_blur_the_others() -> None:
    layer, inputs = observed(outlier=50.0)
    with torch.no_grad():
        layer.weight[:, 0] = 0.0
        exact = layer(inputs)
        round_products(layer, is_rounded=True)
        smoothed = (layer(inputs) - exact).abs().mean()
        layer.peaks.fill_(1.0)
        layer.low, layer.high = inputs.min(), inputs.max()
        assert smoothed < (layer(inputs) - exact).abs().mean() / 2


def test_ranges_follow_training_batches_only() -> None:
    layer, inputs = observed()
    before = layer.low.clone(), layer.high.clone(), layer.peaks.clone()
    layer(inputs * 10)
    assert all(torch.equal(was, now) for was, now in zip(before, (layer.low, layer.high, layer.peaks), strict=True))
    layer.train()(inputs * 10)
    assert layer.low < before[0] and layer.high > before[1] and (layer.peaks > before[2]).all()


def test_a_layer_that_saw_nothing_but_zeros_gives_its_bias() -> None:
    layer = Int8Linear.of(nn.Linear(4, 2))
    layer.train()(torch.zeros(3, 4))
    round_products(layer, is_rounded=True)
    assert torch.equal(layer.eval()(torch.zeros(1, 4))[0], layer.bias)


def test_every_linear_layer_of_an_encoder_is_replaced_with_its_weights(new_network: NewNetwork) -> None:
    plain, made = new_network().encoder, with_int8(new_network().encoder)
    linear = {name: module for name, module in plain.named_modules() if isinstance(module, nn.Linear)}
    layers = dict(int8_layers(made))
    assert layers.keys() == linear.keys()
    for name, module in linear.items():
        assert torch.equal(layers[name].weight, module.weight) and torch.equal(layers[name].bias, module.bias)


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_network_is_fitted_through_the_rounding(
    new_network: NewNetwork, tokenizer: object, rules: object, layout: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    network = new_network()
    with_int8(network.encoder)
    begun = {name: value.clone() for name, value in network.encoder.named_parameters()}
    data, seen = ready(sentences(40), tokenizer, rules, layout), []  # type: ignore[arg-type]
    forward = Network.forward

    def watched(self: Network, *given: object, **named: object) -> object:
        seen.append({layer.is_rounded for _, layer in int8_layers(self)})
        return forward(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "forward", watched)
    recipe = toy_recipe(epochs=3, int8_epochs=epochs, encoder_rate=1e-3, head_rate=1e-2, tokens=256, average=0.9)
    fit(network, data, recipe, folder=tmp_path)
    a_third = len(seen) // 3
    assert seen[: a_third * (3 - epochs)] == [{False}] * (a_third * (3 - epochs))
    assert seen[a_third * (3 - epochs) :] == [{True}] * (a_third * epochs)
    assert all(not torch.equal(value, begun[name]) for name, value in network.encoder.named_parameters() if "layer" in name)
    assert all(layer.high > layer.low for _, layer in int8_layers(network))
