"""Models: putting layers together, weights, configuration, summaries, answers."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

import pellucid
from pellucid import layers
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import (
    ArgumentError,
    DataError,
    PellucidError,
    ShapeError,
    UnknownNameError,
)
from pellucid.models import Model, Sequential, model_from_json

IMAGES = np.random.default_rng(0).random((7, 8, 8, 1), np.float32)


def stack() -> list[layers.Layer]:
    return [layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(4, "softmax")]


def functional() -> Model:
    x = inputs = pellucid.Input(shape=(8, 8, 1))
    for layer in stack():
        x = layer(x)
    return Model(inputs=inputs, outputs=x, engine="reference")


def sequential() -> Model:
    return Sequential([pellucid.Input((8, 8, 1)), *stack()], engine="reference")


def added() -> Model:
    model = Sequential(engine="reference")
    model.add(layers.InputLayer((8, 8, 1)))
    for layer in stack():
        model.add(layer)
    return model


def first_edition() -> Model:
    first, *others = stack()
    first = layers.Conv2D(3, (3, 3), activation="relu", input_shape=(8, 8, 1))
    return Sequential([first, *others], engine="reference")


def built() -> Model:
    model = Sequential(stack(), engine="reference")
    model.build(input_shape=(None, 8, 8, 1))
    return model


def built_by_data() -> Model:
    model = Sequential(stack(), engine="reference")
    model.predict(IMAGES)
    return model


WAYS = [functional, sequential, added, first_edition, built, built_by_data]


@pytest.mark.parametrize("make", WAYS)
def test_every_way_of_putting_it_together_gives_the_same_network(make: Callable[[], Model]) -> None:
    pellucid.set_seed(3)
    model = make()
    pellucid.set_seed(3)
    assert np.array_equal(model.predict(IMAGES), functional().predict(IMAGES))
    assert model.input_shape == (None, 8, 8, 1)
    assert model.output_shape == (None, 4)
    assert model.count_params() == 30 + 4 * 109
    assert model.graph.multiply_adds == 36 * 9 * 3 + 108 * 4


@pytest.mark.parametrize("make", WAYS)
def test_configuration_makes_the_same_model_again(make: Callable[[], Model]) -> None:
    model = make()
    again = model_from_json(model.to_json())
    assert type(again) is type(model)
    assert again.to_json() == model.to_json()
    again.engine = "reference"
    again.set_weights(model.get_weights())
    assert np.array_equal(again.predict(IMAGES), model.predict(IMAGES))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", ArgumentError, "This is no model as JSON"),
        ("[]", ArgumentError, "This is no model as JSON"),
        ('{"class_name": "Sequental", "config": {}}', UnknownNameError, "mean 'Sequential'"),
        ('{"class_name": "Sequential", "config": {}}', ArgumentError, "no whole configuration"),
        (
            '{"class_name": "Functional", "config": {"name": "m", "layers": []}}',
            ArgumentError,
            "no whole configuration of a model",
        ),
        ('{"class_name": [], "config": {}}', UnknownNameError, r"Unknown kind of model \[\]"),
    ],
)
def test_a_description_that_is_not_whole_is_told(
    text: str, error: type[PellucidError], message: str
) -> None:
    with pytest.raises(error, match=message):
        model_from_json(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "Conv3D"}, "Unknown layer 'Conv3D'. Did you mean 'Conv2D'"),
        ({"config": {"colour": 1}}, "no whole configuration of a model"),
    ],
)
def test_a_layer_that_is_not_known_is_told(change: dict[str, object], message: str) -> None:
    description = json.loads(sequential().to_json())
    description["config"]["layers"][1] |= change
    with pytest.raises(PellucidError, match=message):
        model_from_json(json.dumps(description))


def test_answers_do_not_depend_on_how_they_are_asked_for() -> None:
    model = functional()
    answers = model.predict(IMAGES)
    assert answers.dtype == np.float32
    assert np.array_equal(model.predict(IMAGES, batch_size=2, verbose=0), answers)
    assert np.array_equal(model.predict_on_batch(IMAGES), answers)
    assert np.array_equal(model.predict_on_batch(IMAGES[2:3]), answers[2:3])
    assert np.array_equal(model.predict_on_batch(IMAGES.astype(np.float64)), answers)
    assert np.array_equal(model.predict_on_batch(IMAGES[::2]), answers[::2])
    assert np.array_equal(model.predict(IMAGES.tolist()), answers)


@pytest.mark.parametrize("ask", ["predict", "predict_on_batch"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[..., 0], "The channel axis is missing"),
        (IMAGES[:0], "x is empty"),
        (np.full_like(IMAGES, np.nan), "not finite"),
    ],
)
def test_data_that_cannot_be_used_is_told(ask: str, images: np.ndarray, message: str) -> None:
    model = functional()
    model.predict_on_batch(IMAGES)  # from now on there is a short way
    with pytest.raises(DataError, match=message):
        getattr(model, ask)(images)


def test_the_engine_may_be_changed_at_any_time() -> None:
    model = functional()
    answers = model.predict(IMAGES)
    model.engine = ReferenceEngine(np.float64)
    assert not np.array_equal(model.predict_on_batch(IMAGES), answers)
    np.testing.assert_allclose(model.predict(IMAGES), answers, rtol=1e-5)
    with pytest.raises(UnknownNameError, match="Did you mean 'reference'"):
        model.engine = "referense"


def test_weights_go_in_and_out_by_copy() -> None:
    model = functional()
    before = model.predict(IMAGES)
    arrays = model.weights
    weights = model.get_weights()
    model.set_weights([2 * weight for weight in weights])
    assert not np.array_equal(model.predict(IMAGES), before)
    model.set_weights(weights)
    assert np.array_equal(model.predict(IMAGES), before)
    assert all(now is then for now, then in zip(model.weights, arrays, strict=True))
    assert model.layers[1].kernel is arrays[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights[:-1], "has 4 arrays of weights, got 3"),
        (lambda weights: [weights[0].T, *weights[1:]], "/kernel has the shape"),
        (lambda weights: [*weights[:-1], weights[-1] * np.inf], "/bias needs finite real numbers"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(
    change: Callable[[list[np.ndarray]], list[np.ndarray]], message: str
) -> None:
    model = functional()
    before = [weight + 1 for weight in model.get_weights()]
    model.set_weights(before)
    with pytest.raises(DataError, match=message):
        model.set_weights(change(model.get_weights()))
    assert all(map(np.array_equal, model.get_weights(), before))


def test_layers_are_found_by_name_and_number() -> None:
    model = functional()
    name = model.layers[1].name
    assert model.get_layer(name) is model.get_layer(index=1) is model.layers[1]
    assert model.get_layer(index=-1) is model.layers[-1]
    missing = f"no layer named '{name}x'. Did you mean '{name}'. Its layers are: .*{name}, "
    with pytest.raises(ArgumentError, match=missing):
        model.get_layer(f"{name}x")
    with pytest.raises(ArgumentError, match="has no layer number 9"):
        model.get_layer(index=9)


def test_models_are_numbered_as_in_keras() -> None:
    pellucid.utils.clear_session()
    names = [functional().name, sequential().name, functional().name]
    assert names == ["functional", "sequential", "functional_1"]
    assert Sequential(name="mine").name == "mine"


def test_a_sequential_takes_a_single_layer() -> None:
    (layer,) = Sequential(flatten := layers.Flatten()).layers
    assert layer is flatten


def test_summary_shows_the_network() -> None:
    pellucid.utils.clear_session()
    shown: list[str] = []
    functional().summary(print_fn=shown.append)
    assert shown == [
        """\
Model: "functional"
┌──────────────────────────┬─────────────────┬─────────┬───────────────┐
│ Layer (type)             │ Output Shape    │ Param # │ Multiply-adds │
├──────────────────────────┼─────────────────┼─────────┼───────────────┤
│ input_layer (InputLayer) │ (None, 8, 8, 1) │       0 │             0 │
│ conv2d (Conv2D)          │ (None, 6, 6, 3) │      30 │           972 │
│ flatten (Flatten)        │ (None, 108)     │       0 │             0 │
│ dense (Dense)            │ (None, 4)       │     436 │           432 │
└──────────────────────────┴─────────────────┴─────────┴───────────────┘
Total params: 466 (1.82 KB)
Trainable params: 466 (1.82 KB)
Non-trainable params: 0 (0.00 B)
Multiply-adds for one sample: 1,404"""
    ]


def test_summary_keeps_to_the_length_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    sequential().summary(line_length=60)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert not any("InputLayer" in line for line in lines)


def test_summary_before_the_shape_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    Sequential(stack()).summary()
    out = capsys.readouterr().out
    assert "Dense" in out
    assert "No input shape is known yet." in out


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        (lambda: Sequential(stack()).weights, ShapeError, "does not know its input's shape yet"),
        (lambda: Sequential([3]), ArgumentError, "A Sequential takes layers"),
        (
            lambda: Sequential([*stack(), pellucid.Input((8, 8, 1))]),
            ArgumentError,
            "only be the first element",
        ),
        (lambda: built().build((None, 9, 9, 1)), ArgumentError, "cannot be built again"),
        (lambda: Sequential().pop(), ArgumentError, "has no layers"),
        (lambda: Sequential([layers.Flatten(name="f")] * 2), ArgumentError, "The name f occurs 2"),
        (lambda: Sequential(stack()).predict([1.0, 2.0]), DataError, r"its shape is \(2,\)"),
        (lambda: Sequential(stack()).predict([[1], [1, 2]]), DataError, "not the same for all"),
        (
            lambda: Model(pellucid.Input((2,)), layers.Dense(1)(pellucid.Input((2,)))),
            ArgumentError,
            "are not computed from the inputs",
        ),
        (lambda: Model([pellucid.Input((2,))], []), ArgumentError, "at least one input and one"),
        (lambda: Model(IMAGES, []), ArgumentError, "or a dictionary by name; got ndarray"),
    ],
)
def test_what_cannot_be_put_together_is_told(
    do: Callable[[], object], error: type[PellucidError], message: str
) -> None:
    with pytest.raises(error, match=message):
        do()


def test_to_categorical_makes_one_hot_rows() -> None:
    rows = pellucid.utils.to_categorical([0, 2, 1])
    np.testing.assert_array_equal(rows, np.eye(3, dtype=np.float32)[[0, 2, 1]])
    assert pellucid.utils.to_categorical([[1]], num_classes=4).shape == (1, 4)
    with pytest.raises(DataError, match="must be from 0 to 1, got numbers from 0 to 2"):
        pellucid.utils.to_categorical([0, 2], num_classes=2)
    for wrong in (0.5, np.inf, np.nan):
        with pytest.raises(DataError, match="needs class numbers"):
            pellucid.utils.to_categorical([wrong])
    with pytest.raises(ArgumentError, match=r"num_classes must be a whole number .* got 2\.5"):
        pellucid.utils.to_categorical([0], num_classes=2.5)
