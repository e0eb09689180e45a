"""Regularizers and constraints: Keras's formulas, names and configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pellucid import constraints, layers, regularizers
from pellucid.errors import ArgumentError, PellucidError
from pellucid.layers.rules import Rule

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

KERNEL = np.random.default_rng(0).normal(size=(3, 2, 4, 5)).astype(np.float32)
PENALTIES = [("L1", {}), ("L2", {}), ("L2", {"l2": 0.3}), ("L1L2", {"l1": 0.2, "l2": 0.1})]
BOUNDS = [
    ("NonNeg", {}),
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1, 2]}),
    ("UnitNorm", {"axis": -1}),
    ("MinMaxNorm", {"axis": [0, 1]}),
    ("MinMaxNorm", {"min_value": 2.0, "max_value": 2.5, "rate": 0.25, "axis": 2}),
]


@pytest.mark.parametrize(("name", "settings"), PENALTIES)
def test_penalties_are_those_of_keras(name: str, settings: dict[str, Any]) -> None:
    ours = getattr(regularizers, name)(**settings)
    theirs = getattr(keras.regularizers, name)(**settings)
    assert ours(KERNEL) == pytest.approx(float(theirs(KERNEL)), rel=1e-5)
    assert ours.get_config()["config"] == pytest.approx(theirs.get_config())


@pytest.mark.parametrize(("name", "settings"), BOUNDS)
def test_constraints_are_those_of_keras(name: str, settings: dict[str, Any]) -> None:
    ours = getattr(constraints, name)(**settings)
    theirs = getattr(keras.constraints, name)(**settings)
    held = ours(KERNEL)
    assert held.dtype == np.float32
    assert_allclose(held, keras.ops.convert_to_numpy(theirs(KERNEL)), rtol=1e-6, atol=1e-7)
    assert ours.get_config()["config"] == theirs.get_config()


def test_zeros_have_no_norm_and_stay() -> None:
    for name in ("max_norm", "unit_norm", "min_max_norm"):
        assert_array_equal(constraints.get(name)(np.zeros((3, 2), np.float32)), np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("get", "name", "rule"),
    [
        (regularizers.get, "l1", regularizers.L1(0.01)),
        (regularizers.get, "L2", regularizers.l2(0.01)),
        (regularizers.get, "l1l2", regularizers.l1_l2()),
        (constraints.get, "max_norm", constraints.MaxNorm(2)),
        (constraints.get, "NonNeg", constraints.non_neg()),
    ],
)
def test_rules_by_name_by_configuration_and_as_they_are(
    get: Callable[[Any], Any], name: str, rule: Rule
) -> None:
    assert get(name) == rule
    assert get(rule) is rule
    assert get(rule.get_config()) == rule
    assert get(None) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regularizers.L2(-0.1), "l2 must be a finite number of at least 0, got -0.1."),
        (
            lambda: regularizers.L1(float("inf")),
            "l1 must be a finite number of at least 0, got inf.",
        ),
        (
            lambda: layers.Dense(3, kernel_regularizer="l3"),
            "Unknown regularizer 'l3'. Did you mean 'l2'? Known are: 'l1', 'l1l2', 'l2'.",
        ),
        (
            lambda: layers.Conv2D(3, 3, bias_constraint="max_nor"),
            "Unknown constraint 'max_nor'. Did you mean 'max_norm'? Known are: 'max_norm', "
            "'min_max_norm', 'non_neg', 'unit_norm'.",
        ),
        (
            lambda: constraints.get({"class_name": "MaxNorm", "config": {"most": 3}}),
            "MaxNorm has no argument most.",
        ),
        (
            lambda: layers.Dense(3, activity_regularizer="l2"),
            "activity_regularizer must be None, got 'l2': what a layer gives is not regularized "
            "here. For its weights there are kernel_regularizer and bias_regularizer.",
        ),
    ],
)
def test_rules_that_are_none_are_told(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PellucidError) as caught:
        make()
    assert str(caught.value) == message


def test_layers_know_the_rules_of_each_of_their_weights() -> None:
    layer = layers.Conv2D(
        4, 3, kernel_regularizer="l2", bias_regularizer=regularizers.L1L2(0.3, 0.2),
        kernel_constraint=constraints.MaxNorm(3, axis=[0, 1, 2]),
    )  # fmt: skip
    assert layer.penalty("kernel") == (0, 0.01)
    assert layer.penalty("bias") == (0.3, 0.2)
    assert layer.constraint("kernel") == constraints.MaxNorm(3, axis=[0, 1, 2])
    assert layer.constraint("bias") is None
    again = layers.Conv2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.penalty("bias") == (0.3, 0.2)
    with pytest.raises(ArgumentError, match="activity_regularizer"):
        layers.Conv2D(4, 3, activity_regularizer=regularizers.L2())
