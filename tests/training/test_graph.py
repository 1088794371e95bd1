"""An encoder's graph computes what the encoder computes, in int8 where its layers do, alone as in company, and gives back its weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from tokenizers import Tokenizer
from toys import export_toy

from training import encoders
from training.export import export_encoder
from training.graph import encoder_graph
from training.int8 import int8_layers, round_products, with_int8
from training.network import Network
from vocservice.taxonomy import Taxonomy
from vocservice.text.redact import RedactionRules

IDS = torch.tensor([[2, 50, 60, 70, 3], [2, 80, 3, 0, 0]])
MASK = (IDS > 0).long()


@pytest.fixture
def network(new_network: Callable[..., Network]) -> Network:
    """With int8 layers that have seen a batch, and biases that differ."""
    made = new_network()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 1:
                parameter += 0.1 * torch.randn_like(parameter)
        with_int8(made.encoder).train()(input_ids=IDS, attention_mask=MASK)
    round_products(made, is_rounded=True)
    return made.eval()


@pytest.fixture
def exported(network: Network, tmp_path: Path) -> Path:
    export_encoder(network.encoder, tmp_path / "encoder.onnx")
    return tmp_path / "encoder.onnx"


def run(path: Path, ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0])


def test_the_file_computes_what_the_rounded_layers_compute(network: Network, exported: Path) -> None:
    with torch.no_grad():
        rounded = network.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state.numpy()
        round_products(network, is_rounded=False)
        exact = network.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state.numpy()
    found, real = run(exported, IDS, MASK), MASK.bool().numpy()
    away, rounding = np.abs(found - rounded)[real].mean(), np.abs(exact - rounded)[real].mean()
    assert away < 0.6 * rounding  # not 0: the last bit of a sum can round the next input to the neighbouring step


def test_products_are_in_int8_and_those_of_the_heads_of_attention_are_not(network: Network, exported: Path) -> None:
    graph = onnx.load(str(exported)).graph
    layers = [name for name, _ in int8_layers(network.encoder)]
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert all(kinds[f"{name}.weight/int8"] == TensorProto.INT8 for name in layers)
    operators = [node.op_type for node in graph.node]
    assert operators.count("MatMulIntegerToFloat") == len(layers)
    assert operators.count("MatMul") == 2 * network.encoder.config.num_hidden_layers


def test_layers_with_the_same_inputs_quantise_them_once(network: Network, exported: Path) -> None:
    operators = [node.op_type for node in onnx.load(str(exported)).graph.node]
    assert operators.count("QuantizeLinear") == 4 * network.encoder.config.num_hidden_layers  # of six products in a layer


def test_an_encoder_in_single_precision_is_made_of_standard_operators(new_network: Callable[..., Network], tmp_path: Path) -> None:
    network, path = new_network().eval(), tmp_path / "encoder.onnx"
    export_encoder(network.encoder, path)
    assert all(node.domain == "" for node in onnx.load(str(path)).graph.node)
    with torch.no_grad():
        own = network.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state.numpy()
    real = MASK.bool().numpy()
    np.testing.assert_allclose(run(path, IDS, MASK)[real], own[real], atol=5e-3)  # weights are stored in half precision


def test_a_text_alone_has_the_vectors_that_it_has_in_company(exported: Path) -> None:
    both, alone = run(exported, IDS, MASK), run(exported, IDS[1:, :3], MASK[1:, :3])
    assert np.array_equal(both[1:, :3], alone)


def test_a_bundle_in_int8_gives_back_its_encoder(
    network: Network, tokenizer: Tokenizer, taxonomy: Taxonomy, rules: RedactionRules, tmp_path: Path
) -> None:
    export_toy(network, tokenizer, taxonomy, rules, tmp_path)
    found = encoders.from_bundle(tmp_path).model.state_dict()
    own = {name: value for name, value in network.encoder.state_dict().items() if name.rpartition(".")[2] in ("weight", "bias")}
    for name, layer in int8_layers(network.encoder):
        divisors, scales = layer.divisors(), layer.weight_scales()[:, None]
        own[f"{name}.weight"] = (layer.weight.detach() * divisors / scales).round() * scales / divisors
    assert own.keys() == found.keys()
    for name, value in own.items():
        assert torch.allclose(found[name], value, atol=1e-3), name


def test_another_activation_is_refused(new_network: Callable[..., Network]) -> None:
    encoder = new_network().encoder
    encoder.config.hidden_act = "relu"
    with pytest.raises(ValueError, match="relu"):
        encoder_graph(encoder)
