"""PyTorch's words for fully connected operations."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.dense import Dense


def _dense(_: Dense, inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    return functional.linear(inputs[0], parameters[0].T, (*parameters[1:], None)[0])


WORDS: dict[type[Op], Word] = {Dense: _dense}
