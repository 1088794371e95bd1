"""An encoder exported in int8 computes what its int8 layers compute, alone as in company, and gives back its weights."""

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
from training.int8 import int8_layers, round_products, with_int8
from training.network import Network
from training.quantise import to_int8
from vocservice.taxonomy import Taxonomy
from vocservice.text.redact import RedactionRules

IDS = torch.tensor([[2, 50, 60, 70, 3], [2, 80, 3, 0, 0]])
MASK = (IDS > 0).long()


@pytest.fixture
def network(new_network: Callable[..., Network]) -> Network:
    """With int8 layers that have seen a batch, and biases that differ (the exporter stores equal tensors once)."""
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
    matrices = {tensor.name: tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 2 and tensor.name.endswith("/int8")}
    assert len(matrices) == len(list(int8_layers(network.encoder))) and set(matrices.values()) == {TensorProto.INT8}
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(exported.with_name("optimised.onnx"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert operators.count("MatMulIntegerToFloat") == len(matrices) and "DequantizeLinear" not in operators


def test_a_text_alone_has_the_vectors_that_it_has_in_company(exported: Path) -> None:
    both, alone = run(exported, IDS, MASK), run(exported, IDS[1:, :3], MASK[1:, :3])
    assert np.array_equal(both[1:, :3], alone)


def test_a_bundle_in_int8_gives_back_its_encoder(
    network: Network, tokenizer: Tokenizer, taxonomy: Taxonomy, rules: RedactionRules, tmp_path: Path
) -> None:
    export_toy(network, tokenizer, taxonomy, rules, tmp_path)
    own, found = encoders.plain(network.encoder).state_dict(), encoders.from_bundle(tmp_path).model.state_dict()
    for name, layer in int8_layers(network.encoder):
        divisors, scales = layer.divisors(), layer.weight_scales()[:, None]
        own[f"{name}.weight"] = (layer.weight.detach() * divisors / scales).round() * scales / divisors
    assert own.keys() == found.keys()
    for name, value in own.items():
        assert torch.allclose(found[name], value, atol=1e-3), name


def test_a_layer_without_a_product_is_refused(network: Network, exported: Path) -> None:
    layers = dict(int8_layers(network.encoder))
    with pytest.raises(ValueError, match=r"no product of encoder\.layer\.0\.attention"):
        to_int8(exported, layers)


def test_a_product_without_a_layer_is_refused(network: Network, tmp_path: Path) -> None:
    export_encoder(encoders.plain(network.encoder), tmp_path / "plain.onnx")
    layers = dict(int8_layers(network.encoder))
    del layers["encoder.layer.0.output.dense"]
    with pytest.raises(ValueError, match=r"no layer for the product of encoder\.layer\.0\.output\.dense"):
        to_int8(tmp_path / "plain.onnx", layers)
