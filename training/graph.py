"""A BERT encoder in, its ONNX graph out; and the weights of such a graph.

The nodes are those that ONNX Runtime computes fastest: an int8 product adds its bias itself, and nothing is left of what exported torch
code does to find out shapes. Tensors are named after the parameters that they hold. Large ones are in half precision, those of int8 layers
in int8; everything else is computed in single precision. Inputs are quantised with the ranges that were learned, so a text's vectors
do not depend on the other texts of its batch.
"""

import math

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from torch import Tensor, nn
from transformers import BertModel

from training.int8 import WEIGHT_STEPS, Int8Linear

_HEADS = "attention_heads"  # metadata: what the graph alone does not tell
_OPSET, _IR_VERSION = 20, 10
_RUNTIME = "com.microsoft"  # the domain of ONNX Runtime's own operators
_INT8_PRODUCT = "MatMulIntegerToFloat"
_SMALL = 4096  # smaller tensors stay in single precision
_FAR = -1e9  # added to the attention scores of padding

Floats = NDArray[np.float32]


def encoder_graph(encoder: BertModel) -> ModelProto:
    """The graph `ids, mask (windows, tokens) -> hidden (windows, tokens, width)`, any batch and length; int8 layers as products in int8.

    Raises:
        ValueError: the encoder has another activation than GELU.
    """
    config, graph = encoder.config, _Graph()
    if config.hidden_act != "gelu":
        raise ValueError(f"the graph has no {config.hidden_act}")
    made = _Encoder(graph, dict(encoder.named_modules()), config.num_attention_heads)
    hidden = made.embeddings()
    for layer in range(config.num_hidden_layers):
        hidden = made.layer(f"encoder.layer.{layer}", hidden)
    graph.add("Identity", hidden, output="hidden")
    sizes: list[str | int] = ["windows", "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, sizes) for name in ("ids", "mask")]
    output = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [*sizes, config.hidden_size])
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_RUNTIME, 1)]
    body = helper.make_graph(graph.nodes, "encoder", inputs, [output], list(graph.tensors.values()))
    model = helper.make_model(body, opset_imports=opsets, ir_version=_IR_VERSION)
    helper.set_model_props(model, {_HEADS: str(config.num_attention_heads)})
    checker.check_model(model)
    return model


def heads_of(model: ModelProto) -> int:
    """The attention heads of an encoder's graph."""
    return int({entry.key: entry.value for entry in model.metadata_props}[_HEADS])


def weights_of(graph: GraphProto) -> dict[str, Floats]:
    """The parameters of a graph's encoder in single precision, by their names in its `state_dict`."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    found: dict[str, Floats] = {}
    for tensor, value in stored.items():
        name, _, kind = tensor.partition("/")
        if name and kind in ("", "half"):
            found[name] = value.astype(np.float32)
    for node in (node for node in graph.node if node.op_type == _INT8_PRODUCT):
        divided = makers[makers[node.input[0]].input[0]]
        steps, scales, factors = (stored[tensor] for tensor in (node.input[1], node.input[3], divided.input[1]))
        found[node.input[1].partition("/")[0]] = steps * scales * factors[:, None]
    return {name: value.T if is_product(name, value) else value for name, value in found.items()}


def is_product(name: str, value: Floats) -> bool:
    """Whether a parameter is one that a linear layer multiplies by; the graph stores its transpose."""
    return name.startswith("encoder.layer.") and value.ndim == 2


class _Graph:
    """Nodes in order, and tensors by name."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: dict[str, TensorProto] = {}

    def add(self, operator: str, *inputs: str, output: str = "", domain: str = "", **attributes: object) -> str:
        """Add a node; returns the name of its output."""
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=f"{output}/node", domain=domain, **attributes))
        return output

    def keep(self, name: str, value: object, kind: type[np.generic] = np.float32) -> str:
        """Add a tensor, unless it is there; returns its name."""
        if name not in self.tensors:
            self.tensors[name] = numpy_helper.from_array(np.asarray(value, dtype=kind), name)
        return name

    def weight(self, name: str, value: Tensor) -> str:
        """Add a parameter, a large one in half precision; returns its name in single precision."""
        array = value.detach().numpy()
        if array.size < _SMALL:
            return self.keep(name, array)
        return self.add("Cast", self.keep(f"{name}/half", array, np.float16), output=name, to=TensorProto.FLOAT)


class _Encoder:
    """The nodes of an encoder's modules (`parts`, by name)."""

    def __init__(self, graph: _Graph, parts: dict[str, nn.Module], heads: int):
        self._graph, self._parts, self._heads = graph, parts, heads
        self._quantised: dict[tuple[str, bytes, bytes, bytes], tuple[str, str, str]] = {}
        self._far = self._padding()

    def embeddings(self) -> str:
        """Words, positions and the one type of token."""
        keep, add = self._graph.keep, self._graph.add
        words, positions, types = (self._table(f"embeddings.{kind}_embeddings") for kind in ("word", "position", "token_type"))
        tokens, first = add("Shape", "ids", start=1, end=2), keep("/first", [0], np.int64)
        places = add("Add", add("Slice", positions, first, tokens, first), add("Gather", types, keep("/type", 0, np.int64)))
        return self._norm("embeddings.LayerNorm", add("Add", add("Gather", words, "ids"), places))

    def layer(self, name: str, hidden: str) -> str:
        """Attention and feed-forward network, each added to its input and normalised."""
        add = self._graph.add
        read = self._linear(f"{name}.attention.output.dense", self._attention(f"{name}.attention.self", hidden))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", add("Add", read, hidden))
        inner = add("Gelu", self._linear(f"{name}.intermediate.dense", hidden))
        return self._norm(f"{name}.output.LayerNorm", add("Add", self._linear(f"{name}.output.dense", inner), hidden))

    def _attention(self, name: str, hidden: str) -> str:
        keep, add = self._graph.keep, self._graph.add
        by_head = keep("/by_head", [0, 0, self._heads, -1], np.int64)
        query, key, value = (add("Reshape", self._linear(f"{name}.{part}", hidden), by_head) for part in ("query", "key", "value"))
        scores = add("MatMul", add("Transpose", query, perm=[0, 2, 1, 3]), add("Transpose", key, perm=[0, 2, 3, 1]))
        width = self._module(f"{name}.query").out_features // self._heads
        shares = add("Softmax", add("Add", add("Mul", scores, keep("/width", 1 / math.sqrt(width))), self._far), axis=-1)
        read = add("Transpose", add("MatMul", shares, add("Transpose", value, perm=[0, 2, 1, 3])), perm=[0, 2, 1, 3])
        return add("Reshape", read, keep("/joined", [0, 0, -1], np.int64))

    def _padding(self) -> str:
        """(windows, 1, 1, tokens): what is added to the scores of each token."""
        keep, add = self._graph.keep, self._graph.add
        real = add("Unsqueeze", add("Cast", "mask", to=TensorProto.FLOAT), keep("/heads_and_queries", [1, 2], np.int64))
        return add("Mul", add("Sub", keep("/one", 1), real), keep("/far", _FAR))

    def _linear(self, name: str, inputs: str) -> str:
        layer = self._module(name)
        bias = self._graph.weight(f"{name}.bias", layer.bias)
        if isinstance(layer, Int8Linear):
            return self._int8_product(f"{name}.weight", layer, inputs, bias)
        return self._graph.add("Add", self._graph.add("MatMul", inputs, self._graph.weight(f"{name}.weight", layer.weight.T)), bias)

    def _int8_product(self, name: str, layer: Int8Linear, inputs: str, bias: str) -> str:
        keep, scales = self._graph.keep, layer.weight_scales().numpy()
        steps = (layer.weight.detach() * layer.divisors()).numpy().T / scales
        weights = keep(f"{name}/int8", np.rint(steps).clip(-WEIGHT_STEPS, WEIGHT_STEPS), np.int8)
        zeros = keep(f"{name}/zeros", np.zeros(len(scales)), np.int8)
        quantised, scale, zero = self._quantise(name, layer, inputs)
        operands = (quantised, weights, scale, keep(f"{name}/scales", scales), zero, zeros, bias)
        return self._graph.add(_INT8_PRODUCT, *operands, domain=_RUNTIME)

    def _quantise(self, name: str, layer: Int8Linear, inputs: str) -> tuple[str, str, str]:
        """The inputs of a layer, divided and quantised, their scale and their zero; layers with the same grid share them."""
        keep, add = self._graph.keep, self._graph.add
        scale, zero = (value.numpy() for value in layer.input_grid())
        factors = 1 / layer.divisors().numpy()
        key = (inputs, factors.tobytes(), scale.tobytes(), zero.tobytes())
        if key not in self._quantised:
            divided = add("Mul", inputs, keep(f"{name}/factors", factors))
            grid = keep(f"{name}/scale", scale), keep(f"{name}/zero", zero, np.uint8)
            self._quantised[key] = add("QuantizeLinear", divided, *grid), *grid
        return self._quantised[key]

    def _norm(self, name: str, inputs: str) -> str:
        norm = self._module(name)
        parameters = self._graph.weight(f"{name}.weight", norm.weight), self._graph.weight(f"{name}.bias", norm.bias)
        return self._graph.add("LayerNormalization", inputs, *parameters, axis=-1, epsilon=norm.eps)

    def _table(self, name: str) -> str:
        return self._graph.weight(f"{name}.weight", self._module(name).weight)

    def _module(self, name: str) -> nn.Module:
        return self._parts[name]
