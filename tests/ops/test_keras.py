"""Keras itself, on its PyTorch backend: padding, losses, optimizers, and training as a whole."""

from __future__ import annotations

from itertools import product
from typing import Any

import keras
import networks
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from pellucid.engines.reference import ReferenceEngine
from pellucid.graph import Graph
from pellucid.ops import losses, optimizers
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Context, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling
from pellucid.shapes import NO_PADDING, Pair, resolve_padding

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

OPTIMIZERS = [
    ("SGD", {"learning_rate": 0.03}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.8}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.8, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.6}),
    ("RMSprop", {"momentum": 0.6, "centered": True, "rho": 0.8, "epsilon": 1e-5}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.02, "weight_decay": 0.3}),
    ("Adam", {"amsgrad": True}),
    ("SGD", {"learning_rate": 0.03, "weight_decay": 0.1, "clipvalue": 0.01}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.8, "clipnorm": 0.1, "use_ema": True}),
    ("RMSprop", {"global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.7}),
    ("AdamW", {"clipvalue": 0.5, "use_ema": True, "amsgrad": True}),
]
every_optimizer = pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)


def numbers(value: Any) -> Array:
    return keras.ops.convert_to_numpy(value)


@every_optimizer
def test_ten_updates_are_those_of_keras(name: str, settings: dict[str, Any]) -> None:
    generator = np.random.default_rng(0)
    parameter = generator.normal(size=200).astype(np.float32)
    variable = keras.Variable(parameter.copy())
    theirs = getattr(keras.optimizers, name)(**settings)
    ours = getattr(optimizers, name)(**settings)
    slots = [np.zeros_like(parameter) for _ in range(ours.slot_count)]
    for step in range(10):
        gradient = (generator.normal(size=200) * generator.choice([1e-4, 1, 10])).astype(np.float32)
        theirs.apply([torch.tensor(gradient)], [variable])
        ours.update(parameter, *ours.clip([gradient]), slots, ours.scalars(step))
        assert_allclose(parameter, numbers(variable), rtol=2e-5, atol=2e-6)
    if ours.use_ema:
        theirs.finalize_variable_values([variable])
        assert_allclose(slots[-1], numbers(variable), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_defaults_are_those_of_keras(name: str) -> None:
    config = getattr(keras.optimizers, name)().get_config()
    ours = {**vars(getattr(optimizers, name)()), "name": config["name"]}
    assert ours == {key: pytest.approx(config[key]) for key in ours}


LOSSES = [
    ("SparseCategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {"from_logits": True}),
    ("CategoricalCrossentropy", {}),
    ("CategoricalCrossentropy", {"from_logits": True}),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}),
    ("BinaryCrossentropy", {}),
    ("BinaryCrossentropy", {"from_logits": True}),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}),
    ("MeanSquaredError", {}),
]


@pytest.mark.parametrize("shape", [(6,), (4, 6)], ids=str)
@pytest.mark.parametrize(("name", "settings"), LOSSES)
def test_losses_and_their_gradients_are_those_of_keras(
    name: str, settings: dict[str, Any], shape: tuple[int, ...]
) -> None:
    generator = np.random.default_rng(0)
    ours = getattr(losses, name)(**settings)
    predictions = generator.normal(size=(5, *shape)).astype(np.float32)
    if not settings.get("from_logits"):
        predictions = np.clip(generator.uniform(-0.3, 1.3, (5, *shape)), 0, 1).astype(np.float32)
        predictions[..., 0] = 0.5
    targets = generator.uniform(size=(5, *shape)).astype(np.float32)
    if name.startswith("Sparse"):
        targets = generator.integers(0, 6, (5, *shape[:-1]), np.int32)

    tensor = torch.tensor(predictions, requires_grad=True)
    theirs = getattr(keras.losses, name)(**settings, reduction="none")(targets, tensor)
    theirs = theirs.reshape(5, -1).mean(1)
    theirs.sum().backward()
    assert_allclose(ours.forward(predictions, targets), theirs.detach(), rtol=1e-5, atol=1e-6)
    assert_allclose(ours.gradient(predictions, targets), tensor.grad, rtol=1e-4, atol=1e-5)


def windows() -> list[tuple[Pair, Pair, Pair, Pair]]:
    """Sizes, kernels, strides and dilations: odd and even, square and not."""
    sizes, kernels = [(7, 8), (10, 5), (8, 8)], [(1, 2), (3, 3), (4, 2), (2, 5)]
    strides, dilations = [(1, 1), (2, 2), (3, 2)], [(1, 1), (2, 1)]
    return [
        window
        for window in product(sizes, kernels, strides, dilations)
        if window[2] == (1, 1) or window[3] == (1, 1)  # Keras refuses both at once
    ]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolution_pads_as_keras_does(padding: str) -> None:
    generator = np.random.default_rng(0)
    for size, kernel_size, strides, dilation in windows():
        images = generator.normal(size=(2, *size, 3)).astype(np.float32)
        kernel = generator.normal(size=(*kernel_size, 3, 4)).astype(np.float32)
        expected = keras.ops.conv(
            images, kernel, strides, padding, "channels_last", dilation_rate=dilation
        )
        sides = resolve_padding(padding, size, kernel_size, strides, dilation)
        op = Conv2D(4, kernel_size, strides, sides, dilation, use_bias=False)
        output = op.forward((images,), (kernel,), Context())
        assert_allclose(output, numbers(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_pooling_pads_as_keras_does(
    kind: type[MaxPooling2D | AveragePooling2D], padding: str
) -> None:
    """Average pooling with uneven sides is left out.

    Keras on PyTorch repeated the edge there until mid-2026 instead of dividing by the cells that
    exist; PyTorch itself and examples by hand are the judges of it.
    """
    generator = np.random.default_rng(0)
    compared = 0
    for size, pool_size, strides, dilation in windows():
        sides = resolve_padding(padding, size, pool_size, strides, (1, 1))
        uneven = any(before != after for before, after in sides)
        if dilation != (1, 1) or (kind is AveragePooling2D and uneven):
            continue
        images = generator.normal(size=(2, *size, 3)).astype(np.float32)
        pool = keras.ops.max_pool if kind is MaxPooling2D else keras.ops.average_pool
        expected = pool(images, pool_size, strides, padding, "channels_last")
        output = kind(pool_size, strides, sides).forward((images,), (), Context())
        assert_allclose(output, numbers(expected), rtol=1e-5, atol=1e-5)
        compared += 1
    assert compared >= 8


def keras_layer(op: Op) -> keras.Layer:
    """The layer of Keras that means the same, with the padding's name found from its numbers."""
    match op:
        case Conv2D():
            return keras.layers.Conv2D(
                op.filters,
                op.kernel_size,
                op.strides,
                "valid" if op.padding == NO_PADDING else "same",
                dilation_rate=op.dilation,
                use_bias=op.use_bias,
            )
        case MaxPooling2D() | AveragePooling2D():
            layer = getattr(keras.layers, type(op).__name__)
            return layer(op.pool_size, op.strides, "valid" if op.padding == NO_PADDING else "same")
        case Dense():
            return keras.layers.Dense(op.units, use_bias=op.use_bias)
        case Flatten():
            return keras.layers.Flatten()
        case Rescaling():
            return keras.layers.Rescaling(op.scale, op.offset)
        case Relu() | Sigmoid() | Tanh() | Softmax():
            return keras.layers.Activation(type(op).__name__.lower())
    raise AssertionError(f"Keras's word for {op} is missing here.")


def keras_model(graph: Graph, parameters: list[Array]) -> keras.Model:
    model = keras.Sequential([keras.Input(graph.inputs[0])])
    for node in graph.nodes:
        model.add(keras_layer(node.op))
    model.set_weights(parameters)
    return model


def in_keras_words(graph: Graph) -> bool:
    """Whether Keras can be trusted: see the trap above."""
    return not any(
        isinstance(node.op, AveragePooling2D) and any(a != b for a, b in node.op.padding)
        for node in graph.nodes
    )


GRAPHS = [
    graph
    for seed in range(40)
    if in_keras_words(graph := networks.random_network(seed, paddings=("valid", "same")))
]


@pytest.mark.parametrize("number", range(16))
def test_ten_training_steps_of_a_network_are_those_of_keras(number: int) -> None:
    graph = GRAPHS[number]
    name, settings = OPTIMIZERS[number % len(OPTIMIZERS)]
    example = networks.example(graph, number, samples=80)
    model = keras_model(graph, example.parameters)
    model.compile(
        optimizer=getattr(keras.optimizers, name)(**settings),
        loss="sparse_categorical_crossentropy",
    )
    ours = getattr(optimizers, name)(**settings)
    slots = [[np.zeros_like(p) for _ in range(ours.slot_count)] for p in example.parameters]
    assert_allclose(
        networks.predictor(ReferenceEngine(), graph, example.parameters).run(example.images),
        numbers(model(example.images)),
        rtol=1e-4,
        atol=1e-5,
    )
    trainer = networks.trainer(
        ReferenceEngine(),
        graph,
        example.parameters,
        losses.SparseCategoricalCrossentropy(),
        ours,
        slots,
        seed=0,
    )
    told = trainer.run(example.images, example.targets, np.arange(80), 8, 0).losses
    for step in range(10):
        batch = slice(step * 8, step * 8 + 8)
        model.reset_metrics()
        loss = model.train_on_batch(example.images[batch], example.targets[batch])
        assert_allclose(told[batch].mean(), loss, rtol=1e-3, atol=1e-4)
    for parameter, expected in zip(example.parameters, model.get_weights(), strict=True):
        assert_allclose(parameter, expected, rtol=2e-3, atol=2e-4)
