"""ONNX Runtime: prediction only, on an ONNX file written from the given weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import (
    Array,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPooling2D,
    Network,
    to_channels_first,
)
from benchmarks.peers.worker import serve_peer

OPSET = 17
IR_VERSION = 8


class OnnxRuntimePeer:
    """A session with every graph optimization on."""

    def __init__(
        self,
        network: Network,
        images: Array,
        labels: np.ndarray,
        weights: Sequence[Array],
        threads: int,
    ) -> None:
        self.versions = {"onnxruntime": onnxruntime.__version__}
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            build(network, to_channels_first(network, weights)).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        self.images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def restart(self, rule: str) -> None:
        pass  # it does not train, so its weights never change

    def train(self, count: int, batch_size: int, shuffle: bool) -> float:
        raise NotImplementedError("ONNX Runtime is measured in prediction only")

    def predict(self, count: int, batch_size: int) -> Array:
        starts = range(0, count, batch_size)
        return np.concatenate([self._run(self.images[i : i + batch_size]) for i in starts])

    def predict_one(self, index: int) -> Array:
        return self._run(self.images[index : index + 1])

    def weights(self) -> list[Array]:
        raise NotImplementedError("ONNX Runtime is measured in prediction only")

    def _run(self, images: Array) -> Array:
        probabilities: Array = self.session.run(None, {"images": images})[0]
        return probabilities


def build(network: Network, weights: Sequence[Array]) -> onnx.ModelProto:
    """The network as an ONNX model; weights channels first."""
    nodes: list[onnx.NodeProto] = []
    value, weight = "images", 0
    for layer in network.layers:
        for operator, attributes in operators(layer):
            inputs = [value]
            if operator in ("Conv", "Gemm"):
                inputs += [f"weight_{weight}", f"weight_{weight + 1}"]
                weight += 2
            value = f"value_{len(nodes)}"
            nodes.append(helper.make_node(operator, inputs, [value], **attributes))

    height, width, channels = network.input_shape
    inputs_shape: list[str | int | None] = ["batch", channels, height, width]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, inputs_shape)],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", network.classes])],
        [numpy_helper.from_array(array, f"weight_{i}") for i, array in enumerate(weights)],
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def operators(layer: Layer) -> list[tuple[str, dict[str, Any]]]:
    """The ONNX operators of a layer, each with its attributes."""
    match layer:
        case Conv2D(_, _, padding):
            pads = {"auto_pad": "SAME_UPPER" if padding == "same" else "VALID"}
            return [("Conv", pads), ("Relu", {})]
        case MaxPooling2D(size):
            return [("MaxPool", {"kernel_shape": [size, size], "strides": [size, size]})]
        case Flatten():
            return [("Flatten", {})]
        case Dense(_, activation):
            last = ("Softmax", {"axis": 1}) if activation == "softmax" else ("Relu", {})
            return [("Gemm", {"transB": 1}), last]


if __name__ == "__main__":
    serve_peer(OnnxRuntimePeer)
