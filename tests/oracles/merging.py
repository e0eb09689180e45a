"""PyTorch's words for mergings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.merging import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract


def _stacked(inputs: Sequence[Tensor]) -> Tensor:
    """All inputs in one shape, one behind the other along a new first axis."""
    axes = max(each.ndim for each in inputs)
    alike = [each.reshape(len(each), *[1] * (axes - each.ndim), *each.shape[1:]) for each in inputs]
    return torch.stack(torch.broadcast_tensors(*alike))


WORDS: dict[type[Op], Word] = {
    Add: lambda _, inputs, __: _stacked(inputs).sum(0),
    Subtract: lambda _, inputs, __: -_stacked(inputs).diff(dim=0)[0],
    Multiply: lambda _, inputs, __: _stacked(inputs).prod(0),
    Average: lambda _, inputs, __: _stacked(inputs).mean(0),
    # With a dimension, PyTorch's maximum and minimum are the first of equals.
    Maximum: lambda _, inputs, __: _stacked(inputs).max(0).values,
    Minimum: lambda _, inputs, __: _stacked(inputs).min(0).values,
    Concatenate: lambda op, inputs, __: torch.cat(list(inputs), op.axis),
}
