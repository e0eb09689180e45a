"""PyTorch's words for activations."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from oracles.word import Word
from pellucid.ops.activations import (
    ClippedRelu,
    Elu,
    Gelu,
    HardSigmoid,
    HardSilu,
    LeakyRelu,
    PRelu,
    Selu,
    Silu,
    Softplus,
)
from pellucid.ops.base import Op


def _clipped_relu(op: ClippedRelu, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
    (values,) = inputs
    above = functional.threshold(values, op.threshold, 0.0)
    return functional.hardtanh(above, 0.0, op.max_value) - op.negative_slope * functional.relu(
        op.threshold - values
    )


def _p_relu(_: PRelu, inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """PyTorch's own has a gradient at 0; Keras's, which this is, has none."""
    return functional.relu(inputs[0]) - parameters[0] * functional.relu(-inputs[0])


WORDS: dict[type[Op], Word] = {
    ClippedRelu: _clipped_relu,
    PRelu: _p_relu,
    LeakyRelu: lambda op, inputs, __: functional.leaky_relu(inputs[0], op.negative_slope),
    Elu: lambda op, inputs, __: functional.elu(inputs[0], op.alpha),
    Selu: lambda _, inputs, __: functional.selu(inputs[0]),
    Gelu: lambda op, inputs, __: functional.gelu(
        inputs[0], approximate="tanh" if op.approximate else "none"
    ),
    Silu: lambda _, inputs, __: functional.silu(inputs[0]),
    # The slope of PyTorch's hardsigmoid is a sixth in single precision, whatever the inputs'.
    HardSigmoid: lambda _, inputs, __: functional.relu6(inputs[0] + 3) / 6,
    HardSilu: lambda _, inputs, __: functional.hardswish(inputs[0]),
    Softplus: lambda _, inputs, __: functional.softplus(inputs[0]),
}
