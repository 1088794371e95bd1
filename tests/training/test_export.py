"""A bundle serves what was trained, says what it holds, and is refused when anything in it is not as written."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer
from toys import PROVENANCE, Toy, ready, sentences

from training.examples import Example
from training.export import export_bundle, export_encoder, head_for, write_fitted
from training.network import Network, pool_labels, pool_ordinal, pool_polarities
from training.prepare import collate
from vocservice.errors import BundleError
from vocservice.inference.annotate import MultiResult, OrdinalResult, SingleResult
from vocservice.inference.bundle import FORMAT, file_digest, load_bundle
from vocservice.inference.calibration import Calibration
from vocservice.inference.conversation import FEATURES, ConversationModel, Linear, Logistic
from vocservice.inference.engine import Engine
from vocservice.inference.layout import Layout, lay_out
from vocservice.inference.windows import MAX_WINDOW
from vocservice.records import RawTurn, Turn, Verbatim
from vocservice.taxonomy import Taxonomy, parse_taxonomy
from vocservice.text.redact import RedactionRules
from vocservice.text.segment import segments_of

NewNetwork = Callable[..., Network]
LONG = " ".join(["the food was very good but the crew was late and"] * 60)


def verbatims() -> list[Verbatim]:
    plain = [Verbatim(e.id, (Turn("customer", e.text),), is_transcript=False, language="en") for e in sentences(12, seed=7)]
    said = (Turn("customer", "the crew was very late"), Turn("agent", "hello there"), Turn("customer", "and the food was bad"))
    return [
        *plain,
        Verbatim("long", (Turn("customer", LONG),), is_transcript=False, language="en", channel="good", question="the price"),
        Verbatim("talk", said, is_transcript=True, language="en"),
    ]


def test_torch_and_the_served_engine_give_the_same_probabilities(
    toy: Toy, tokenizer: Tokenizer, rules: RedactionRules, layout: Layout
) -> None:
    texts = verbatims()
    examples = [
        Example(
            v.id,
            "toy",
            "" if v.is_transcript else v.text,
            {},
            turns=tuple(RawTurn(t.speaker, t.text) for t in v.turns) if v.is_transcript else (),
            channel=v.channel,
            question=v.question,
        )
        for v in texts
    ]
    data = ready(examples, tokenizer, rules, layout)
    assert [p.windowed.windows for p in data][-2][1:]  # the long one has several windows
    with torch.no_grad():
        logits = toy.network.eval()(collate(data, bare=[False] * len(data)))
    scored = Engine(load_bundle(toy.folder)).score(texts, [segments_of(v) for v in texts])
    fitted = toy.calibration
    for block in layout.blocks:
        name, keys = block.label_set.name, block.label_set.keys
        results = [one.sets[name] for one in scored]
        served = np.array([[r.probabilities[key] for key in keys] for r in results])
        if block.label_set.kind == "multi":
            expected = fitted.multi[name].probabilities(pool_labels(logits, block).numpy())
            assert all(isinstance(r, MultiResult) for r in results)
        elif block.label_set.kind == "single":
            expected = fitted.single[name].scaling.probabilities(pool_labels(logits, block).numpy())
            assert all(isinstance(r, SingleResult) for r in results)
        else:
            expected = fitted.ordinal[name].scaling.probabilities(pool_ordinal(logits, block).numpy())
            assert all(isinstance(r, OrdinalResult) for r in results)
        assert np.ptp(expected, axis=0).max() > 0.2  # the texts differ by more than the tolerance
        np.testing.assert_allclose(served, expected, atol=0.005)
    block = layout["factors"]
    assert fitted.multi["factors"].polarity is not None
    chances = fitted.multi["factors"].polarity.probabilities(pool_polarities(logits, block).numpy())
    for row, one in zip(chances, scored, strict=True):
        result = one.sets["factors"]
        assert isinstance(result, MultiResult)
        for given in result.given:
            chance = row[block.label_set.keys.index(given.key)]
            assert given.polarity is not None
            assert chance[block.label_set.polarities.index(given.polarity)] > chance.max() - 0.02


def test_the_manifest_hashes_every_file_and_names_its_origin(toy: Toy) -> None:
    manifest = json.loads((toy.folder / "manifest.json").read_bytes())
    names = {path.name for path in toy.folder.iterdir()} - {"manifest.json"}
    assert manifest["files"] == {name: file_digest(toy.folder / name) for name in names}
    assert {"encoder.onnx", "tokenizer.json", "heads.safetensors", "calibration.json", "taxonomy.json"} == names
    assert manifest | {"created": "", "files": {}} == {
        "format": FORMAT,
        "version": PROVENANCE.version,
        "taxonomy": "toy/1.0.0",
        "base": PROVENANCE.base,
        "width": 32,
        "max_window": MAX_WINDOW,
        "created": "",
        "files": {},
        "data": dict(PROVENANCE.data),
        "seed": PROVENANCE.seed,
        "recipe": dict(PROVENANCE.recipe),
    }


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json", "heads.safetensors", "calibration.json", "taxonomy.json"])
def test_a_damaged_file_is_refused_by_its_name(toy_folder: Path, name: str) -> None:
    path = toy_folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} is damaged"):
        load_bundle(toy_folder)
    path.unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        load_bundle(toy_folder)


@pytest.mark.parametrize("changes", [{"version": "1.0.1"}, {"name": "other"}])
def test_a_bundle_of_another_taxonomy_is_refused(toy: Toy, taxonomy: Taxonomy, changes: dict[str, str]) -> None:
    assert load_bundle(toy.folder, taxonomy=taxonomy).taxonomy.id == taxonomy.id
    labels = [{"key": key, "label": key, "definition": key} for key in "ab"]
    other = parse_taxonomy({"name": "toy", "version": "1.0.0", "stages": {"kind": "multi", "labels": labels}} | changes)
    with pytest.raises(BundleError, match=f"trained for taxonomy toy/1.0.0, not {other.id}"):
        load_bundle(toy.folder, taxonomy=other)


def test_the_taxonomy_travels_whole(toy: Toy, taxonomy: Taxonomy) -> None:
    assert load_bundle(toy.folder).taxonomy == taxonomy


def test_large_weights_are_stored_in_half_precision(toy: Toy) -> None:
    graph = onnx.load(str(toy.folder / "encoder.onnx")).graph
    stored = {tensor.data_type: 0 for tensor in graph.initializer}
    for tensor in graph.initializer:
        stored[tensor.data_type] += int(np.prod(tensor.dims))
    large = [tensor for tensor in graph.initializer if np.prod(tensor.dims) >= 4096]
    assert large and all(tensor.data_type != onnx.TensorProto.FLOAT for tensor in large)
    assert stored[onnx.TensorProto.FLOAT16] > stored[onnx.TensorProto.FLOAT]


def test_the_bundle_drops_sets_that_only_training_had_and_reorders(new_network: NewNetwork, taxonomy: Taxonomy, layout: Layout) -> None:
    network = new_network()
    wanted = lay_out([taxonomy["scope"], taxonomy["factors"]])
    weight, bias = head_for(network, wanted)
    assert weight.shape == (96, wanted.width) and bias.shape == (wanted.width,)
    for name in ("scope", "factors"):
        mine, theirs = wanted[name], layout[name]
        for part in ("labels", "polarities", "attention"):
            np.testing.assert_array_equal(weight[:, getattr(mine, part)].T, network.head.weight.detach()[getattr(theirs, part)].numpy())
            np.testing.assert_array_equal(bias[getattr(mine, part)], network.head.bias.detach()[getattr(theirs, part)].numpy())


def test_heads_trained_with_other_labels_are_refused(new_network: NewNetwork) -> None:
    labels = [{"key": key, "label": key, "definition": key} for key in ("buy", "eat", "sell")]
    other = parse_taxonomy({"name": "toy", "version": "1", "stages": {"kind": "multi", "labels": labels}})
    with pytest.raises(ValueError, match="stages"):
        head_for(new_network(), lay_out(other.sets))


def conversation() -> ConversationModel:
    size = len(FEATURES)
    logistic = Logistic(weights=(0.1,) * size, bias=0.0)
    return ConversationModel(
        features=FEATURES,
        mean=(0.0,) * size,
        scale=(1.0,) * size,
        outcome={"resolved": logistic, "unclear": logistic},
        favour={"resolved": 1.0, "unclear": 2.0},
        end=Linear(weights=(0.1,) * size, bias=0.0),
        needs_review=logistic,
        reasons={},
    )


def test_a_conversation_model_is_part_of_the_bundle(toy: Toy, tokenizer: Tokenizer, taxonomy: Taxonomy, tmp_path: Path) -> None:
    export_bundle(toy.network, tokenizer, taxonomy, toy.calibration, conversation(), PROVENANCE, tmp_path)
    assert load_bundle(tmp_path).conversation == conversation()
    assert "conversation.json" in json.loads((tmp_path / "manifest.json").read_bytes())["files"]


def test_an_earlier_conversation_model_does_not_stay_behind(tmp_path: Path) -> None:
    write_fitted(tmp_path, Calibration(), conversation())
    assert (tmp_path / "conversation.json").is_file()
    write_fitted(tmp_path, Calibration(), None)
    assert not (tmp_path / "conversation.json").is_file()


def test_exporting_leaves_the_network_as_it_was(new_network: NewNetwork, tmp_path: Path) -> None:
    network, ids = new_network().eval(), torch.tensor([[3, 60, 61, 4]])
    before, weights = network.encoder(ids).last_hidden_state, {name: value.clone() for name, value in network.state_dict().items()}
    export_encoder(network.encoder, tmp_path / "encoder.onnx")
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert torch.allclose(network.encoder(ids).last_hidden_state, before, atol=1e-5)
