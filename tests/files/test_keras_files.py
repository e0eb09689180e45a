"""Files both ways with the real Keras: the same answers, weights and settings, for every layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Settings = dict[str, Any]

PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))
PADDING = st.sampled_from(["valid", "same"])
ACTIVATION = st.sampled_from(["linear", "relu", "sigmoid", "softmax", "tanh"])
INITIALIZER = st.sampled_from(["he_normal", "lecun_uniform", "random_normal", "ones"])

# For each kind of layer: settings as Keras takes them, and the shape of a sample that it reads.
LAYERS: dict[str, tuple[st.SearchStrategy[Settings], tuple[int, ...]]] = {
    "Activation": (st.fixed_dictionaries({"activation": ACTIVATION}), (3, 4)),
    "AveragePooling2D": (
        st.fixed_dictionaries({"pool_size": PAIR, "strides": PAIR, "padding": PADDING}),
        (7, 6, 3),
    ),
    "Conv2D": (
        st.fixed_dictionaries(
            {"filters": st.integers(2, 5), "kernel_size": PAIR, "padding": PADDING},
            optional={
                "activation": ACTIVATION,
                "dilation_rate": PAIR,
                "kernel_initializer": INITIALIZER,
                "use_bias": st.booleans(),
            },
        ),
        (9, 8, 3),
    ),
    "Dense": (
        st.fixed_dictionaries(
            {"units": st.integers(2, 5)},
            optional={
                "activation": ACTIVATION,
                "bias_initializer": INITIALIZER,
                "use_bias": st.booleans(),
            },
        ),
        (6,),
    ),
    "Dropout": (st.fixed_dictionaries({"rate": st.sampled_from([0.0, 0.25])}), (5,)),
    "Flatten": (st.just({}), (2, 3, 4)),
    "MaxPooling2D": (
        st.fixed_dictionaries({"pool_size": PAIR}, optional={"strides": PAIR, "padding": PADDING}),
        (7, 6, 3),
    ),
    "Rescaling": (
        st.fixed_dictionaries({"scale": st.floats(-2, 2), "offset": st.floats(-2, 2)}),
        (4, 4, 1),
    ),
}

GENERATOR = np.random.default_rng(3)


def sequential(library: Any, kind: str, arguments: Settings, shape: tuple[int, ...]) -> Any:
    layer = getattr(library.layers, kind)(**arguments)
    return library.Sequential([library.Input(shape), layer])


def with_random_weights(model: Any) -> Any:
    model.set_weights([GENERATOR.random(w.shape, np.float32) + 0.5 for w in model.get_weights()])
    return model


def answers(model: Any, images: np.ndarray) -> np.ndarray:
    if isinstance(model, pellucid.Model):
        model.engine = "reference"
    return np.asarray(model.predict_on_batch(images))


def same_weights(one: Any, other: Any) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(mine, others) for mine, others in pairs)


@pytest.mark.parametrize("kind", LAYERS)
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_every_layer_comes_and_goes(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    strategy, shape = LAYERS[kind]
    arguments = data.draw(strategy)
    images = GENERATOR.random((3, *shape), np.float32)
    first, second, third = (tmp_path / f"{number}.keras" for number in range(3))

    ours = with_random_weights(sequential(pellucid, kind, arguments, shape))
    ours.save(first)
    theirs = keras.saving.load_model(first)
    assert same_weights(ours, theirs)
    assert np.allclose(answers(ours, images), answers(theirs, images), rtol=1e-5, atol=1e-6)

    theirs.save(second)
    back = pellucid.saving.load_model(second)
    assert back.get_config() == ours.get_config()
    assert same_weights(back, ours)
    assert np.array_equal(answers(back, images), answers(ours, images))

    original = with_random_weights(sequential(keras, kind, arguments, shape))
    original.save(third)
    read = pellucid.saving.load_model(third)
    assert same_weights(read, original)
    assert np.allclose(answers(read, images), answers(original, images), rtol=1e-5, atol=1e-6)
    theirs = plain(original.layers[0].get_config())
    for key, value in read.layers[0].get_config().items():
        assert value == theirs.get(key), key


def plain(config: Settings) -> Settings:
    """Keras's settings without what it says of classes besides their arguments."""
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in config.items()}
    for key, value in config.items():
        if isinstance(value, dict):
            arguments = {k: v for k, v in value["config"].items() if not k.endswith("put_axes")}
            plain[key] = {"class_name": value["class_name"], "config": arguments}
    return plain | {"dtype": "float32"}
