"""Networks put together at random have the same order of layers and weights as in Keras."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid
from pellucid.models import model_from_json

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Line(NamedTuple):
    """One line of code: which earlier tensors are added up, and which layer reads the sum."""

    reads: list[int]
    layer: int


LINES = st.lists(
    st.builds(Line, st.lists(st.integers(0, 20), min_size=1, max_size=3), st.integers(0, 4)),
    min_size=1,
    max_size=8,
)


def build(library: Any, inputs: int, lines: list[Line], outputs: list[int]) -> Any:
    """The network of these lines; layers of one number are the same layer."""
    tensors = [library.Input((3,), name=f"input_{number}") for number in range(inputs)]
    starts = list(tensors)
    dense: dict[int, Any] = {}
    for line in lines:
        read = [tensors[number % len(tensors)] for number in line.reads]
        x = library.layers.add(read) if len(read) > 1 else read[0]
        layer = dense.setdefault(line.layer, library.layers.Dense(3, name=f"dense_{line.layer}"))
        tensors.append(layer(x))
    made = tensors[inputs:]
    return library.Model(starts, [made[number % len(made)] for number in outputs])


def listed(outputs: Any) -> list[np.ndarray]:
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in outputs]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), LINES, st.lists(st.integers(0, 20), min_size=1, max_size=2, unique=True))
def test_order_and_answers(inputs: int, lines: list[Line], outputs: list[int]) -> None:
    keras.utils.clear_session()
    pellucid.utils.clear_session()
    theirs = build(keras, inputs, lines, outputs)
    ours = build(pellucid, inputs, lines, outputs)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    ours.set_weights(theirs.get_weights())
    data = [np.full((2, 3), number + 1, np.float32) for number in range(inputs)]
    for one, other in zip(listed(ours(data)), listed(theirs(data)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert model_from_json(ours.to_json()).graph == ours.graph
