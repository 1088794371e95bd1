"""A fitted network, its tokenizer and its calibration in, a bundle folder out: ONNX weights, no pickle, hashes of all.

Large tensors are stored in half precision and widened on loading (a Cast before each). The weights of int8 layers are stored in int8,
and their products are computed in it (`training.quantise`); everything else is computed in single precision.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from training.encoders import HEADS, plain
from training.int8 import int8_layers
from training.network import Network
from training.quantise import to_int8
from vocservice.inference import bundle as files
from vocservice.inference.bundle import Manifest, file_digest
from vocservice.inference.calibration import Calibration
from vocservice.inference.conversation import ConversationModel
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import MAX_WINDOW
from vocservice.taxonomy import Taxonomy, taxonomy_json

OPSET = 18
_SMALL = 4096  # smaller tensors stay in single precision


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a bundle comes from, for its manifest."""

    version: str
    base: str
    data: Mapping[str, str]
    seed: int
    recipe: Mapping[str, Any]


def export_bundle(
    network: Network,
    tokenizer: Tokenizer,
    taxonomy: Taxonomy,
    calibration: Calibration,
    conversation: ConversationModel | None,
    provenance: Provenance,
    folder: Path,
) -> None:
    """Write every file of a bundle but its metrics and card."""
    folder.mkdir(parents=True, exist_ok=True)
    export_encoder(network.encoder, folder / files.ENCODER)
    tokenizer.save(str(folder / files.TOKENIZER))
    weight, bias = head_for(network, lay_out(taxonomy.of("verbatim")))
    save_file({"weight": weight.astype(np.float16), "bias": bias}, folder / files.HEADS)
    (folder / files.TAXONOMY).write_bytes(taxonomy_json(taxonomy))
    seal(folder, taxonomy, calibration, conversation, provenance, width=network.encoder.config.hidden_size)


def seal(
    folder: Path,
    taxonomy: Taxonomy,
    calibration: Calibration,
    conversation: ConversationModel | None,
    provenance: Provenance,
    *,
    width: int,
) -> None:
    """Write what is fitted after the weights in `folder`, and the manifest of all; once more when more of it is fitted."""
    write_fitted(folder, calibration, conversation)
    _write_manifest(folder, taxonomy, width, provenance)


def write_fitted(folder: Path, calibration: Calibration, conversation: ConversationModel | None) -> None:
    """Write what is fitted after the weights; an earlier conversation model does not stay beside others' weights."""
    (folder / files.CALIBRATION).write_text(calibration.model_dump_json(indent=1), encoding="utf-8")
    (folder / files.CONVERSATION).unlink(missing_ok=True)
    if conversation is not None:
        (folder / files.CONVERSATION).write_text(conversation.model_dump_json(indent=1), encoding="utf-8")


def _write_manifest(folder: Path, taxonomy: Taxonomy, width: int, provenance: Provenance) -> None:
    """Hash the files, let everyone read them, and write the manifest, last."""
    every = (files.ENCODER, files.TOKENIZER, files.HEADS, files.CALIBRATION, files.TAXONOMY, files.CONVERSATION)
    names = [name for name in every if (folder / name).is_file()]
    for name in names:
        (folder / name).chmod(0o644)
    manifest = Manifest(
        format=files.FORMAT,
        version=provenance.version,
        taxonomy=taxonomy.id,
        base=provenance.base,
        width=width,
        max_window=MAX_WINDOW,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        files={name: file_digest(folder / name) for name in names},
        data=dict(provenance.data),
        seed=provenance.seed,
        recipe=dict(provenance.recipe),
    )
    (folder / files.MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")


def head_for(network: Network, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """The head's columns that a layout needs, in its order: weight (3 x width, columns) and bias (columns,)."""
    columns: list[int] = []
    for block in layout.blocks:
        trained = network.layout[block.label_set.name]
        if trained.label_set.keys != block.label_set.keys:
            raise ValueError(f"label set {block.label_set.name} was trained with other labels")
        for part in (trained.labels, trained.polarities, trained.attention):
            columns += range(part.start, part.stop)
    weight = network.head.weight.detach().numpy()[columns].T
    return np.ascontiguousarray(weight), network.head.bias.detach().numpy()[columns].copy()


class _Tokens(nn.Module):
    def __init__(self, encoder: BertModel):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]


def export_encoder(encoder: BertModel, path: Path) -> None:
    """`ids, mask (windows, tokens) -> hidden (windows, tokens, width)`, any batch and length; int8 layers as products in int8."""
    layers, encoder = dict(int8_layers(encoder)), plain(encoder).eval()
    ids = torch.ones((2, 7), dtype=torch.long)
    dynamic = {"ids": {0: "windows", 1: "tokens"}, "mask": {0: "windows", 1: "tokens"}, "hidden": {0: "windows", 1: "tokens"}}
    torch.onnx.export(
        _Tokens(encoder),
        (ids, torch.ones_like(ids)),
        str(path),
        input_names=["ids", "mask"],
        output_names=["hidden"],
        dynamic_axes=dynamic,
        opset_version=OPSET,
        dynamo=False,
    )
    if layers:
        to_int8(path, layers)
    _store(path, heads=encoder.config.num_attention_heads)


def _store(path: Path, *, heads: int) -> None:
    """Make an encoder's file that of a bundle: large weights in half precision, and the attention heads, which the graph does not tell."""
    model = onnx.load(str(path))
    _halve(model)
    helper.set_model_props(model, {HEADS: str(heads)})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _halve(model: onnx.ModelProto) -> None:
    """Store the large weights in half precision, each behind a Cast."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < _SMALL:
            continue
        name, half = tensor.name, tensor.name + "/half"
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)
