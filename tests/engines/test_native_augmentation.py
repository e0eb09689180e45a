"""The native engine where images are augmented, resized and normalized, in training and not.

As in test_native, several machines must agree to the bit, and the reference within a tolerance.
What is drawn, and which pixels are read, is the same to the bit in both engines: the interpolation
'nearest' would show it.
"""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from checklist import AUGMENTATIONS, RESIZINGS, SCALINGS, Case
from numpy.testing import assert_allclose, assert_array_equal

from pellucid.engines.base import Engine
from pellucid.engines.native import NativeEngine
from pellucid.engines.reference import ReferenceEngine
from pellucid.graph import Graph, Node
from pellucid.ops.base import Array, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.geometry import RandomCrop, RandomFlip, RandomRotation, RandomZoom
from pellucid.ops.light import RandomBrightness, RandomContrast
from pellucid.ops.losses import MeanSquaredError
from pellucid.ops.optimizers import SGD
from pellucid.ops.resizing import Resizing
from pellucid.ops.scaling import Normalization, Rescaling
from pellucid.shapes import Shape

REFERENCE = ReferenceEngine()
NATIVES = [NativeEngine(threads, vector) for threads, vector in ((1, 4), (2, 8), (4, 16))]
SAMPLES = 5


def network(case: Case, busy: bool) -> Graph:
    """Weights that learn what comes back through the operation.

    busy: a convolution behind it wants a border around its output, and what it reads is an answer
    of the network, too, so that gradients meet.
    """
    channels, image = case.input_shape[-1], len(case.input_shape) == 3
    first: Op = Conv2D(channels, (1, 1)) if image else Dense(channels)
    last = [Conv2D(2, (3, 3), padding=((1, 1), (1, 1)))] if busy else []
    graph = networks.chain(case.input_shape, [first, case.op, *last])
    fixed = graph.nodes[1].parameters
    graph = replace(
        graph,
        parameters=tuple(
            replace(parameter, trainable=number not in fixed)
            for number, parameter in enumerate(graph.parameters)
        ),
    )
    if busy:
        side = Node(Rescaling(-0.5), (1,), (), "side")
        graph = replace(graph, nodes=(*graph.nodes, side), outputs=(*graph.outputs, 4))
    graph.verify()
    return graph


def trained(engine: Engine, graph: Graph, given: list[Array]) -> list[Array]:
    """Losses, predictions and gradients of one step."""
    generator = np.random.default_rng(0)
    parameters = [parameter.copy() for parameter in given]
    slots = [
        [np.zeros_like(parameter)]
        for parameter, described in zip(parameters, graph.parameters, strict=True)
        if described.trainable
    ]
    images = generator.normal(size=(SAMPLES, *graph.inputs[0])).astype(np.float32)
    targets = [
        generator.normal(size=(SAMPLES, *shape)).astype(np.float32) for shape in graph.output_shapes
    ]
    losses = [MeanSquaredError() for _ in targets]
    optimizer = SGD(learning_rate=1.0, momentum=0.5)
    trainer = engine.trainer(
        graph, parameters, losses, [1.0] * len(losses), optimizer, slots, seed=5
    )
    weights = [None] * len(losses)
    steps = trainer.run([images], targets, weights, np.arange(SAMPLES), SAMPLES, 3)
    return [*steps.losses, *steps.predictions, *(slot for (slot,) in slots)]


def weights(graph: Graph) -> list[Array]:
    generator = np.random.default_rng(1)
    return [
        np.asarray(abs(values) if not described.trainable else values, np.float32)
        for described in graph.parameters
        for values in [generator.normal(size=described.shape)]
    ]


CASES = [
    (case, False)
    for case in (*AUGMENTATIONS, *RESIZINGS, *SCALINGS)
    if case.input_shape in ((18, 35, 3), (7, 6, 33), (7, 20, 20), (13, 3, 33), (5, 6, 3), (5, 3))
]
CASES += [
    (Case(op, (7, 6, 3)), True)
    for op in (
        RandomFlip(),
        RandomCrop((4, 3)),
        RandomRotation((-0.2, 0.5)),
        RandomContrast((0.3, 0.5), (-0.7, 0.6)),
        RandomBrightness((-0.4, 0.3), (-0.7, 0.6)),
        Resizing((9, 4)),
        Normalization((2,)),
    )
]


@pytest.mark.parametrize(("case", "busy"), CASES, ids=str)
def test_a_step_of_training(case: Case, busy: bool) -> None:
    graph = network(case, busy)
    given = weights(graph)
    first, *others = (trained(engine, graph, given) for engine in NATIVES[::2])
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            assert_array_equal(ours, theirs)
    for ours, expected in zip(first, trained(REFERENCE, graph, given), strict=True):
        largest = float(np.abs(expected).max())
        assert_allclose(ours, expected, rtol=0, atol=3e-5 * largest + 1e-7)


def test_several_augmentations_draw_each_for_itself() -> None:
    """Step by step and all at once, the same; every step and every place in it has its own."""
    ops = [
        RandomFlip(vertical=False),
        RandomRotation((-0.1, 0.1)),
        RandomZoom((-0.2, 0.2)),
        RandomZoom((-0.2, 0.2), seed=3),
    ]
    graph = networks.chain((9, 12, 3), [*ops, Conv2D(2, (3, 3))])
    example = networks.example(graph, 0, samples=1)
    shape: Shape = graph.output_shapes[0]
    targets = np.zeros((1, *shape), np.float32)
    order = np.zeros(11, np.int64)
    told = []
    for engine in (REFERENCE, *NATIVES):
        parameters = [parameter.copy() for parameter in example.parameters]
        slots: list[list[Array]] = [[] for _ in parameters]
        trainer = networks.trainer(
            engine, graph, parameters, MeanSquaredError(), SGD(0.0), slots, seed=2
        )
        told.append(trainer.run(example.images, targets, order, 4, 6).predictions)
    assert len({answer.tobytes() for answer in told[1]}) == 11
    for answers in told[2:]:
        assert_array_equal(answers, told[1])
    assert_allclose(told[1], told[0], rtol=0, atol=1e-5 * float(abs(told[0]).max()))
