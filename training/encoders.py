"""A folder of encoder weights in, a torch encoder and its tokenizer out; and the first one, made from the base."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, BertConfig, BertModel, MPNetModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from training.base import WEIGHTS, base_model_folder
from training.fit import Recipe
from training.graph import heads_of, weights_of
from training.int8 import with_int8
from training.network import Network
from training.settings import VocabularySettings
from training.vocabulary import PAD, shrink, shrink_embeddings, sources_of
from vocservice.errors import ConfigError
from vocservice.inference import bundle as files
from vocservice.inference.layout import Layout

_LAYER = "encoder.layer."
_EMBEDDING = "embeddings.word_embeddings.weight"


@dataclass(frozen=True, slots=True)
class Encoder:
    """A torch encoder and the tokenizer that feeds it."""

    model: nn.Module
    tokenizer: Tokenizer


def from_base(texts: Iterable[str], name: str, how: VocabularySettings) -> Encoder:
    """A base of the registry (a BERT) with its vocabulary fitted to `texts`."""
    with base_model_folder(name) as folder:
        base = Tokenizer.from_file(str(folder / "tokenizer.json"))
        base.no_truncation()
        base.no_padding()
        vocabulary = shrink(base, texts, how)
        weights = load_file(folder / WEIGHTS)
        weights[_EMBEDDING] = shrink_embeddings(weights[_EMBEDDING], vocabulary.sources)
        return Encoder(_model(_read_config(folder, len(vocabulary.sources)), weights), vocabulary.tokenizer)


def with_pieces_of(start: Encoder, name: str) -> Encoder:
    """Another base of the registry behind the tokenizer of `start`: its embeddings are taken piece by piece.

    Both bases cut words into the same pieces (the uncased vocabulary of BERT), so texts are prepared once for both.
    """
    pieces = sorted(start.tokenizer.get_vocab().items(), key=lambda item: item[1])
    with base_model_folder(name) as folder:
        base = Tokenizer.from_file(str(folder / "tokenizer.json"))
        weights = load_file(folder / WEIGHTS)
        weights[_EMBEDDING] = shrink_embeddings(weights[_EMBEDDING], [sources_of(piece, base) for piece, _ in pieces])
        return Encoder(_model(_read_config(folder, len(pieces)), weights), start.tokenizer)


def _read_config(folder: Path, vocabulary: int) -> PretrainedConfig:
    fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return AutoConfig.for_model(**(fields | {"vocab_size": vocabulary, "pad_token_id": PAD}))


def save(encoder: nn.Module, tokenizer: Tokenizer, folder: Path) -> None:
    """Write `encoder.safetensors`, `config.json` and `tokenizer.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in encoder.state_dict().items()}, folder / "encoder.safetensors")
    encoder.config.to_json_file(folder / "config.json")
    tokenizer.save(str(folder / "tokenizer.json"))


def load(folder: Path) -> Encoder:
    """Read what `save` wrote."""
    fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Encoder(
        _model(AutoConfig.for_model(**fields), load_file(folder / "encoder.safetensors")),
        Tokenizer.from_file(str(folder / "tokenizer.json")),
    )


def from_bundle(folder: Path) -> Encoder:
    """The encoder of a bundle in single precision, read back from its graph (weights in half precision or in int8).

    Raises:
        ConfigError: the graph is not one that `training.graph` makes.
    """
    model = onnx.load(str(folder / files.ENCODER))
    weights = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights_of(model.graph).items()}
    if _EMBEDDING not in weights:
        raise ConfigError(f"bundle {folder.name} is from an earlier release: it can be served, but nothing can be trained from it")
    vocabulary, width = weights[_EMBEDDING].shape
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=1 + max(int(name.split(".")[2]) for name in weights if name.startswith(_LAYER)),
        num_attention_heads=heads_of(model),
        intermediate_size=weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=weights["embeddings.position_embeddings.weight"].shape[0],
    )
    return Encoder(_model(config, weights), Tokenizer.from_file(str(folder / files.TOKENIZER)))


def of_layers(encoder: Encoder, layers: Sequence[int]) -> Encoder:
    """The same encoder with these of its layers only, in this order (layer dropping: Sajjad et al. 2023).

    Raises:
        ConfigError: there is no such layer.
    """
    config, weights = encoder.model.config, encoder.model.state_dict()
    if not layers or not all(0 <= layer < config.num_hidden_layers for layer in layers):
        raise ConfigError(f"the encoder has layers 0 to {config.num_hidden_layers - 1}, asked for {list(layers)}")
    kept = {name: value for name, value in weights.items() if not name.startswith(_LAYER)}
    for new, old in enumerate(layers):
        prefix = f"{_LAYER}{old}."
        kept |= {f"{_LAYER}{new}.{name.removeprefix(prefix)}": value for name, value in weights.items() if name.startswith(prefix)}
    fields = config.to_dict() | {"num_hidden_layers": len(layers)}
    return Encoder(_model(AutoConfig.for_model(**fields), kept), encoder.tokenizer)


def take_heads(network: Network, folder: Path) -> None:
    """Start the heads of a network from those of a bundle of the same taxonomy."""
    stored = load_file(folder / files.HEADS)
    network.head.load_state_dict({"weight": stored["weight"].float().T.contiguous(), "bias": stored["bias"]})


def new_network(encoder: Encoder, layout: Layout, recipe: Recipe) -> Network:
    """A network with fresh heads on a copy of the encoder, for `fit`: its dropout (after each sublayer and before the heads), its
    seed, and linear layers that can be rounded (`training.int8`) if it has epochs in int8."""
    torch.manual_seed(recipe.seed)
    changed = {"hidden_dropout_prob": recipe.dropout, "attention_probs_dropout_prob": 0.0}
    model = _model(AutoConfig.for_model(**(encoder.model.config.to_dict() | changed)), encoder.model.state_dict())
    return Network(with_int8(model) if recipe.int8_epochs else model, layout, dropout=recipe.dropout)


class Positioned(MPNetModel):
    """MPNet that counts positions from its first one, whatever id pads (it would take ours for words)."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        first = self.embeddings.padding_idx + 1
        positions = torch.arange(first, first + input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, position_ids=positions)


MODELS: dict[str, type[PreTrainedModel]] = {"bert": BertModel, "mpnet": Positioned}


def _model(config: PretrainedConfig, weights: dict[str, torch.Tensor]) -> PreTrainedModel:
    config._attn_implementation = "eager"  # on processors, torch's fused attention learns short texts more slowly
    model = MODELS[config.model_type](config, add_pooling_layer=False)
    own = model.state_dict()
    missing, _ = model.load_state_dict({name: value for name, value in weights.items() if name in own}, strict=False)
    if missing:
        raise ValueError(f"encoder weights lack {missing[0]}")
    return model
