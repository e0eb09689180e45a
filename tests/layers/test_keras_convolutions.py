"""Keras's own layers, of the very configurations of these: outputs and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pellucid import layers
from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context
from pellucid.shapes import Shape

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TRAINING = Context(training=True)
Draw = Callable[[st.SearchStrategy[Any]], Any]
counts = st.integers(1, 3)
pairs = st.tuples(counts, counts)
# With one filter or one channel, PyTorch cannot go back through all convolutions in float64.
several = st.integers(2, 4)
borders = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)


def window(draw: Draw) -> dict[str, Any]:
    """A kernel; either a stride or a dilation, since Keras refuses both at once."""
    strided = draw(st.booleans())
    return {
        "kernel_size": draw(pairs),
        "strides": draw(pairs) if strided else (1, 1),
        "dilation_rate": (1, 1) if strided else draw(pairs),
        "padding": draw(st.sampled_from(["valid", "same"])),
        "use_bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, "tanh"])),
    }


def grouped(draw: Draw) -> tuple[layers.Layer, Shape]:
    groups = draw(counts)
    layer = layers.Conv2D(groups * draw(several), groups=groups, **window(draw))
    return layer, (*draw(sizes), groups * draw(several))


def depthwise(draw: Draw) -> tuple[layers.Layer, Shape]:
    return layers.DepthwiseConv2D(depth_multiplier=draw(counts), **window(draw)), images(draw)


def separable(draw: Draw) -> tuple[layers.Layer, Shape]:
    layer = layers.SeparableConv2D(draw(several), depth_multiplier=draw(counts), **window(draw))
    return layer, images(draw)


def transposed(draw: Draw) -> tuple[layers.Layer, Shape]:
    settings = window(draw)
    extra = st.tuples(*(st.integers(0, stride - 1) for stride in settings["strides"]))
    settings["output_padding"] = draw(st.none() | extra)
    return layers.Conv2DTranspose(draw(several), **settings), (*draw(pairs), draw(several))


def bordered(draw: Draw) -> tuple[layers.Layer, Shape]:
    kind = draw(st.sampled_from([layers.ZeroPadding2D, layers.Cropping2D]))
    return kind(draw(borders)), images(draw)


def upsampled(draw: Draw) -> tuple[layers.Layer, Shape]:
    interpolation = draw(st.sampled_from(["nearest", "bilinear"]))
    return layers.UpSampling2D(draw(pairs), interpolation=interpolation), images(draw)


def globally_pooled(draw: Draw) -> tuple[layers.Layer, Shape]:
    kind = draw(st.sampled_from([layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D]))
    return kind(keepdims=draw(st.booleans())), images(draw)


def reshaped(draw: Draw) -> tuple[layers.Layer, Shape]:
    rows, columns, channels = images(draw)
    target = draw(st.sampled_from([(-1,), (channels, -1, rows), (columns, rows * channels)]))
    return layers.Reshape(target), (rows, columns, channels)


def permuted(draw: Draw) -> tuple[layers.Layer, Shape]:
    return layers.Permute(draw(st.permutations((1, 2, 3)))), images(draw)


sizes = st.tuples(st.integers(7, 10), st.integers(7, 10))


def images(draw: Draw) -> Shape:
    return (*draw(sizes), draw(several))


@pytest.mark.parametrize(
    "kind",
    [
        grouped,
        depthwise,
        separable,
        transposed,
        bordered,
        upsampled,
        globally_pooled,
        reshaped,
        permuted,
    ],
)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_layers_and_their_gradients_are_those_of_keras(
    kind: Callable[[Draw], tuple[layers.Layer, Shape]], data: st.DataObject
) -> None:
    ours, shape = kind(data.draw)
    try:
        ours.build((None, *shape))
    except ShapeError:
        assume(False)
    config = ours.get_config()
    theirs = getattr(keras.layers, type(ours).__name__).from_config({**config, "dtype": "float64"})
    theirs.build((None, *shape))
    assert theirs.get_config().keys() == config.keys()
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=weight.shape) for weight in ours.weights]
    theirs.set_weights(weights)
    batch = generator.normal(size=(2, *shape))

    tensor = torch.tensor(batch, requires_grad=True)
    expected = theirs(tensor)
    slopes = generator.normal(size=expected.shape)
    expected.backward(torch.tensor(slopes))
    output, gradients = forward_and_back(ours, batch, weights, slopes)
    assert ours.output_shape == (None, *expected.shape[1:])
    # Keras takes means in single precision.
    assert_allclose(output, expected.detach(), rtol=1e-6, atol=1e-7)
    found = [tensor.grad, *(variable.value.grad for variable in theirs.weights)]
    for gradient, their_gradient in zip(gradients, found, strict=True):
        assert_allclose(gradient, their_gradient, rtol=1e-6, atol=1e-7)


def forward_and_back(
    layer: layers.Layer, batch: Array, weights: list[Array], slopes: Array
) -> tuple[Array, list[Array]]:
    """The output, and gradients by the input and by every weight."""
    shape = batch.shape[1:]
    named = dict(zip(layer.weight_shapes(shape), weights, strict=True))
    stages, values = layer.lower(shape), [batch]
    taken = [tuple(named[weight] for weight in stage.weights) for stage in stages]
    for stage, parameters in zip(stages, taken, strict=True):
        values.append(stage.op.forward((values[-1],), parameters, TRAINING))
    found: dict[str, Array] = {}
    for place in reversed(range(len(stages))):
        op, names = stages[place]
        gradients = op.backward(slopes, (values[place],), taken[place], values[place + 1], TRAINING)
        (slopes,) = gradients.inputs
        found |= zip(names, gradients.parameters, strict=True)
    return values[-1], [slopes, *(found[weight] for weight in named)]
