"""The table of networks that are no chains, and of those that do not fit together."""

from __future__ import annotations

import pytest

import pellucid
from pellucid import layers
from pellucid.errors import ShapeError
from pellucid.models import Model, Sequential


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    pellucid.utils.clear_session()


def shown(model: Model) -> str:
    texts: list[str] = []
    model.summary(line_length=100, print_fn=texts.append)
    return "".join(texts)


def test_a_residual_network_shows_what_is_connected_to_what() -> None:
    inputs = layers.Input((8, 8, 3), name="image")
    stem = Sequential([layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()], name="s")
    x = stem(inputs)
    y = layers.Conv2D(4, 3, padding="same")(x)
    model = Model(inputs, layers.Dense(2)(layers.Flatten()(layers.add([x, y]))))
    model.get_layer("dense").trainable = False
    assert (
        shown(model)
        == """\
Model: "functional"
┌────────────────────┬─────────────────┬─────────┬───────────────┬──────────────┐
│ Layer (type)       │ Output Shape    │ Param # │ Multiply-adds │ Connected to │
├────────────────────┼─────────────────┼─────────┼───────────────┼──────────────┤
│ image (InputLayer) │ (None, 8, 8, 3) │       0 │             0 │              │
│ s (Sequential)     │ (None, 8, 8, 4) │     128 │         6,912 │ image        │
│ conv2d_1 (Conv2D)  │ (None, 8, 8, 4) │     148 │         9,216 │ s            │
│ add (Add)          │ (None, 8, 8, 4) │       0 │             0 │ s, conv2d_1  │
│ flatten (Flatten)  │ (None, 256)     │       0 │             0 │ add          │
│ dense (Dense)      │ (None, 2)       │     514 │           512 │ flatten      │
└────────────────────┴─────────────────┴─────────┴───────────────┴──────────────┘
Total params: 790 (3.09 KB)
Trainable params: 268 (1.05 KB)
Non-trainable params: 522 (2.04 KB)
Multiply-adds for one sample: 16,640"""
    )


def test_a_shared_layer_has_one_row_and_the_work_of_all_its_uses() -> None:
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    layer = layers.Dense(4, name="both")
    table = shown(Model([a, b], layers.subtract([layer(a), layer(b)])))
    row = next(line for line in table.splitlines() if "both" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["both (Dense)", "(None, 4)", "20", "32", "a, b"]
    assert "Total params: 20 " in table
    assert "Multiply-adds for one sample: 32" in table


def test_a_frozen_chain_says_so() -> None:
    model = Sequential([layers.Input((4,)), layers.Dense(2), layers.BatchNormalization()])
    assert "Trainable params: 14 (56.00 B)\nNon-trainable params: 4 (16.00 B)" in shown(model)
    model.trainable = False
    assert "Trainable params: 0 (0.00 B)\nNon-trainable params: 18 (72.00 B)" in shown(model)


def branches(size: int) -> layers.Layer:
    inputs = layers.Input((size, size, 3), name="image")
    inner = Sequential(
        [layers.Conv2D(4, 3, strides=2, name="half"), layers.Conv2D(4, 3, name="c")], name="inner"
    )
    x = inner(inputs)
    y = layers.MaxPooling2D(3, strides=2, name="side")(inputs)
    y = layers.Cropping2D(1, name="cut")(y)
    x = layers.concatenate([x, y])
    return layers.Conv2D(8, 4, name="last")(x)


MESSAGE = """\
Layer last (Conv2D): its kernel no longer fits.
What comes in from concatenate is 3×3×7 (height×width×channels). A kernel of 4×4 does not fit \
into an input of 3×3: it needs at least 4×4.
The network's input is 11×11; for all layers through last to work, it must be at least 13×13.
What you can change:
  - padding='same' in last
  - a smaller kernel_size in last
  - one pooling or stride less before it, one of: inner/half, side
  - larger images"""


def test_branches_that_do_not_fit_are_explained() -> None:
    with pytest.raises(ShapeError) as caught:
        branches(11)
    assert str(caught.value) == MESSAGE
    rows = [line for line in caught.value.summary.splitlines() if line.startswith("│")]
    names = [row.split("│")[1].split()[0] for row in rows[1:]]
    assert [name for name in names if not name.startswith("(")] == [
        "image",
        "inner/half",
        "inner/c",
        "side",
        "cut",
        "concatenate",
    ]
    assert "Connected to" in rows[0]
    assert branches(13).shape == (None, 1, 1, 8)


def test_a_layer_inside_a_model_is_named_with_the_model() -> None:
    inner = Sequential([layers.Conv2D(4, 3, name="c"), layers.Conv2D(4, 3, name="d")], name="inner")
    with pytest.raises(ShapeError, match=r"Layer inner/d \(Conv2D\): its kernel no longer fits"):
        inner(layers.MaxPooling2D(2)(layers.Input((9, 9, 1))))


def test_inputs_that_do_not_fit_together_are_told() -> None:
    a, b = layers.Input((4, 4, 1)), layers.Input((5, 4, 1))
    with pytest.raises(ShapeError, match=r"Layer add \(Add\) cannot be put here") as caught:
        layers.add([a, b])
    assert "input_layer_1" in caught.value.summary
