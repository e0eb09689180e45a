"""A layer held against Keras's own: values, gradients, and what follows the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import torch
from numpy.testing import assert_allclose

from pellucid import layers
from pellucid.engines.reference import forward
from pellucid.layers.base import Layer
from pellucid.layers.lowering import lower
from pellucid.ops.base import Array, Context


def assert_agreement(
    name: str,
    settings: dict[str, Any],
    *sample_shapes: tuple[int, ...],
    training: bool = True,
    samples: int = 4,
    tolerance: float = 2e-5,
) -> None:
    """Layers of the same kind, weights and inputs have the same outputs and gradients.

    And what follows the data is the same after it was seen in training. tolerance: as a share of
    an array's largest number.
    """
    generator = np.random.default_rng(0)
    inputs = [
        generator.normal(size=(samples, *shape)).astype(np.float32) for shape in sample_shapes
    ]
    ours = getattr(layers, name)(**settings)
    theirs = getattr(keras.layers, name)(**settings)
    ours.build_for(*sample_shapes)
    shapes = [(None, *shape) for shape in sample_shapes]
    theirs.build(shapes if len(shapes) > 1 else shapes[0])
    weights = [generator.uniform(0.5, 1.5, weight.shape) for weight in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)

    tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
    expected = theirs(
        tensors if len(tensors) > 1 else tensors[0],
        **({"training": training} if theirs._call_has_training_arg else {}),
    )
    slope = generator.normal(size=tuple(expected.shape)).astype(np.float32)
    expected.backward(torch.tensor(slope))
    gradients = _gradients(ours, inputs, slope, training)
    near(ours(inputs if len(inputs) > 1 else inputs[0], training=training), expected, tolerance)
    learned = [variable.value.grad for variable in theirs.trainable_variables]
    for gradient, tensor in zip(
        gradients, (*(each.grad for each in tensors), *learned), strict=True
    ):
        near(gradient, tensor, tolerance)
    for weight, variable in zip(ours.weights, theirs.get_weights(), strict=True):
        near(weight, variable, tolerance)


def near(given: Array, expected: Any, tolerance: float) -> None:
    """The same shape, and all numbers within a share of the largest expected one."""
    array = keras.ops.convert_to_numpy(expected)
    largest = float(np.abs(array).max())
    assert_allclose(given, array, rtol=0, atol=tolerance * largest + 2e-6)


def _gradients(layer: Layer, inputs: Sequence[Array], slope: Array, training: bool) -> list[Array]:
    """By every input, and by every weight that learns, in the order of `layer.weights`."""
    graph, parameters = lower(layer, [array.shape[1:] for array in inputs], training)
    context = Context(training=training)
    values = forward(graph, parameters, inputs, context)
    by_value = [np.zeros_like(value) for value in values]
    by_value[graph.outputs[0]] += slope
    by_parameter = [np.zeros_like(parameter) for parameter in parameters]
    for number, node in reversed(list(enumerate(graph.nodes))):
        value = graph.value(number)
        gradients = node.op.backward(
            by_value[value],
            tuple(values[read] for read in node.inputs),
            tuple(parameters[used] for used in node.parameters),
            values[value],
            context,
        )
        for read, part in zip(node.inputs, gradients.inputs, strict=True):
            by_value[read] += part
        for used, part in zip(node.parameters, gradients.parameters, strict=False):
            by_parameter[used] += part
    learned = [
        gradient
        for gradient, described in zip(by_parameter, graph.parameters, strict=True)
        if described.trainable
    ]
    return [*by_value[: len(inputs)], *learned]
