"""PyTorch's words for numbers in another shape and axes in another order."""

from __future__ import annotations

from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.reshape import Permute, Reshape

WORDS: dict[type[Op], Word] = {
    Reshape: lambda op, inputs, _: inputs[0].reshape(len(inputs[0]), *op.target_shape),
    Permute: lambda op, inputs, _: inputs[0].permute(0, *op.dims),
}
