"""Networks that normalize, merge, regularize and constrain, trained in step with Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from agreement import near

import pellucid
from pellucid.models import Model

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def residual(library: Any) -> Any:
    """A block with batch normalization, a shortcut and what branches are joined by."""
    layers = library.layers
    inputs = library.Input((6, 5, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.ReLU(6.0)(x)
    shortcut = layers.Conv2D(4, 1, activation="elu")(inputs)
    x = layers.add([x, shortcut])
    x = layers.concatenate([x, layers.LayerNormalization()(x)])
    x = layers.PReLU(shared_axes=[1, 2])(layers.multiply([x, layers.Activation("silu")(x)]))
    x = layers.BatchNormalization(momentum=0.7, scale=False)(layers.Flatten()(x))
    return library.Model(inputs, layers.Dense(3, activation="softmax")(x))


def held(library: Any) -> Any:
    """Weights that are penalized and constrained."""
    layers, regularizers, constraints = library.layers, library.regularizers, library.constraints
    inputs = library.Input((6, 5, 3))
    x = layers.Conv2D(
        4,
        3,
        activation="gelu",
        kernel_regularizer=regularizers.L1L2(0.01, 0.02),
        kernel_constraint=constraints.MaxNorm(0.9, axis=[0, 1, 2]),
        bias_constraint="non_neg",
    )(inputs)
    x = layers.BatchNormalization(gamma_regularizer="l2", beta_constraint="non_neg")(x)
    x = layers.Dense(
        3,
        activation="softmax",
        bias_regularizer=regularizers.L1(0.05),
        kernel_constraint=constraints.MinMaxNorm(0.3, 0.8, rate=0.5),
    )(layers.Flatten()(x))
    return library.Model(inputs, x)


@pytest.mark.parametrize("build", [residual, held])
def test_training_is_that_of_keras(build: Any) -> None:
    generator = np.random.default_rng(0)
    images = generator.normal(size=(40, 6, 5, 3)).astype(np.float32)
    targets = generator.integers(0, 3, 40).astype(np.int32)
    theirs, ours = build(keras), build(pellucid)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(theirs.get_weights())
    settings = {"loss": "sparse_categorical_crossentropy"}
    theirs.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.5), **settings)
    ours.compile(
        optimizer=pellucid.optimizers.SGD(0.05, momentum=0.5), engine="reference", **settings
    )
    theirs_told = theirs.fit(images, targets, 8, epochs=2, shuffle=False, verbose=0).history
    ours_told = ours.fit(images, targets, 8, epochs=2, shuffle=False, verbose=0).history
    assert ours_told["loss"] == pytest.approx(theirs_told["loss"], rel=2e-4)
    for weight, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        near(weight, expected, 5e-4)
    near(ours.predict(images, verbose=0), theirs.predict(images, verbose=0), 5e-4)
    assert isinstance(ours, Model)
