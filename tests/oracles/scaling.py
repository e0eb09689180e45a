"""PyTorch's words for values brought to the mean and the variance of other data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.scaling import Normalization


def _normalization(
    op: Normalization, inputs: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensor:
    kept = [size if axis in op.axes else 1 for axis, size in enumerate(inputs[0].shape[1:])]
    moments = parameters or [torch.tensor(moment, dtype=torch.float64) for moment in op.moments]
    mean, variance = (moment.detach().reshape(kept) for moment in moments)
    deviation = variance.sqrt().clamp(min=1e-7)
    return inputs[0] * deviation + mean if op.invert else (inputs[0] - mean) / deviation


WORDS: dict[type[Op], Word] = {Normalization: _normalization}
