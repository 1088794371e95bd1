"""An encoder's ONNX file and its int8 layers in, the same with their products in int8 out; and the weights of such a file.

Inputs are quantised with the ranges that were learned, so a text's vectors do not depend on the other texts of its batch.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, helper, numpy_helper

from training.int8 import WEIGHT_STEPS, Int8Linear


def to_int8(path: Path, layers: Mapping[str, Int8Linear]) -> None:
    """Rewrite the file, in single precision, with the products of these layers in int8.

    Args:
        path: the ONNX file of an encoder; its matrix products are named after its modules.
        layers: by module name, e.g. `encoder.layer.0.output.dense`.

    Raises:
        ValueError: a layer has no product in the file, or a product no layer.
    """
    model = onnx.load(str(path))
    _Graph(model.graph).quantise(dict(layers))
    onnx.save(model, str(path))


def widened(graph: GraphProto) -> dict[str, NDArray[np.float32]]:
    """Every stored tensor of an encoder in single precision, by name; those in half precision or int8 also as the graph widens them."""
    stored = {tensor.name: numpy_helper.to_array(tensor).astype(np.float32) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "DequantizeLinear") and node.input[0] in stored:
            scale = stored[node.input[1]] if node.op_type == "DequantizeLinear" else np.float32(1)
            stored[node.output[0]] = stored[node.input[0]] * scale
    return stored


def products(graph: GraphProto, stored: Mapping[str, NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each module that multiplies by weights, with its weights (inputs, outputs); `stored`: from `widened`."""
    makers = {node.output[0]: node for node in graph.node}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in stored:
            weights, maker = stored[node.input[1]], makers.get(node.input[1])
            if maker is not None and maker.op_type == "DequantizeLinear":
                quantised = makers[makers[node.input[0]].input[0]]
                weights = weights * stored[makers[quantised.input[0]].input[1]][:, None]
            yield module_of(node), weights


class _Graph:
    def __init__(self, graph: GraphProto):
        self._graph = graph
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes: list[NodeProto] = []
        self._done: dict[tuple[str, bytes, bytes, bytes], str] = {}

    def quantise(self, layers: dict[str, Int8Linear]) -> None:
        for node in self._graph.node:
            if node.op_type == "MatMul" and node.input[1] in self._stored:
                name = module_of(node)
                if name not in layers:
                    raise ValueError(f"no layer for the product of {name}")
                self._product(node, layers.pop(name))
            self._nodes.append(node)
        if layers:
            raise ValueError(f"no product of {min(layers)} in the graph")
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)

    def _product(self, node: NodeProto, layer: Int8Linear) -> None:
        node.input[0] = self._quantised_input(node.input[0], layer)
        node.input[1] = self._quantised_weight(node.input[1], layer)

    def _quantised_input(self, name: str, layer: Int8Linear) -> str:
        """Divided, quantised and back, which the runtime makes one product in int8; layers that share an input share this."""
        scale, zero = (value.numpy() for value in layer.input_grid())
        factors = 1 / layer.divisors().numpy()
        key = (name, scale.tobytes(), zero.tobytes(), factors.tobytes())
        if key not in self._done:
            name = f"{name}/{len(self._done)}"
            self._add("Mul", (key[0], self._keep(f"{name}/factors", factors)), f"{name}/divided")
            grid = self._keep(f"{name}/scale", scale), self._keep(f"{name}/zero", zero.astype(np.uint8))
            self._add("QuantizeLinear", (f"{name}/divided", *grid), f"{name}/quantised")
            self._done[key] = self._add("DequantizeLinear", (f"{name}/quantised", *grid), f"{name}/dequantised")
        return self._done[key]

    def _quantised_weight(self, name: str, layer: Int8Linear) -> str:
        scales = layer.weight_scales().numpy()
        columns = numpy_helper.to_array(self._stored[name]) * layer.divisors().numpy()[:, None]
        steps = np.rint(columns / scales).clip(-WEIGHT_STEPS, WEIGHT_STEPS).astype(np.int8)
        self._graph.initializer.remove(self._stored.pop(name))
        grid = self._keep(f"{name}/scale", scales), self._keep(f"{name}/zero", np.zeros(len(scales), np.int8))
        return self._add("DequantizeLinear", (self._keep(f"{name}/int8", steps), *grid), name, axis=1)

    def _keep(self, name: str, value: np.ndarray | np.generic) -> str:
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _add(self, operator: str, inputs: tuple[str, ...], output: str, **attributes: int) -> str:
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name=f"{output}/{operator}", **attributes))
        return output


def module_of(node: NodeProto) -> str:
    """The module whose product a node is, from the path that the exporter names it by (`/encoder/encoder/layer.0/.../MatMul`)."""
    return ".".join(node.name.strip("/").removesuffix("/MatMul").split("/")[1:])
