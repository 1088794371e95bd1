"""A fitted network, its tokenizer and its calibration in, a bundle folder out: ONNX weights, no pickle, hashes of all.

The graph of the encoder is that of `training.graph`.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import BertModel

from training.graph import encoder_graph
from training.network import Network
from vocservice.inference import bundle as files
from vocservice.inference.bundle import Manifest, file_digest
from vocservice.inference.calibration import Calibration
from vocservice.inference.conversation import ConversationModel
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import MAX_WINDOW
from vocservice.taxonomy import Taxonomy, taxonomy_json


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


def export_encoder(encoder: BertModel, path: Path) -> None:
    """Write an encoder's graph (`training.graph`) as that of a bundle."""
    onnx.save(encoder_graph(encoder), str(path))
