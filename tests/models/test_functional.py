"""Functional models: sharing, nesting, ends anywhere, freezing, computing at once."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

import pellucid
from pellucid import layers
from pellucid.errors import ArgumentError, DataError, PellucidError, ShapeError
from pellucid.models import Model, Sequential, clone_model, model_from_json
from pellucid.ops.dropout import Dropout as DropoutOp
from pellucid.ops.normalization import BatchNormalization as BatchNormalizationOp

Make = Callable[[], object]

GENERATOR = np.random.default_rng(7)
ROWS = GENERATOR.standard_normal((5, 4)).astype(np.float32)
IMAGES = GENERATOR.standard_normal((5, 6, 6, 2)).astype(np.float32)


def dense(units: int = 4, **arguments: object) -> layers.Dense:
    return layers.Dense(units, bias_initializer="ones", **arguments)


def test_a_chain_lowers_to_a_chain() -> None:
    x = inputs = layers.Input((6, 6, 2))
    for layer in (layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(2)):
        x = layer(x)
    graph = Model(inputs, x).graph
    assert [node.inputs for node in graph.nodes] == [(0,), (1,), (2,), (3,)]
    assert [node.parameters for node in graph.nodes] == [(0, 1), (), (), (2, 3)]
    assert graph.outputs == (4,)


def test_a_shared_layer_is_one_set_of_parameters() -> None:
    a, b = layers.Input((4,)), layers.Input((4,))
    layer = dense(name="both")
    model = Model([a, b], layers.add([layer(a), layer(b)]))
    assert len(model.graph.parameters) == len(model.weights) == 2
    assert [node.parameters for node in model.graph.nodes] == [(0, 1), (0, 1), ()]
    np.testing.assert_allclose(model([ROWS, 2 * ROWS]), 3 * ROWS @ layer.kernel + 2, rtol=1e-5)


def test_only_what_the_outputs_need_is_computed() -> None:
    a, b = layers.Input((4,)), layers.Input((4,))
    inner = Model([a, b], [dense(name="used")(a), dense(name="idle")(b)], name="inner")
    x = layers.Input((4,))
    used, _ = inner([x, x])
    model = Model(x, used)
    assert [node.layer for node in model.graph.nodes] == ["inner/used"]
    assert [parameter.name for parameter in model.graph.parameters] == [
        "inner/used/kernel",
        "inner/used/bias",
    ]
    assert len(model.weights) == 4


def test_the_order_of_nodes_follows_from_the_network_alone() -> None:
    def made(first: bool) -> Model:
        x = layers.Input((4,), name="x")
        one, other = dense(name="one"), dense(name="other")
        a, b = (one(x), other(x)) if first else (other(x), one(x))[::-1]
        return Model(x, layers.Add(name="sum")([a, b]))

    assert made(True).graph == made(False).graph
    assert [node.layer for node in made(False).graph.nodes] == ["one", "other", "sum"]


def test_models_nest_to_any_depth() -> None:
    model = Sequential([layers.Input((4,)), dense(name="d")], name="m0")
    expected = model(ROWS)
    inner = model
    for depth in range(1, 4):
        x = layers.Input((4,))
        model = Sequential([Model(x, model(x), name=f"f{depth}")], name=f"m{depth}")
    assert np.array_equal(model(ROWS), expected)
    assert [variable.path for variable in model.variables()] == [
        "f3/m2/f2/m1/f1/m0/d/kernel",
        "f3/m2/f2/m1/f1/m0/d/bias",
    ]
    assert model.weights[0] is inner.weights[0]
    assert model.input_shape == (None, 4)


def test_a_model_inside_is_built_by_what_it_is_put_behind() -> None:
    inner = Sequential([layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)], name="inner")
    assert not inner.built
    x = layers.Input((6, 6, 2))
    model = Model(x, inner(x))
    assert inner.input_shape == (None, 6, 6, 2)
    assert model.count_params() == inner.count_params() == 57 + 98
    other = Sequential([inner, layers.Activation("softmax")])
    assert other.output_shape == (None, 2)


def test_a_model_inside_reads_other_sizes_if_its_weights_fit() -> None:
    inner = Sequential([layers.Input((6, 6, 2)), layers.Conv2D(3, 3)], name="inner")
    x = layers.Input((9, 8, 2))
    assert Model(x, inner(x)).output_shape == (None, 7, 6, 3)
    assert inner.output_shape == (None, 4, 4, 3)
    with pytest.raises(ShapeError, match=r"Layer conv2d.* has weights for inputs of the shape"):
        inner(layers.Input((6, 6, 3)))


def test_inputs_and_outputs_come_in_the_form_that_was_given() -> None:
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    low, high = dense(name="low")(a), dense(name="high")(b)
    one, other = 2 * ROWS, 3 * ROWS
    listed = Model([a, b], [low, high])
    named = Model({"b": b, "a": a}, {"top": high, "bottom": low})
    first, second = listed([one, other])
    assert np.array_equal(listed({"b": other, "a": one})[0], first)
    answers = named({"a": one, "b": other})
    assert list(answers) == ["top", "bottom"]
    assert np.array_equal(answers["bottom"], first)
    assert np.array_equal(answers["top"], second)
    assert named.input_names == ["a", "b"]
    assert named.output_names == ["bottom", "top"]
    assert listed.output_names == ["low", "high"]
    assert named.input == {"a": a, "b": b}
    assert listed.input == [a, b]
    assert listed.input_shape == [(None, 4), (None, 4)]
    outer = Model([a, b], named({"a": b, "b": a})["top"])
    assert np.array_equal(outer([other, one]), second)


def test_models_begin_and_end_anywhere() -> None:
    inputs = layers.Input((4,))
    x = dense(name="first")(inputs)
    outputs = dense(2, name="last")(layers.add([x, inputs]))
    model = Model(inputs, outputs)
    first = Model(model.input, model.get_layer("first").output)
    values = first(ROWS)
    np.testing.assert_allclose(values, ROWS @ first.weights[0] + 1, rtol=1e-5)
    again, ends = Model(inputs, [x, outputs])(ROWS)
    assert np.array_equal(again, values)
    assert np.array_equal(ends, model(ROWS))
    head = Model(model.get_layer("last").input, model.output)
    assert np.array_equal(head(values + ROWS), ends)
    assert head.weights[0] is model.get_layer("last").kernel


def test_tensors_are_added_subtracted_and_multiplied() -> None:
    a, b = layers.Input((4,)), layers.Input((4,))
    model = Model([a, b], [a + b, a - b, a * b])
    one, other = ROWS, 2 * ROWS
    for answer, expected in zip(
        model([one, other]), [one + other, one - other, one * other], strict=True
    ):
        assert np.array_equal(answer, expected)
    with pytest.raises(ArgumentError, match=r"got float\. For numbers put layers\.Rescaling"):
        a * 2.0


def test_freezing_a_model_freezes_all_of_it() -> None:
    inner = Sequential([layers.Input((4,)), dense(name="a"), dense(name="b")], name="inner")
    x = layers.Input((4,))
    model = Model(x, dense(2, name="head")(inner(x)))
    inner.trainable = False
    assert not inner.get_layer("a").trainable
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 4
    inner.get_layer("b").trainable = True
    assert len(model.trainable_weights) == 4
    assert inner.trainable_weights == []
    model.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 6
    assert not inner.get_layer("b").trainable


def test_trainable_is_read_at_compile() -> None:
    model = Sequential([layers.Input((4,)), dense(name="a"), dense(1, name="b")])
    model.engine = "reference"
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.get_layer("a").trainable = False
    model.fit(ROWS, ROWS[:, :1], verbose=0)
    assert not np.array_equal(model.weights[0], before[0])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(ROWS, ROWS[:, :1], verbose=0)
    assert np.array_equal(model.weights[0], before[0])
    assert not np.array_equal(model.weights[2], before[2])
    assert len(model.training_state.slots) == 2


@pytest.mark.parametrize(
    ("frozen", "training", "still"),
    [(False, None, False), (True, None, True), (False, False, True), (True, False, True)],
)
def test_batch_normalization_stands_still_where_it_should(
    frozen: bool, training: bool | None, still: bool
) -> None:
    x = layers.Input((6, 6, 2))
    layer = layers.BatchNormalization()
    model = Model(x, layers.Dropout(0.5)(layer(x, training=training), training=training))
    layer.trainable = not frozen
    ops = [node.op for node in model.graph.nodes]
    assert ops[0] == (BatchNormalizationOp(0.99, 1e-3).inference() if still else ops[0])
    assert ops[0].frozen is still
    assert [isinstance(op, DropoutOp) for op in ops[1:]] == ([] if training is False else [True])
    trained = [parameter.trainable for parameter in model.graph.parameters]
    assert trained == [not frozen, not frozen, False, False]


def test_a_model_may_stand_outside_of_training_as_a_whole() -> None:
    inner = Sequential([layers.Input((4,)), dense(), layers.Dropout(0.5)])
    x = layers.Input((4,))
    assert len(Model(x, inner(x)).graph.nodes) == 2
    assert len(Model(x, inner(x, training=False)).graph.nodes) == 1


def test_layers_compute_at_once() -> None:
    layer = dense()
    answers = layer(ROWS)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, ROWS @ layer.kernel + 1, rtol=1e-5)
    assert np.array_equal(layer(ROWS.tolist()), answers)
    assert np.array_equal(layers.add([ROWS, ROWS]), 2 * ROWS)


def test_dropout_drops_when_asked_and_differently_each_time() -> None:
    pellucid.utils.set_random_seed(1)
    layer = layers.Dropout(0.5)
    assert np.array_equal(layer(IMAGES), IMAGES)
    assert np.array_equal(layer(IMAGES, training=False), IMAGES)
    first, second = (layer(IMAGES, training=True) for _ in range(2))
    assert 0 < np.mean(first == 0) < 1
    assert not np.array_equal(first, second)


def test_augmentation_is_active_unless_told_otherwise() -> None:
    pellucid.utils.set_random_seed(1)
    model = Sequential([layers.RandomTranslation(0.3, 0.3), layers.Dropout(0.5)])
    first, second = model(IMAGES), model(IMAGES)
    assert not np.array_equal(first, IMAGES)
    assert not np.array_equal(first, second)
    assert np.array_equal(model(IMAGES, training=False), IMAGES)


def test_moving_averages_follow_what_is_computed_in_training() -> None:
    layer = layers.BatchNormalization(momentum=0.5)
    layer(IMAGES)
    assert not layer.weights[2].any()
    layer(IMAGES, training=True)
    np.testing.assert_allclose(layer.weights[2], IMAGES.mean((0, 1, 2)) / 2, rtol=1e-4)


def test_a_clone_function_may_change_layers() -> None:
    x = layers.Input((4,))
    shared = layers.Dense(4, activation="relu", name="d")
    model = Model(x, shared(shared(x)))

    def changed(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config() | {"activation": "tanh"}
        return type(layer).from_config(config)

    clone = clone_model(model, clone_function=changed)
    assert clone.get_layer("d").activation == "tanh"
    assert len(clone.weights) == 2
    same = clone_model(model, input_tensors=layers.Input((4,)), clone_function=lambda layer: layer)
    assert same.weights[0] is model.weights[0]
    with pytest.raises(ArgumentError, match="must return a layer, for d it gave None"):
        clone_model(model, clone_function=lambda layer: None)


def test_a_clone_is_compiled_as_its_model() -> None:
    model = Sequential([layers.Input((4,)), dense(1)])
    model.compile("adam", "mse")
    assert clone_model(model).get_compile_config() == model.get_compile_config()
    assert clone_model(Sequential([dense()], name="open")).built is False


def test_frozen_layers_come_back_frozen() -> None:
    inner = Sequential([layers.Input((4,)), dense(name="a"), dense(name="b")], name="inner")
    inner.get_layer("a").trainable = False
    x = layers.Input((4,))
    model = Model(x, inner(x), trainable=False)
    again = model_from_json(model.to_json())
    assert again.graph == model.graph
    assert not again.trainable
    assert [layer.trainable for layer in again.get_layer("inner").layers] == [False, True]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dense()(layers.Input((4,)), training=True), ArgumentError, "with training=True"),
        (lambda: dense()([layers.Input((4,))] * 2), ArgumentError, "reads one input, got 2"),
        (lambda: layers.add([layers.Input((4,)), ROWS]), ArgumentError, "together"),
        (lambda: dense()(ROWS[0]), DataError, r"got ndarray of the shape \(4,\)"),
        (lambda: dense()([[1, 2], [3]]), DataError, "computes arrays of numbers"),
        (lambda: dense(name="d").output, ArgumentError, "d has no input and no output yet"),
        (lambda: Model({}, layers.Input((4,))), ArgumentError, "at least one input and one"),
        (
            lambda: Model([x := layers.Input((4,)), x], dense()(x)),
            ArgumentError,
            "each input once",
        ),
        (
            lambda: Model([layers.Input((4,)), layers.Input((4,))], layers.Input((4,))),
            ArgumentError,
            "are not computed from the inputs",
        ),
        (lambda: two()(ROWS), ArgumentError, "Model two takes 2: a, b, as a list in this order"),
        (lambda: two()({"a": ROWS}), ArgumentError, "Model two takes a, b by name, got a"),
        (lambda: Sequential([dense(), two()]).build((None, 4)), ArgumentError, "reads 2 inputs"),
        (lambda: Sequential([split(), dense()]).build((None, 4)), ArgumentError, "got 2"),
        (lambda: Sequential([split()]).build((None, 4)), ArgumentError, "split has 2 outputs"),
    ],
)
def test_what_cannot_be_is_told(make: Make, error: type[PellucidError], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def split() -> Model:
    x = layers.Input((4,))
    return Model(x, [dense()(x), dense()(x)], name="split")


def two() -> Model:
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    return Model([a, b], layers.add([a, b]), name="two")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_layers": ["nobody", 0, 0]}, "no whole configuration"),
        ({"output_layers": None}, "no whole configuration"),
        ({"layers": 3}, "no whole configuration"),
    ],
)
def test_a_damaged_configuration_is_told(change: dict[str, object], message: str) -> None:
    description = json.loads(two().to_json())
    description["config"] |= change
    with pytest.raises(ArgumentError, match=message):
        model_from_json(json.dumps(description))


def test_layers_that_read_what_nobody_makes_are_told() -> None:
    text = two().to_json().replace('"keras_history": ["a", 0, 0]', '"keras_history": ["a", 4, 0]')
    with pytest.raises(ArgumentError, match=r"layers add.* read what no layer makes"):
        model_from_json(text)
