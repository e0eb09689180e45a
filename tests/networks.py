"""Random networks, small enough to be trained in a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pellucid.engines.base import Engine, Predictor, Trainer
from pellucid.graph import Graph, Node, Parameter
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.losses import Loss
from pellucid.ops.optimizers import Optimizer
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling
from pellucid.shapes import NO_PADDING, Pair, Shape, resolve_padding

CLASSES = 5


@dataclass(frozen=True)
class Example:
    """A network with its weights, and data to train it on: images and the numbers of classes."""

    graph: Graph
    parameters: list[Array]
    images: Array
    targets: Array


@dataclass(frozen=True)
class SinglePredictor:
    """A predictor of a network with one input and one output."""

    predictor: Predictor

    def run(self, images: Array) -> Array:
        """The answers."""
        (outputs,) = self.predictor.run([images])
        return outputs


class Told(NamedTuple):
    """What steps of training yield, for one output."""

    losses: Array
    predictions: Array


@dataclass(frozen=True)
class SingleTrainer:
    """A trainer of a network with one input and one output."""

    trainer: Trainer

    def run(
        self, images: Array, targets: Array, order: Array, batch_size: int, first_step: int
    ) -> Told:
        """Train on samples that all count alike."""
        steps = self.trainer.run([images], [targets], [None], order, batch_size, first_step)
        return Told(*steps.losses, *steps.predictions)


def predictor(engine: Engine, graph: Graph, parameters: Sequence[Array]) -> SinglePredictor:
    """Prepare a network with one input and one output to answer."""
    return SinglePredictor(engine.predictor(graph, parameters))


def trainer(
    engine: Engine,
    graph: Graph,
    parameters: Sequence[Array],
    loss: Loss,
    optimizer: Optimizer,
    slots: Sequence[Sequence[Array]],
    seed: int,
) -> SingleTrainer:
    """Prepare a network with one input and one output to learn."""
    return SingleTrainer(engine.trainer(graph, parameters, [loss], [1.0], optimizer, slots, seed))


def chain(input_shape: Shape, ops: Sequence[Op]) -> Graph:
    """Operations one after the other."""
    graph = Graph((input_shape,), (), (), (0,))
    for number, op in enumerate(ops):
        shapes = op.parameter_shapes(*graph.output_shapes)
        first = len(graph.parameters)
        node = Node(op, (number,), tuple(range(first, first + len(shapes))), f"layer{number}")
        fresh = tuple(Parameter(f"layer{number}/{i}", shape) for i, shape in enumerate(shapes))
        parameters = (*graph.parameters, *fresh)
        graph = Graph((input_shape,), (*graph.nodes, node), parameters, (number + 1,))
    graph.verify()
    return graph


def example(graph: Graph, seed: int, samples: int = 24) -> Example:
    """Weights that keep values near 1, images and targets."""
    generator = np.random.default_rng(seed)
    parameters = []
    for parameter in graph.parameters:
        scale = 1 / math.sqrt(math.prod(parameter.shape[:-1]))
        values = generator.normal(size=parameter.shape) * scale
        parameters.append(values.astype(np.float32))
    images = generator.normal(size=(samples, *graph.inputs[0])).astype(np.float32)
    targets = generator.integers(0, graph.output_shapes[0][-1], samples, np.int32)
    return Example(graph, parameters, images, targets)


def random_network(seed: int, paddings: Sequence[object] = ("valid", "same", "full", 1)) -> Graph:
    """A classifier of one to four stages of convolution, activation and pooling."""
    generator = np.random.default_rng(seed)
    shape: Shape = (*generator.integers(7, 15, 2).tolist(), int(generator.choice([1, 3, 16])))
    ops: list[Op] = [Rescaling(0.5, 0.1)] if generator.random() < 0.3 else []
    graph = chain(shape, ops)
    for _ in range(generator.integers(1, 5)):
        size = graph.output_shapes[0][:2]
        if min(size) < 5:
            break
        ops += _stage(generator, (size[0], size[1]), paddings)
        graph = chain(shape, ops)
    ops.append(Flatten())
    if generator.random() < 0.5:
        ops += [Dense(int(generator.integers(3, 34))), Tanh()]
    return chain(shape, [*ops, Dense(CLASSES), Softmax()])


def _stage(generator: np.random.Generator, size: Pair, paddings: Sequence[object]) -> list[Op]:
    """A convolution, mostly an activation, often a pooling."""
    strides, dilation = _pair(generator, 1, 3), (1, 1)
    if strides == (1, 1):
        dilation = _pair(generator, 1, 3)
    convolution = _padded(
        Conv2D(
            int(generator.choice([3, 8, 10, 16, 20, 33])),
            _pair(generator, 1, 4),
            strides,
            NO_PADDING,
            dilation,
            bool(generator.random() < 0.8),
        ),
        size,
        paddings[generator.integers(len(paddings))],
    )
    ops: list[Op] = [convolution]
    activation = (Relu(), Relu(), Sigmoid(), Tanh(), None)[generator.integers(5)]
    if activation:
        ops.append(activation)
    height, width, _ = convolution.output_shape((*size, 1))
    if min(height, width) >= 3 and generator.random() < 0.6:
        kind = MaxPooling2D if generator.random() < 0.6 else AveragePooling2D
        window, steps = _pair(generator, 2, 4), _pair(generator, 1, 4)
        name = ("valid", "same")[generator.integers(2)]
        padding = resolve_padding(name, (height, width), window, steps, (1, 1))
        ops.append(kind(window, steps, padding))
    return ops


def _padded(op: Conv2D, size: Pair, padding: object) -> Conv2D:
    """The convolution with a padding for this size of input."""
    sides = resolve_padding(padding, size, op.kernel_size, op.strides, op.dilation)
    return Conv2D(op.filters, op.kernel_size, op.strides, sides, op.dilation, op.use_bias)


def _pair(generator: np.random.Generator, low: int, high: int) -> Pair:
    rows, columns = generator.integers(low, high, 2).tolist()
    return rows, columns
