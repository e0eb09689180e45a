"""The native engine on networks with branches: sums of gradients, statistics, phases, sharing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pellucid.engines.base import Engine
from pellucid.engines.native import NativeEngine
from pellucid.engines.reference import ReferenceEngine
from pellucid.graph import Graph, Node, Parameter
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.losses import MeanSquaredError, SparseCategoricalCrossentropy
from pellucid.ops.merging import Add
from pellucid.ops.normalization import BatchNormalization
from pellucid.ops.optimizers import SGD
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.shapes import Shape

NATIVES = [NativeEngine(threads, vector) for threads, vector in ((1, 4), (2, 8), (3, 16), (4, 4))]
DOUBLE = ReferenceEngine(np.float64)
SAMPLES = 11


@dataclass
class Drawing:
    """A graph that grows: `put` adds an operation and gives the number of its value."""

    inputs: tuple[Shape, ...]
    nodes: list[Node] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)

    def put(self, op: Op, *values: int, shared: int | None = None) -> int:
        """Add an operation; `shared` is the value of one whose parameters it uses too."""
        shapes = [self.graph(value).shapes[value] for value in values]
        if shared is not None:
            numbers = self.nodes[shared - len(self.inputs)].parameters
        else:
            first, needed = len(self.parameters), op.parameter_shapes(*shapes)
            numbers = tuple(range(first, first + len(needed)))
            learned = len(needed) - op.tracked
            self.parameters += [
                Parameter(f"{len(self.nodes)}/{place}", shape, place < learned)
                for place, shape in enumerate(needed)
            ]
        self.nodes.append(Node(op, values, numbers, f"layer{len(self.nodes)}"))
        return len(self.inputs) + len(self.nodes) - 1

    def graph(self, *outputs: int) -> Graph:
        """What has been drawn so far."""
        return Graph(self.inputs, tuple(self.nodes), tuple(self.parameters), outputs)


def same(filters: int, strides: int = 1, size: int = 3, bias: bool = False) -> Conv2D:
    before = (size - 1) // 2
    sides = (before, size - 1 - before)
    return Conv2D(filters, (size, size), (strides, strides), (sides, sides), use_bias=bias)


def residual() -> Graph:
    """Two residual blocks with normalization; the second with a projection."""
    d = Drawing(((8, 8, 3),))
    x = d.put(Relu(), d.put(BatchNormalization(), d.put(same(20), 0)))
    y = d.put(Relu(), d.put(BatchNormalization(), d.put(same(20), x)))
    y = d.put(BatchNormalization(), d.put(same(20), y))
    x = d.put(Relu(), d.put(Add(), y, x))
    y = d.put(Relu(), d.put(BatchNormalization(), d.put(same(33, 2), x)))
    y = d.put(BatchNormalization(), d.put(same(33), y))
    x = d.put(BatchNormalization(), d.put(same(33, 2, size=1), x))
    x = d.put(Relu(), d.put(Add(), x, y))
    x = d.put(Flatten(), d.put(AveragePooling2D((4, 4), (4, 4)), x))
    x = d.put(Softmax(), d.put(Dense(5), x))
    graph = d.graph(x)
    graph.verify()
    return graph


def fan_out() -> Graph:
    """One value read by convolutions of several sizes, a pooling, an activation and a sum."""
    d = Drawing(((9, 8, 2),))
    x = d.put(same(7, bias=True), 0)
    a = d.put(Relu(), d.put(same(7, size=5), x))
    b = d.put(Tanh(), x)
    c = d.put(Dropout(0.4), d.put(same(7, size=1), x))
    x = d.put(Relu(), d.put(Add(), d.put(Add(), a, b), d.put(Add(), c, x)))
    pooled = d.put(MaxPooling2D((2, 2), (2, 2)), x)
    inner = d.put(Conv2D(7, (2, 2), (2, 2)), x)
    x = d.put(Add(), pooled, inner)
    x = d.put(Softmax(), d.put(Dense(4), d.put(Flatten(), x)))
    graph = d.graph(x)
    graph.verify()
    return graph


def shared() -> Graph:
    """One convolution, one normalization and one dense layer, each used twice, on two inputs."""
    d = Drawing(((6, 6, 3), (6, 6, 3)))
    conv, norm = same(10, bias=True), BatchNormalization()
    a = d.put(conv, 0)
    left = d.put(Relu(), d.put(norm, a))
    b = d.put(conv, 1, shared=a)
    right = d.put(Relu(), d.put(norm, b, shared=left - 1))
    x = d.put(Flatten(), d.put(Add(), left, right))
    first = d.put(Dense(360), x)
    second = d.put(Dense(360), d.put(Tanh(), first), shared=first)
    x = d.put(Softmax(), d.put(Dense(4), second))
    graph = d.graph(x)
    graph.verify()
    return graph


def two_answers() -> Graph:
    """Two outputs, one of which is read on."""
    d = Drawing(((7, 7, 3),))
    x = d.put(Relu(), d.put(Conv2D(12, (3, 3)), 0))
    y = d.put(same(12), x)
    x = d.put(Flatten(), x)
    z = d.put(Softmax(), d.put(Dense(3), d.put(Sigmoid(), d.put(Dense(6), x))))
    graph = d.graph(z, y, x)
    graph.verify()
    return graph


def narrow_reader() -> Graph:
    """A normalization with given statistics that is read less far than what it reads."""
    d = Drawing(((9, 9, 20),))
    x = d.put(same(20), 0)
    y = d.put(Relu(), d.put(BatchNormalization(frozen=True), x))
    y = d.put(Conv2D(4, (2, 2), (4, 4)), y)
    x = d.put(Conv2D(4, (1, 1), (4, 4)), d.put(same(6), x))
    x = d.put(Conv2D(4, (2, 2)), x)
    x = d.put(Softmax(), d.put(Dense(3), d.put(Flatten(), d.put(Add(), x, y))))
    graph = d.graph(x)
    graph.verify()
    return graph


def partly_frozen() -> Graph:
    """Given statistics behind those of the batch, and a pooling that keeps nothing of its input."""
    d = Drawing(((8, 8, 3),))
    x = d.put(Relu(), d.put(BatchNormalization(), d.put(same(6), 0)))
    x = d.put(Relu(), d.put(BatchNormalization(frozen=True), d.put(same(6), x)))
    x = d.put(MaxPooling2D((2, 2), (2, 2)), x)
    x = d.put(Tanh(), d.put(BatchNormalization(), d.put(same(6), x)))
    x = d.put(Softmax(), d.put(Dense(3), d.put(Flatten(), x)))
    graph = d.graph(x)
    graph.verify()
    return graph


GRAPHS = {
    drawn.__name__: drawn()
    for drawn in (residual, fan_out, shared, two_answers, narrow_reader, partly_frozen)
}
every_graph = pytest.mark.parametrize("name", GRAPHS)


def weights_for(graph: Graph) -> list[Array]:
    generator = np.random.default_rng(1)
    weights = []
    for parameter in graph.parameters:
        if len(parameter.shape) == 1:
            weights.append(generator.uniform(0.5, 1.5, parameter.shape).astype(np.float32))
        else:
            scale = 1 / np.sqrt(np.prod(parameter.shape[:-1]))
            weights.append((generator.normal(size=parameter.shape) * scale).astype(np.float32))
    return weights


def data_for(graph: Graph) -> tuple[list[Array], list[Array], list[Array | None]]:
    """Inputs, targets and weights of samples: class numbers first, then numbers."""
    generator = np.random.default_rng(2)
    inputs = [generator.normal(size=(SAMPLES, *shape)).astype(np.float32) for shape in graph.inputs]
    first, *others = graph.output_shapes
    targets: list[Array] = [generator.integers(0, first[-1], SAMPLES, np.int32)]
    targets += [generator.normal(size=(SAMPLES, *shape)).astype(np.float32) for shape in others]
    weights: list[Array | None] = [generator.uniform(0, 2, SAMPLES).astype(np.float32)]
    return inputs, targets, weights + [None] * len(others)


def learn(engine: Engine, graph: Graph, batch: int, steps: int = 3) -> list[Array]:
    """Losses, predictions, weights and slots after some steps."""
    weights, (inputs, targets, counts) = weights_for(graph), data_for(graph)
    if engine is DOUBLE:
        weights = [weight.astype(np.float64) for weight in weights]
    optimizer = SGD(learning_rate=0.05, momentum=0.5)
    slots = [
        [np.zeros_like(weight)]
        for weight, parameter in zip(weights, graph.parameters, strict=True)
        if parameter.trainable
    ]
    losses = [SparseCategoricalCrossentropy(), *[MeanSquaredError()] * (len(targets) - 1)]
    shares = [1.0, *[0.25] * (len(targets) - 1)]
    trainer = engine.trainer(graph, weights, losses, shares, optimizer, slots, seed=3)
    order = np.random.default_rng(4).integers(0, SAMPLES, steps * batch)
    told = trainer.run(inputs, targets, counts, order, batch, 0)
    return [*told.losses, *told.predictions, *weights, *(slot for (slot,) in slots)]


def assert_near(ours: Sequence[Array], expected: Sequence[Array], tolerance: float) -> None:
    for given, wanted in zip(ours, expected, strict=True):
        largest = float(np.abs(wanted).max())
        assert_allclose(given, wanted, rtol=0, atol=tolerance * largest + 1e-6)


@every_graph
@pytest.mark.parametrize("batch", [1, 7, 20])
def test_learning_agrees_with_the_definition(name: str, batch: int) -> None:
    ours = learn(NATIVES[2], GRAPHS[name], batch)
    assert_near(ours, learn(DOUBLE, GRAPHS[name], batch), 2e-4)


@every_graph
def test_learning_gives_the_same_bits_everywhere(name: str) -> None:
    first, *others = (learn(engine, GRAPHS[name], 20) for engine in NATIVES)
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            assert_array_equal(ours, theirs)


@every_graph
def test_answers_agree_with_the_definition(name: str) -> None:
    graph = GRAPHS[name]
    weights, (inputs, _, _) = weights_for(graph), data_for(graph)
    expected = DOUBLE.predictor(graph, weights).run(inputs)
    first, *others = (engine.predictor(graph, weights).run(inputs) for engine in NATIVES)
    assert_near(first, expected, 2e-5)
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            assert_array_equal(ours, theirs)
    alone = NATIVES[1].predictor(graph, weights).run([values[4:5] for values in inputs])
    for ours, theirs in zip(first, alone, strict=True):
        assert_array_equal(ours[4:5], theirs)
