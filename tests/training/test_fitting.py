"""`fit`, `evaluate` and `predict` against Keras: the same data, weights and settings for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pellucid
from pellucid.errors import ArgumentError, DataError
from pellucid.runs import Run, SaveRun

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(5)
X = GENERATOR.random((50, 6), np.float32)
Y = (X[:, 0] > X[:, 1]).astype(np.int64)
ONE_HOT = np.eye(2, dtype=np.float32)[Y]
VALUE = X.sum(axis=1)
WEIGHTS = GENERATOR.random(50, np.float32)


def chain(library: Any, **arguments: Any) -> Any:
    """One output; dense layers with penalties and a constraint where `arguments` ask for them."""
    layers = library.layers
    return library.Sequential(
        [
            library.Input((6,)),
            layers.Dense(8, activation="tanh", **arguments),
            layers.Dense(2, activation="softmax"),
        ]
    )


def branches(library: Any) -> Any:
    """Two inputs and two outputs."""
    layers = library.layers
    left, right = library.Input((3,), name="left"), library.Input((3,), name="right")
    both = layers.Concatenate()([left, right])
    hidden = layers.Dense(8, activation="tanh")(both)
    kind = layers.Dense(2, activation="softmax", name="kind")(hidden)
    value = layers.Dense(1, name="value")(hidden)
    return library.Model([left, right], [kind, value])


def fit(library: Any, make: Callable[[Any], Any], weights: Any, compile: Any, data: Any) -> Any:
    """A model of one of the two libraries after `fit`, from these weights on."""
    model = make(library)
    if weights is not None:
        model.set_weights(weights)
    optimizer = getattr(library.optimizers, compile["optimizer"][0])(**compile["optimizer"][1])
    model.compile(**{**compile, "optimizer": optimizer})
    model.start = model.get_weights()
    model.fit(**{"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0, **data})
    return model


def alike(make: Callable[[Any], Any], compile: dict[str, Any], data: dict[str, Any]) -> Any:
    """Both libraries' models, whose history and weights are the same."""
    compile = {"optimizer": ("SGD", {"learning_rate": 0.3}), **compile}
    theirs = fit(keras, make, None, compile, data)
    ours = fit(Reference(), make, theirs.start, compile, data)
    assert ours.history.history.keys() == theirs.history.history.keys()
    for name, figures in theirs.history.history.items():
        assert_allclose(ours.history.history[name], figures, rtol=2e-4, atol=2e-5, err_msg=name)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
    return ours, theirs


class Reference:
    """Pellucid, with models that the reference engine computes."""

    layers, Input, optimizers = pellucid.layers, staticmethod(pellucid.Input), pellucid.optimizers

    def Sequential(self, layers: Any) -> Any:  # noqa: N802
        return pellucid.Sequential(layers, engine="reference")

    def Model(self, inputs: Any, outputs: Any) -> Any:  # noqa: N802
        return pellucid.Model(inputs, outputs, engine="reference")


SPARSE = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


@pytest.mark.parametrize(
    ("compile", "data"),
    [
        ({}, {}),
        ({}, {"validation_split": 0.3}),
        ({}, {"validation_data": (X[:9], Y[:9]), "validation_freq": 2}),
        ({}, {"validation_data": (X[:9], Y[:9], WEIGHTS[:9]), "validation_batch_size": 4}),
        ({}, {"validation_data": (X[:9], Y[:9]), "validation_freq": [1, 3]}),
        ({"weighted_metrics": ["accuracy"]}, {"sample_weight": WEIGHTS}),
        ({}, {"class_weight": {0: 0.5, 1: 2.0}, "validation_split": 0.3}),
        ({"loss_weights": [0.5]}, {"initial_epoch": 1}),
        ({}, {"steps_per_epoch": 2}),
        ({"optimizer": ("SGD", {"use_ema": True, "ema_momentum": 0.8})}, {}),
        ({"optimizer": ("SGD", {"use_ema": True, "ema_overwrite_frequency": 5})}, {}),
        ({"optimizer": ("Adam", {"global_clipnorm": 0.1, "weight_decay": 0.1})}, {}),
    ],
)
def test_training_is_that_of_keras(compile: dict[str, Any], data: dict[str, Any]) -> None:
    ours, theirs = alike(chain, {**SPARSE, **compile}, {"x": X, "y": Y, **data})
    for weights in (None, WEIGHTS):
        figures = ours.evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)
        expected = theirs.evaluate(X, Y, sample_weight=weights, verbose=0, return_dict=True)
        assert figures == pytest.approx(expected, rel=2e-4)


def test_schedules_are_read_step_by_step() -> None:
    def make(library: Any) -> Any:
        model = chain(library)
        rate = library.optimizers.schedules.CosineDecay(0.5, 15, warmup_target=0.9, warmup_steps=4)
        optimizer = library.optimizers.SGD(rate)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    theirs, ours = make(keras), make(Reference())
    ours.set_weights(theirs.get_weights())
    for model in (ours, theirs):
        model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_allclose(mine, other, rtol=1e-3, atol=1e-5)


def test_penalties_and_constraints_are_those_of_keras() -> None:
    def make(library: Any) -> Any:
        constraint = keras.constraints if library is keras else pellucid.constraints
        return chain(
            library,
            kernel_regularizer="l2",
            bias_regularizer="l1",
            kernel_constraint=constraint.MaxNorm(0.7),
        )

    data = {"x": X, "y": Y, "validation_data": (X[:9], Y[:9])}
    ours, _ = alike(make, SPARSE, data)
    assert np.linalg.norm(ours.get_weights()[0], axis=0).max() < 0.7001


def test_smoothed_labels_are_those_of_keras() -> None:
    for library in (keras, pellucid):
        loss = library.losses.CategoricalCrossentropy(label_smoothing=0.2)
        model = chain(library)
        if library is keras:
            start = model.get_weights()
        model.set_weights(start)
        model.compile("sgd", loss)
        model.fit(X, ONE_HOT, batch_size=8, epochs=2, shuffle=False, verbose=0)
        if library is keras:
            expected = model.get_weights()
    for mine, other in zip(model.get_weights(), expected, strict=True):
        assert_allclose(mine, other, rtol=1e-3, atol=1e-5)


LEFT, RIGHT = X[:, :3], X[:, 3:]
LOSSES = ["sparse_categorical_crossentropy", "mse"]


@pytest.mark.parametrize(
    ("compile", "data"),
    [
        ({"loss": LOSSES}, {"y": [Y, VALUE]}),
        (
            {
                "loss": dict(zip(["kind", "value"], LOSSES, strict=True)),
                "loss_weights": {"kind": 0.3, "value": 2.0},
                "metrics": {"kind": ["accuracy"]},
            },
            {"y": {"kind": Y, "value": VALUE}, "validation_split": 0.2},
        ),
        (
            {
                "loss": LOSSES,
                "loss_weights": [1.0, 0.5],
                "weighted_metrics": [["accuracy"], []],
            },
            {"y": [Y, VALUE], "sample_weight": [WEIGHTS, WEIGHTS[::-1]]},
        ),
    ],
)
def test_several_inputs_and_outputs_are_trained_as_in_keras(
    compile: dict[str, Any], data: dict[str, Any]
) -> None:
    x: Any = {"left": LEFT, "right": RIGHT} if isinstance(data["y"], dict) else [LEFT, RIGHT]
    compile = {"optimizer": ("SGD", {"learning_rate": 0.05}), **compile}
    ours, theirs = alike(branches, compile, {"x": x, **data})
    answers = ours.predict(x, verbose=0)
    assert [answer.shape for answer in answers] == [(50, 2), (50, 1)]
    for mine, other in zip(answers, theirs.predict(x, verbose=0), strict=True):
        assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
    figures = [model.evaluate(x, data["y"], verbose=0) for model in (ours, theirs)]
    assert_allclose(*figures, rtol=1e-3)


class Again:
    """Batches that can be gone through again and again."""

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, 50, 8):
            part = slice(start, start + 8)
            yield X[part], Y[part], WEIGHTS[part]

    def __len__(self) -> int:
        return 7


def endless() -> Iterator[Any]:
    while True:
        yield from Again()


def compiled() -> Any:
    pellucid.set_seed(3)
    model = chain(Reference())
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_batches_are_as_good_as_arrays() -> None:
    arrays = compiled()
    data: dict[str, Any] = {"epochs": 2, "verbose": 0, "shuffle": False}
    arrays.fit(X, Y, batch_size=8, sample_weight=WEIGHTS, **data)
    for batches, steps in ((Again(), None), (endless(), 7), (Again(), 7)):
        model = compiled()
        model.fit(batches, steps_per_epoch=steps, validation_data=Again(), **data)
        assert all(map(np.array_equal, model.get_weights(), arrays.get_weights()))
        assert model.history.history["loss"] == arrays.history.history["loss"]
        assert model.history.params["steps"] == 7
        expected = arrays.evaluate(X, Y, sample_weight=WEIGHTS, verbose=0)
        assert model.evaluate(Again(), verbose=0) == pytest.approx(expected)
    assert_allclose(model.predict(Again(), verbose=0), arrays.predict(X, verbose=0), rtol=1e-5)
    assert len(model.predict(endless(), steps=2, verbose=0)) == 16


def test_a_model_learns_its_shape_from_the_first_batch() -> None:
    model = pellucid.Sequential([pellucid.layers.Dense(2, "softmax")], engine="reference")
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(iter(Again()), verbose=0)
    assert model.training_state.step == 7


def test_an_epoch_of_some_steps_goes_on_where_the_last_one_ended() -> None:
    whole, resumed = compiled(), compiled()
    data: dict[str, Any] = {"batch_size": 8, "steps_per_epoch": 4, "verbose": 0}
    whole.fit(X, Y, epochs=5, **data)
    resumed.fit(X, Y, epochs=2, **data)
    state = resumed.training_state
    again = compiled()
    again.set_weights(resumed.get_weights())
    again.training_state = state
    again.fit(X, Y, epochs=5, initial_epoch=2, **data)
    assert all(map(np.array_equal, again.get_weights(), whole.get_weights()))
    assert whole.training_state.step == 20


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_a_run_with_a_schedule_and_averages_is_resumed_to_the_same_bits(
    engine: str, tmp_path: Path
) -> None:
    def make() -> Any:
        pellucid.set_seed(3)
        model = chain(pellucid, kernel_regularizer="l2")
        model.engine = engine
        rate = pellucid.optimizers.schedules.CosineDecay(0.1, 28, warmup_target=0.3, warmup_steps=5)
        optimizer = pellucid.optimizers.Adam(rate, use_ema=True, clipnorm=0.1)
        precision = pellucid.metrics.Precision(class_id=1)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["acc", precision])
        return model

    whole, first = make(), make()
    whole.fit(X, Y, batch_size=8, epochs=4, verbose=0)
    run = Run.create(tmp_path / "run", first)
    first.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=SaveRun(run))
    second = Run.open(tmp_path / "run").load()
    second.fit(X, Y, batch_size=8, epochs=4, initial_epoch=2, verbose=0)
    assert all(map(np.array_equal, second.get_weights(), whole.get_weights()))
    assert second.history.history["loss"] == whole.history.history["loss"][2:]
    assert list(second.history.history) == ["loss", "acc", "precision"]


def test_weights_of_one_change_nothing() -> None:
    plain, weighted = compiled(), compiled()
    plain.fit(X, Y, epochs=2, verbose=0)
    weighted.fit(X, Y, epochs=2, verbose=0, sample_weight=np.ones(50))
    assert all(map(np.array_equal, plain.get_weights(), weighted.get_weights()))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"x": Again(), "y": Y}, ArgumentError, "x gives batches"),
        ({"x": iter([])}, DataError, "The data ran out after 0 batches of this epoch"),
        ({"x": iter(Again()), "epochs": 2}, DataError, "ran out after 0 batches"),
        ({"x": iter(Again()), "steps_per_epoch": 9}, DataError, "ran out after 7 batches"),
        ({"x": X, "y": None}, DataError, "y is None"),
        ({"x": iter([X])}, DataError, r"Each batch must be \(x, y\) or \(x, y, sample_weight\)"),
        ({"x": X, "y": Y, "validation_split": 1.5}, ArgumentError, "must be between 0 and 1"),
        ({"x": Again(), "validation_split": 0.5}, ArgumentError, "x gives batches: give valid"),
        ({"x": X, "y": Y, "validation_data": X}, ArgumentError, r"must be \(x, y\)"),
        ({"x": X, "y": Y, "sample_weight": np.ones(3)}, DataError, r"expected is .*\(50,\)"),
        (
            {"x": X, "y": Y, "sample_weight": WEIGHTS, "class_weight": {0: 1.0}},
            ArgumentError,
            "not together with sample_weight",
        ),
        ({"x": X, "y": Y, "steps_per_epoch": 0}, ArgumentError, "at least 1, got 0"),
        ({"x": X, "y": Y, "validation_freq": 0}, ArgumentError, "validation_freq must be"),
    ],
)
def test_what_cannot_be_used_says_so(data: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        compiled().fit(**data, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mse"}, r"loss must be a list or a dictionary with an entry for each of the 2"),
        ({"loss": {"kind": "mse"}}, "Each output needs a loss; value has none"),
        ({"loss": {"kinds": "mse"}}, "loss names the output 'kinds'; the outputs are: kind, value"),
        ({"loss": LOSSES, "metrics": ["accuracy"]}, "metrics must be a list or a dictionary"),
        ({"loss": LOSSES, "loss_weights": [1.0, "a"]}, "loss_weights must be a finite number"),
    ],
)
def test_what_does_not_fit_the_outputs_says_so(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        branches(Reference()).compile("sgd", **arguments)


def test_what_compile_was_told_comes_back_from_plain_json() -> None:
    model = branches(Reference())
    precision = pellucid.metrics.Precision(class_id=1)
    model.compile("sgd", LOSSES, loss_weights=[1, 2], weighted_metrics=[[precision], None])
    other = branches(Reference())
    other.compile_from_config(model.get_compile_config())
    assert other.get_compile_config() == model.get_compile_config()
    assert_array_equal([o.loss_weight for o in other._aiming()], [1, 2])
