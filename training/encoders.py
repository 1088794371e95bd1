"""A folder of encoder weights in, a torch encoder and its tokenizer out; and the first one, made from the base."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from training.base import base_model_folder
from training.network import Network
from training.vocabulary import shrink, shrink_embeddings
from vocservice.inference.layout import Layout

HEADS = "attention_heads"  # ONNX metadata: what the graph alone does not tell
_EMBEDDING = "embeddings.word_embeddings.weight"


@dataclass(frozen=True, slots=True)
class Encoder:
    """A torch encoder and the tokenizer that feeds it."""

    model: BertModel
    tokenizer: Tokenizer


def from_base(texts: Iterable[str]) -> Encoder:
    """all-MiniLM-L6-v2 with its vocabulary fitted to `texts`."""
    folder = base_model_folder()
    base = Tokenizer.from_file(str(folder / "tokenizer.json"))
    base.no_truncation()
    base.no_padding()
    vocabulary = shrink(base, texts)
    config = BertConfig.from_dict(
        json.loads((folder / "config.json").read_text(encoding="utf-8")) | {"vocab_size": len(vocabulary.sources)}
    )
    weights = {name.removeprefix("bert."): value for name, value in load_file(folder / "model.safetensors").items()}
    weights[_EMBEDDING] = shrink_embeddings(weights[_EMBEDDING], vocabulary.sources)
    return Encoder(_model(config, weights), vocabulary.tokenizer)


def save(encoder: BertModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Write `encoder.safetensors`, `config.json` and `tokenizer.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in encoder.state_dict().items()}, folder / "encoder.safetensors")
    encoder.config.to_json_file(folder / "config.json")
    tokenizer.save(str(folder / "tokenizer.json"))


def load(folder: Path) -> Encoder:
    """Read what `save` wrote."""
    config = BertConfig.from_json_file(folder / "config.json")
    return Encoder(_model(config, load_file(folder / "encoder.safetensors")), Tokenizer.from_file(str(folder / "tokenizer.json")))


def from_bundle(folder: Path) -> Encoder:
    """The encoder of a bundle, read back from its ONNX file (weights in half precision)."""
    model = onnx.load(str(folder / "encoder.onnx"))
    graph = model.graph
    stored = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).astype("float32")) for tensor in graph.initializer}
    stored |= {node.output[0]: stored[node.input[0]] for node in graph.node if node.op_type == "Cast" and node.input[0] in stored}
    weights = {name.removeprefix("encoder."): value for name, value in stored.items()}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in stored:
            path = node.name.strip("/").removesuffix("/MatMul").split("/")[1:]
            weights[".".join(path) + ".weight"] = stored[node.input[1]].T.contiguous()
    positions = weights["embeddings.position_embeddings.weight"].shape[0]
    vocabulary, width = weights[_EMBEDDING].shape
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=int({p.key: p.value for p in model.metadata_props}[HEADS]),
        intermediate_size=weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=positions,
    )
    return Encoder(_model(config, weights), Tokenizer.from_file(str(folder / "tokenizer.json")))


def new_network(encoder: Encoder, layout: Layout, *, dropout: float, seed: int) -> Network:
    """A network with fresh heads on a copy of the encoder; `dropout` after each sublayer and before the heads."""
    torch.manual_seed(seed)
    config = BertConfig.from_dict(encoder.model.config.to_dict() | {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0})
    return Network(_model(config, encoder.model.state_dict()), layout, dropout=dropout)


def _model(config: BertConfig, weights: dict[str, torch.Tensor]) -> BertModel:
    model = BertModel(config, add_pooling_layer=False)
    own = model.state_dict()
    missing, _ = model.load_state_dict({name: value for name, value in weights.items() if name in own}, strict=False)
    if missing:
        raise ValueError(f"encoder weights lack {missing[0]}")
    return model
