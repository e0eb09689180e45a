"""Initial weights: Keras's formulas, the same bits for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pellucid
from pellucid import initializers
from pellucid.errors import ArgumentError, UnknownNameError
from pellucid.layers.initializers import fans
from pellucid.shapes import Shape

SHAPE = (3, 3, 32, 64)
FAN_IN, FAN_OUT = 9 * 32, 9 * 64


def test_fans_count_what_a_kernel_connects() -> None:
    assert fans(SHAPE) == (FAN_IN, FAN_OUT)
    assert fans((20, 10)) == (20, 10)
    assert fans((7,)) == (7, 7)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (FAN_IN + FAN_OUT)),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT)),
        ("he_uniform", 2 / FAN_IN),
        ("he_normal", 2 / FAN_IN),
        ("lecun_uniform", 1 / FAN_IN),
        ("lecun_normal", 1 / FAN_IN),
        ("random_normal", 0.05**2),
        ("random_uniform", 0.1**2 / 12),
        ("truncated_normal", (0.05 * 0.8796) ** 2),
    ],
)
def test_distributions(name: str, variance: float) -> None:
    pellucid.set_seed(1)
    values = initializers.get(name)(SHAPE)
    assert values.shape == SHAPE
    assert values.dtype == np.float32
    deviation = math.sqrt(variance)
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(values.mean()) < 0.03 * deviation
    if "uniform" in name:
        assert abs(values).max() == pytest.approx(math.sqrt(3) * deviation, rel=1e-3)
    elif name != "random_normal":
        assert abs(values).max() == pytest.approx(2 * deviation / 0.8796, rel=1e-3)


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("Ones", 1), ("constant", 0)])
def test_constants(name: str, value: float) -> None:
    assert (initializers.get(name)((4, 5)) == value).all()


def test_the_same_seed_gives_the_same_bits_and_the_next_array_others() -> None:
    pellucid.set_seed(5)
    first, second = (initializers.get("glorot_uniform")((4, 4)) for _ in range(2))
    pellucid.set_seed(5)
    again = initializers.get("glorot_uniform")((4, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_an_initializer_with_its_own_seed_always_gives_the_same() -> None:
    rule = initializers.HeNormal(seed=3)
    assert np.array_equal(rule((5, 5)), rule((5, 5)))


def test_bits_are_pinned() -> None:
    """The promise that every machine starts alike; these are the values of the first one."""
    uniform = initializers.GlorotUniform(seed=7)((2, 2))
    normal = initializers.RandomNormal(seed=7, stddev=1.0)((2, 2))
    assert [value.hex() for value in uniform.ravel().tolist()] == [
        "0x1.a7aeb20000000p-1",
        "-0x1.b6111a0000000p-2",
        "-0x1.3847c40000000p-3",
        "0x1.6afd900000000p-1",
    ]
    assert [value.hex() for value in normal.ravel().tolist()] == [
        "0x1.f89c5c0000000p-1",
        "-0x1.cfa7080000000p-2",
        "-0x1.40df640000000p-3",
        "0x1.9be2140000000p-1",
    ]


@pytest.mark.parametrize("rule", [initializers.Constant(2.5), initializers.HeUniform(seed=4)])
def test_configuration_makes_the_same_again(rule: initializers.Initializer) -> None:
    assert initializers.get(rule.get_config()) == rule


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        ("glorot_unifrm", UnknownNameError, "Did you mean 'glorot_uniform'"),
        ({"class_name": "Ones", "config": {"value": 1}}, ArgumentError, "Ones has no argument"),
    ],
)
def test_what_is_not_known_is_told(
    identifier: initializers.Initializer, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        initializers.get(identifier)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0.0}, "scale must be more than 0"),
        ({"mode": "fan"}, "Unknown mode of VarianceScaling 'fan'"),
        ({"distribution": "truncated"}, "Did you mean 'truncated_normal'"),
    ],
)
def test_variance_scaling_checks_its_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        initializers.VarianceScaling(**arguments)


@pytest.mark.parametrize("shape", [(), (1,), (2, 0)])
def test_any_shape_will_do(shape: Shape) -> None:
    assert initializers.get("he_normal")(shape).shape == shape
