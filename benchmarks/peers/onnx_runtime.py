"""ONNX Runtime: prediction only, on an ONNX file written from the given weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.description import (
    Array,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Relu,
    Rescaling,
    Residual,
    Shape,
    output_shape,
    weight_shapes,
)
from benchmarks.layouts import to_channels_first
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
            Builder(to_channels_first(network, weights)).build(network).SerializeToString(),
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


class Builder:
    """Writes a network as an ONNX model; weights channels first."""

    def __init__(self, weights: Sequence[Array]) -> None:
        self.weights = weights
        self.read = 0
        """How many of the weights have been used."""
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [numpy_helper.from_array(w, f"weight_{i}") for i, w in enumerate(weights)]

    def build(self, network: Network) -> onnx.ModelProto:
        """The model, from "images" (image, channel, row, column) to probabilities."""
        output = self.stack(network.layers, network.input_shape, "images")
        height, width, channels = network.input_shape
        inputs: list[str | int | None] = ["batch", channels, height, width]
        outputs: list[str | int | None] = ["batch", *network.output_shape]
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, inputs)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, outputs)],
            self.constants,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)

    def stack(self, layers: Sequence[Layer], shape: Shape, value: str) -> str:
        """Add a row of layers; the name of the value that comes out of it."""
        for layer in layers:
            if isinstance(layer, Residual):
                body = self.stack(layer.body, shape, value)
                value = self.node("Add", [body, self.stack(layer.shortcut, shape, value)])
            else:
                value = self.layer(layer, shape, value)
            shape = output_shape(layer, shape)
        return value

    def layer(self, layer: Layer, shape: Shape, value: str) -> str:
        """Add one layer, with the next of the weights."""
        count = len(weight_shapes(layer, shape))
        inputs = [value, *(f"weight_{self.read + i}" for i in range(count))]
        self.read += count
        if isinstance(layer, Rescaling):
            scale = np.array(layer.scale, np.float32)
            self.constants.append(numpy_helper.from_array(scale, "scale"))
            inputs.append("scale")
        for operator, attributes in operators(layer, shape):
            inputs = [self.node(operator, inputs, **attributes)]
        return inputs[0]

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add one operator; the name of its value."""
        value = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [value], **attributes))
        return value


def operators(layer: Layer, shape: Shape) -> list[tuple[str, dict[str, Any]]]:
    """The ONNX operators of a layer, each with its attributes; only the first reads weights."""
    match layer:
        case Rescaling():
            return [("Mul", {})]
        case Conv2D(_, _, strides, padding, _, activation):
            slid = {"strides": [strides] * 2, "pads": [padding] * 4}
            return [("Conv", slid), *([("Relu", {})] if activation == "relu" else [])]
        case DepthwiseConv2D(_, strides, padding):
            return [("Conv", {"strides": [strides] * 2, "pads": [padding] * 4, "group": shape[-1]})]
        case BatchNormalization(_, epsilon):
            return [("BatchNormalization", {"epsilon": epsilon})]
        case Relu():
            return [("Relu", {})]
        case MaxPooling2D(size):
            return [("MaxPool", {"kernel_shape": [size, size], "strides": [size, size]})]
        case GlobalAveragePooling2D():
            return [("GlobalAveragePool", {}), ("Flatten", {})]
        case Flatten():
            return [("Flatten", {})]
        case Dense(_, activation):
            last = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}[activation]
            return [("Gemm", {"transB": 1}), (last, {})]
        case Residual():
            raise TypeError("A residual is a sum of rows of layers, not a row of operators.")


if __name__ == "__main__":
    serve_peer(OnnxRuntimePeer)
