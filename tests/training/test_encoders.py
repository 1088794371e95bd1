"""Encoders survive their folder, a bundle's ONNX file gives back the encoder it was made of, and the base starts right."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer
from toys import BASE, export_toy, toy_recipe

from training import encoders
from training.base import BASES, Base, base_model_folder
from training.encoders import Encoder
from training.network import Network
from training.settings import load_training_settings
from vocservice.errors import ConfigError
from vocservice.inference.layout import Layout
from vocservice.taxonomy import Taxonomy
from vocservice.text.redact import RedactionRules

NewNetwork = Callable[..., Network]
IDS = torch.tensor([[3, 60, 61, 62, 4], [3, 80, 4, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


@torch.no_grad()
def hidden(model: torch.nn.Module) -> torch.Tensor:
    return model.eval()(input_ids=IDS, attention_mask=MASK).last_hidden_state[MASK > 0]


def test_what_is_saved_is_loaded(new_network: NewNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = new_network().encoder
    encoders.save(model, tokenizer, tmp_path / "new" / "folder")
    loaded = encoders.load(tmp_path / "new" / "folder")
    assert torch.equal(hidden(loaded.model), hidden(model))
    assert loaded.tokenizer.to_str() == tokenizer.to_str()
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["config.json", "encoder.safetensors", "tokenizer.json"]


def test_weights_that_lack_a_part_are_refused(new_network: NewNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    encoders.save(new_network().encoder, tokenizer, tmp_path)
    path = tmp_path / "encoder.safetensors"
    kept = {name: value for name, value in encoders.load_file(path).items() if "layer.1" not in name}
    encoders.save_file(kept, path)
    with pytest.raises(ValueError, match=r"layer\.1"):
        encoders.load(tmp_path)


def unlike(network: Network) -> Network:
    """Biases and norms drawn apart, as training leaves them."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter += 0.1 * torch.randn_like(parameter)
    return network


def test_a_bundle_gives_back_its_encoder(
    new_network: NewNetwork, tokenizer: Tokenizer, taxonomy: Taxonomy, rules: RedactionRules, tmp_path: Path
) -> None:
    network = unlike(new_network())
    export_toy(network, tokenizer, taxonomy, rules, tmp_path)
    found = encoders.from_bundle(tmp_path)
    config, own = found.model.config, network.encoder.config
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings", "vocab_size"):
        assert getattr(config, name) == getattr(own, name)
    assert torch.allclose(hidden(found.model), hidden(network.encoder), atol=5e-3)  # weights are stored in half precision
    assert found.model.state_dict().keys() == network.encoder.state_dict().keys()
    for name, value in network.encoder.state_dict().items():
        assert torch.allclose(found.model.state_dict()[name], value, atol=1e-3), name
    assert found.tokenizer.to_str() == tokenizer.to_str()


def test_a_graph_of_an_earlier_release_is_refused(tmp_path: Path) -> None:
    table = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), "encoder.embeddings.word_embeddings.weight")
    graph = onnx.helper.make_graph([], "main_graph", [], [], [table])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "encoder.onnx"))
    with pytest.raises(ConfigError, match="from an earlier release"):
        encoders.from_bundle(tmp_path)


def test_a_new_network_copies_the_encoder_and_draws_its_heads_by_seed(
    new_network: NewNetwork, tokenizer: Tokenizer, layout: Layout
) -> None:
    start = Encoder(new_network().encoder, tokenizer)
    first, again, other = (encoders.new_network(start, layout, toy_recipe(dropout=0.2, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(hidden(first.encoder), hidden(start.model))
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)
    assert first.head.weight.shape == (layout.width, 3 * start.model.config.hidden_size)
    with torch.no_grad():
        first.encoder.embeddings.word_embeddings.weight.zero_()
    assert start.model.embeddings.word_embeddings.weight.any()


def test_dropout_is_on_while_fitting_only(new_network: NewNetwork, tokenizer: Tokenizer, layout: Layout) -> None:
    network = encoders.new_network(Encoder(new_network().encoder, tokenizer), layout, toy_recipe(dropout=0.5, seed=1))
    network.encoder.train()
    with torch.no_grad():
        drawn = [network.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state for _ in range(2)]
    assert not torch.equal(*drawn)
    assert torch.equal(hidden(network.encoder), hidden(network.encoder))


def test_the_base_with_a_fitted_vocabulary_reads_kept_words_as_before(base_folder: Path) -> None:
    text = "The delivery was late and the crew was lovely."
    made = encoders.from_base([text, text], BASE, load_training_settings().vocabulary)
    base = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    base.no_padding()
    weights = {name.removeprefix("bert."): value for name, value in encoders.load_file(base_folder / "model.safetensors").items()}
    plain = encoders._model(encoders.BertConfig.from_json_file(base_folder / "config.json"), weights)
    with torch.no_grad():
        vectors = [
            model.eval()(input_ids=torch.tensor([reader.encode(text).ids])).last_hidden_state
            for model, reader in ((made.model, made.tokenizer), (plain, base))
        ]
    assert torch.allclose(*vectors, atol=1e-5)
    assert made.model.config.vocab_size == made.tokenizer.get_vocab_size() < base.get_vocab_size()
    ids = made.tokenizer.get_vocab()
    described = base.encode("card number", add_special_tokens=False).ids
    expected = plain.embeddings.word_embeddings.weight[described].mean(0)
    assert torch.allclose(made.model.embeddings.word_embeddings.weight[ids["[CARD]"]], expected)


def test_a_base_that_is_missing_or_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BASES, "none", Base(("no_such_package_of_ours",), "model", "0" * 64))
    monkeypatch.setitem(BASES, "changed", Base(("changed_base_of_ours",), "model", "0" * 64))
    model = tmp_path / "changed_base_of_ours" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").touch()
    (model / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    for name, told in (("none", "not installed"), ("changed", "SHA-256")):
        with pytest.raises(ConfigError, match=told), base_model_folder(name):
            pytest.fail("it was taken")


def test_chosen_layers_are_kept_in_their_order(new_network: NewNetwork, tokenizer: Tokenizer) -> None:
    whole = Encoder(new_network().encoder, tokenizer)
    count = whole.model.config.num_hidden_layers
    assert torch.equal(hidden(encoders.of_layers(whole, range(count)).model), hidden(whole.model))
    last = encoders.of_layers(whole, [count - 1])
    assert last.model.config.num_hidden_layers == 1
    own = dict(whole.model.encoder.layer[count - 1].named_parameters())
    assert all(torch.equal(value, own[name]) for name, value in last.model.encoder.layer[0].named_parameters())


@pytest.mark.parametrize("layers", [[], [-1], [0, 99]])
def test_layers_that_are_not_there_are_refused(new_network: NewNetwork, tokenizer: Tokenizer, layers: list[int]) -> None:
    with pytest.raises(ConfigError, match="the encoder has layers 0 to"):
        encoders.of_layers(Encoder(new_network().encoder, tokenizer), layers)


def test_heads_are_taken_over_from_a_bundle(
    new_network: NewNetwork, tokenizer: Tokenizer, taxonomy: Taxonomy, layout: Layout, rules: RedactionRules, tmp_path: Path
) -> None:
    network = unlike(new_network())
    export_toy(network, tokenizer, taxonomy, rules, tmp_path)
    fresh = encoders.new_network(encoders.from_bundle(tmp_path), layout, toy_recipe(dropout=0.0, seed=9))
    assert not torch.allclose(fresh.head.weight, network.head.weight, atol=1e-3)
    encoders.take_heads(fresh, tmp_path)
    assert torch.allclose(fresh.head.weight, network.head.weight, atol=1e-3)
    assert torch.equal(fresh.head.bias, network.head.bias)
