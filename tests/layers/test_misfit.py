"""Shape errors that teach."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid import layers
from pellucid.errors import ShapeError
from pellucid.layers.misfit import smallest_size
from pellucid.layers.walk import Walk


def deep(size: int) -> list[layers.Layer]:
    return [
        layers.Conv2D(4, 3, name="first"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(8, 3, name="second"),
        layers.MaxPooling2D(2, name="pool2"),
        layers.Conv2D(8, size, name="third"),
        layers.Flatten(name="flat"),
        layers.Dense(10, name="dense"),
    ]


MESSAGE = """\
Layer third (Conv2D): its kernel no longer fits.
What comes in from pool2 is 2×2×8 (height×width×channels). A kernel of 3×3 does not fit into an \
input of 2×2: it needs at least 3×3.
The network's input is 16×16; for all layers through dense to work, it must be at least 18×18.
What you can change:
  - padding='same' in third
  - a smaller kernel_size in third
  - one pooling or stride less before it, one of: pool, pool2
  - larger images"""

SUMMARY = """\
Model: "the network so far"
┌──────────────────────┬───────────────────┬─────────┬───────────────┐
│ Layer (type)         │ Output Shape      │ Param # │ Multiply-adds │
├──────────────────────┼───────────────────┼─────────┼───────────────┤
│ first (Conv2D)       │ (None, 14, 14, 4) │      40 │         7,056 │
│ pool (MaxPooling2D)  │ (None, 7, 7, 4)   │       0 │             0 │
│ second (Conv2D)      │ (None, 5, 5, 8)   │     296 │         7,200 │
│ pool2 (MaxPooling2D) │ (None, 2, 2, 8)   │       0 │             0 │
└──────────────────────┴───────────────────┴─────────┴───────────────┘
Total params: 336 (1.31 KB)
Trainable params: 336 (1.31 KB)
Non-trainable params: 0 (0.00 B)
Multiply-adds for one sample: 14,256"""


def test_a_sequential_tells_at_construction_why_a_kernel_does_not_fit() -> None:
    with pytest.raises(ShapeError) as caught:
        pellucid.Sequential([layers.Input((16, 16, 1)), *deep(3)])
    assert str(caught.value) == MESSAGE
    assert caught.value.summary == SUMMARY


def test_a_functional_network_tells_where_the_layer_is_called() -> None:
    x = layers.Input((3, 9, 1), name="start")
    x = layers.MaxPooling2D(2, name="pool")(x)
    with pytest.raises(ShapeError) as caught:
        layers.AveragePooling2D((2, 3), padding=(0, 1), name="last")(x)
    message = str(caught.value)
    assert message.startswith("Layer last (AveragePooling2D): its pooling window no longer fits.\n")
    assert "input is 3×9; for all layers through last to work, it must be at least 4×2" in message
    assert "padding='same'" not in message
    assert "a smaller pool_size in last" in message
    assert "start (InputLayer)" in caught.value.summary
    assert "pool (MaxPooling2D)" in caught.value.summary


def test_the_first_layer_names_the_networks_input() -> None:
    with pytest.raises(ShapeError, match="What comes in as the network's input is 2×2×1") as caught:
        pellucid.Sequential([layers.Input((2, 2, 1)), layers.Conv2D(1, 3)])
    assert "pooling or stride less" not in str(caught.value)


def test_a_dilated_kernel_may_be_dilated_less() -> None:
    with pytest.raises(ShapeError, match=r"with dilation 2×1 .* at least 5×3") as caught:
        layers.Conv2D(1, 3, dilation_rate=(2, 1), name="wide")(layers.Input((4, 4, 1)))
    assert "  - a smaller dilation_rate in wide\n" in str(caught.value)


def test_a_layer_of_images_behind_flatten_says_what_it_needs() -> None:
    x = layers.Flatten()(layers.Input((8, 8, 1)))
    with pytest.raises(ShapeError, match=r"Layer c \(Conv2D\) cannot be put here.*got \(64,\)"):
        layers.Conv2D(4, 3, name="c")(x)


def test_summary_of_a_failing_sequential_shows_the_table_then_the_reason() -> None:
    model = pellucid.Sequential([layers.Input((16, 16, 1)), *deep(3)[:4]])
    with pytest.raises(ShapeError, match="third"):
        model.add(layers.Conv2D(8, 3, name="third"))
    shown: list[str] = []
    model.summary(print_fn=shown.append)
    assert shown[0].startswith(SUMMARY + "\n\nLayer third (Conv2D): its kernel no longer fits.")
    with pytest.raises(ShapeError, match="third"):
        model.count_params()
    assert model.pop().name == "third"
    assert model.count_params() == 336


def test_a_failing_network_can_be_shown_on_any_output(monkeypatch: pytest.MonkeyPatch) -> None:
    model = pellucid.Sequential([layers.Input((16, 16, 1)), *deep(3)[:4]])
    with pytest.raises(ShapeError, match="third"):
        model.add(layers.Conv2D(8, 3, name="third"))
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    model.summary()
    output.seek(0)
    assert "A kernel of 3?3 does not fit" in output.read()


LAYERS = st.one_of(
    st.builds(
        layers.Conv2D,
        filters=st.just(1),
        kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        strides=st.integers(1, 3),
        padding=st.sampled_from(["valid", "same", 0]),
        dilation_rate=st.integers(1, 2),
    ),
    st.builds(
        layers.MaxPooling2D,
        pool_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        padding=st.sampled_from(["valid", "same"]),
    ),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=4))
def test_the_smallest_size_works_and_nothing_smaller_does(stack: list[layers.Layer]) -> None:
    walk, read = Walk(1), (0,)
    for layer in stack:
        read = layer.walk(walk, read)
    rows, columns = smallest_size(walk, [(1, 1, 1)])
    walk.shapes([(rows, columns, 1)])
    for smaller in ((rows - 1, columns), (rows, columns - 1)):
        if min(smaller) > 0:
            with pytest.raises(ShapeError, match="no longer fits"):
                walk.shapes([(*smaller, 1)])
