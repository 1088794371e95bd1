"""A toy bundle made without torch: a hand-built ONNX encoder that reads tokens in context, random heads, plain calibration."""

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from vocservice.inference.bundle import file_digest
from vocservice.inference.calibration import Calibration, MultiCalibration, OrdinalCalibration, Scaling, SingleCalibration
from vocservice.inference.layout import lay_out
from vocservice.inference.windows import SPEAKER_TOKENS
from vocservice.records import Segment, Speaker, Turn, Verbatim
from vocservice.taxonomy import Taxonomy, parse_taxonomy, taxonomy_json
from vocservice.text.segment import segments_of

WIDTH = 8
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = ("the", "food", "price", "crew", "good", "bad", "late", "cheap", "but", "was", "and", "very", "hello", "there")


def _labels(*keys: str, **more: object) -> list[dict[str, object]]:
    return [{"key": key, "label": key, "definition": f"about {key}", **more} for key in keys]


RAW: dict[str, Any] = {
    "name": "toy",
    "version": "1.0.0",
    "stages": {"kind": "multi", "max_labels": 2, "labels": _labels("buy", "eat", "tell")},
    "factors": {"kind": "multi", "polarities": ["+", "-", "~"], "labels": _labels("food", "price", "crew")},
    "sentiment": {"kind": "ordinal", "labels": _labels("-2", "-1", "0", "1", "2")},
    "scope": {
        "kind": "single",
        "labels": [*_labels("service", "broader"), *_labels("both", combines=["service", "broader"]), *_labels("neither")],
    },
}


def toy_taxonomy(**changes: Any) -> Taxonomy:
    return parse_taxonomy(RAW | changes)


def toy_tokenizer() -> Tokenizer:
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = [*SPECIAL, *letters, *("##" + letter for letter in letters), *WORDS]
    made = Tokenizer(WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.add_special_tokens(list(SPECIAL))
    made.add_tokens([AddedToken(token, normalized=False) for token in dict.fromkeys(SPEAKER_TOKENS.values())])
    return made


def verbatim(text: str, *, channel: str | None = None, question: str | None = None) -> Verbatim:
    return Verbatim("v-1", (Turn("customer", text),), is_transcript=False, language="en", channel=channel, question=question)


def talk(*turns: tuple[Speaker, str]) -> Verbatim:
    return Verbatim("t-1", tuple(Turn(speaker, text) for speaker, text in turns), is_transcript=True, language="en")


def segmented(verbatims: Sequence[Verbatim]) -> list[list[Segment]]:
    return [segments_of(one) for one in verbatims]


def write_encoder(path: Path, vocabulary: int, *, seed: int = 0) -> None:
    """`ids, mask -> hidden`: each token's vector plus half the mean of its window."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    table = np.random.default_rng(seed).normal(size=(vocabulary, WIDTH)).astype(np.float32)
    numbers = {"table": table, "half": np.array(0.5, np.float32), "last": np.array([2]), "tokens": np.array([1])}
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["own"]),
        helper.make_node("Cast", ["mask"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["real", "last"], ["wide"]),
        helper.make_node("Mul", ["own", "wide"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=1),
        helper.make_node("ReduceSum", ["wide", "tokens"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Mul", ["mean", "half"], ["context"]),
        helper.make_node("Add", ["own", "context"], ["hidden"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["windows", "tokens_n"]) for name in ("ids", "mask")]
    output = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["windows", "tokens_n", WIDTH])
    stored = [numpy_helper.from_array(value, name) for name, value in numbers.items()]
    model = helper.make_model(helper.make_graph(nodes, "toy", inputs, [output], stored), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    checker.check_model(model)
    save(model, str(path))


def toy_calibration(taxonomy: Taxonomy) -> Calibration:
    """Curves that change nothing, thresholds of one half."""
    by_kind: dict[str, dict[str, Any]] = {"multi": {}, "single": {}, "ordinal": {}}
    for part in taxonomy.of("verbatim"):
        count = len(part.labels)
        neutral = Scaling(bias=(0.0,) * count)
        if part.kind == "multi":
            polarity = Scaling(bias=(0.0,) * len(part.polarities)) if part.polarities else None
            ones, zeros, halves = (1.0,) * count, (0.0,) * count, (0.5,) * count
            made: Any = MultiCalibration(slope=ones, bias=zeros, thresholds=halves, withhold=0.6, evidence=0.5, polarity=polarity)
        elif part.kind == "single":
            made = SingleCalibration(scaling=neutral, favour=(1.0,) * count, floor=0.3, evidence=0.5)
        else:
            made = OrdinalCalibration(scaling=neutral, cuts=tuple(at + 0.5 for at in range(count - 1)))
        by_kind[part.kind][part.name] = made
    return Calibration(**by_kind)


def write_bundle(folder: Path, *, taxonomy: Taxonomy | None = None, calibration: Calibration | None = None, **manifest: Any) -> Path:
    """A whole bundle; `manifest` changes fields of its manifest."""
    taxonomy = taxonomy or toy_taxonomy()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = toy_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    write_encoder(folder / "encoder.onnx", tokenizer.get_vocab_size())
    random = np.random.default_rng(1)
    columns = lay_out(taxonomy.of("verbatim")).width
    head = {"weight": random.normal(size=(3 * WIDTH, columns)).astype(np.float16), "bias": np.zeros(columns, np.float32)}
    save_file(head, folder / "heads.safetensors")
    (folder / "taxonomy.json").write_bytes(taxonomy_json(taxonomy))
    (folder / "calibration.json").write_text((calibration or toy_calibration(taxonomy)).model_dump_json(), encoding="utf-8")
    write_manifest(folder, taxonomy, **manifest)
    return folder


def write_manifest(folder: Path, own: Taxonomy, /, **changes: Any) -> None:
    """Hash what lies in the folder."""
    files = {path.name: file_digest(path) for path in folder.iterdir() if path.name != "manifest.json"}
    made = {"format": 1, "version": "toy-1", "taxonomy": own.id, "base": "toy", "width": WIDTH, "max_window": 64}
    made |= {"created": "2024-01-01", "files": files, "data": {}, "seed": 0, "recipe": {}} | changes
    (folder / "manifest.json").write_text(json.dumps(made), encoding="utf-8")
