"""The native engine on the gradients of single operations, among other readers.

Rows of the checklist behind weights that learn from what comes back through them: alone, where
others read the same values too, and where only a part of the output is read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from checklist import (
    ACTIVATIONS,
    BORDERS,
    DEPTHWISE_CONVOLUTIONS,
    GLOBAL_AVERAGE_POOLINGS,
    GLOBAL_MAX_POOLINGS,
    GROUPED_CONVOLUTIONS,
    MERGINGS,
    NORMALIZATIONS,
    PERMUTATIONS,
    TRANSPOSED_CONVOLUTIONS,
    UPSAMPLINGS,
    Case,
    one_op_graph,
)
from numpy.testing import assert_allclose, assert_array_equal

from pellucid.engines.base import Engine
from pellucid.engines.native import NativeEngine
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import EngineError
from pellucid.graph import Graph, Node, Parameter
from pellucid.ops.activations import PRelu
from pellucid.ops.base import Array, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.losses import MeanSquaredError
from pellucid.ops.merging import Add, Concatenate
from pellucid.ops.normalization import LayerNormalization
from pellucid.ops.optimizers import SGD
from pellucid.ops.pooling import AveragePooling2D

REFERENCE = ReferenceEngine(np.float64)
NATIVES = [NativeEngine(threads, vector) for threads, vector in ((1, 4), (3, 16))]
SAMPLES = 5
CASES = [
    *GROUPED_CONVOLUTIONS,
    *DEPTHWISE_CONVOLUTIONS,
    *TRANSPOSED_CONVOLUTIONS,
    *GLOBAL_MAX_POOLINGS[::3],
    *GLOBAL_AVERAGE_POOLINGS[::3],
    *BORDERS,
    *UPSAMPLINGS[::2],
    *PERMUTATIONS,
    *MERGINGS,
    *(case for case in NORMALIZATIONS[::2] if isinstance(case.op, LayerNormalization)),
    *(case for case in ACTIVATIONS if isinstance(case.op, PRelu)),
]


class Network(NamedTuple):
    """A graph with its weights, and data to train it on."""

    graph: Graph
    parameters: list[Array]
    inputs: list[Array]
    targets: list[Array]


def behind_weights(case: Case, how: str) -> Network:
    """The operation, where every input is made by weights.

    how: 'alone'; 'shared', where those inputs are outputs too; 'cut', where a pooling behind it
    leaves out the last row and column.
    """
    generator = np.random.default_rng(7)
    nodes: list[Node] = []
    parameters: list[Parameter] = []
    weights: list[Array] = []

    def put(op: Op, inputs: tuple[int, ...], *shapes: tuple[int, ...]) -> int:
        needed = op.parameter_shapes(*shapes)
        first, learned = len(parameters), len(needed) - op.tracked
        for place, shape in enumerate(needed):
            parameters.append(Parameter(f"{len(nodes)}/{place}", shape, place < learned))
            weights.append(generator.normal(size=shape).astype(np.float32) / 2)
        for place in range(first + learned, len(weights)):
            weights[place] = abs(weights[place])
        numbers = tuple(range(first, len(parameters)))
        nodes.append(Node(op, inputs, numbers, f"layer{len(nodes)}"))
        return len(case.input_shapes) + len(nodes) - 1

    made = [
        put(Conv2D(s[-1], (1, 1)) if len(s) == 3 else Dense(s[-1]), (value,), s)
        for value, s in enumerate(case.input_shapes)
    ]
    output = put(case.op, tuple(made), *case.input_shapes)
    shape = case.op.output_shape(*case.input_shapes)
    if how == "cut":
        window = (2, 2)
        output = put(AveragePooling2D(window, window), (output,), shape)
    outputs = (output, *made) if how == "shared" else (output,)
    graph = Graph(case.input_shapes, tuple(nodes), tuple(parameters), outputs)
    graph.verify()

    def samples(shape: tuple[int, ...]) -> Array:
        return generator.normal(size=(SAMPLES, *shape)).astype(np.float32)

    targets = [samples(shape) for shape in graph.output_shapes]
    return Network(graph, weights, [samples(s) for s in case.input_shapes], targets)


def gradients(engine: Engine, network: Network) -> list[Array]:
    """Losses, predictions and the gradient of every weight, from one step's slots."""
    graph, *_ = network
    kept = [weight.copy() for weight in network.parameters]
    learned = [p.trainable for p in graph.parameters]
    slots = [[np.zeros_like(p)] for p, learns in zip(kept, learned, strict=True) if learns]
    count = len(graph.outputs)
    losses, weights = [MeanSquaredError()] * count, [1.0 + n for n in range(count)]
    optimizer = SGD(learning_rate=1.0, momentum=0.5)
    trainer = engine.trainer(graph, kept, losses, weights, optimizer, slots, seed=5)
    nothing: list[Array | None] = [None] * count
    order = np.arange(SAMPLES)
    steps = trainer.run(network.inputs, network.targets, nothing, order, SAMPLES, 3)
    return [*steps.losses, *steps.predictions, *(-slot for (slot,) in slots)]


def cuttable(case: Case) -> bool:
    """Whether a pooling of 2 × 2 fits behind it and leaves something out."""
    shape = case.op.output_shape(*case.input_shapes)
    return len(shape) == 3 and min(shape[:2]) >= 2 and shape[0] % 2 + shape[1] % 2 > 0


def arrangements() -> list[tuple[Case, str]]:
    """Every case in one of the surroundings that it can be in; neighbours in others."""
    chosen = []
    for number, case in enumerate(CASES):
        possible = ["alone", "shared", "cut"][: 3 if cuttable(case) else 2]
        chosen.append((case, possible[number % len(possible)]))
    return chosen


@pytest.mark.parametrize(("case", "how"), arrangements(), ids=str)
def test_gradients_through_an_operation(case: Case, how: str) -> None:
    network = behind_weights(case, how)
    ours = [gradients(engine, network) for engine in NATIVES]
    for mine, other in zip(*ours, strict=True):
        assert_array_equal(mine, other)
    for mine, right in zip(ours[0], gradients(REFERENCE, network), strict=True):
        assert mine.dtype == np.float32
        largest = float(np.abs(right).max())
        assert_allclose(mine, right, rtol=0, atol=2e-5 * largest + 1e-6)


def refusal(graph: Graph) -> str:
    """Why the native engine does not compute a network."""
    with pytest.raises(EngineError) as caught:
        NATIVES[0].predictor(graph, [])
    return str(caught.value)


def test_axes_that_rows_stand_for_are_not_told_apart() -> None:
    one = one_op_graph(Case(Concatenate(-3), (2, 3, 4, 5), (2, 1, 4, 5)))
    assert refusal(one.graph) == (
        "The native engine concatenates along the first axis or one of the last two; layer layer "
        "does along axis -3 of (2, 3, 4, 5). Use the engine 'reference' for this network."
    )
    one = one_op_graph(Case(Add(), (2, 3, 4, 5), (2, 1, 4, 5)))
    assert refusal(one.graph) == (
        "The native engine cannot repeat values along some of the axes before the last two, as Add "
        "(layer layer) does. Use the engine 'reference' for this network."
    )
