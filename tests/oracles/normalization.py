"""PyTorch's words for normalizations."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.normalization import BatchNormalization, LayerNormalization


def _learned(
    op: BatchNormalization | LayerNormalization, parameters: Sequence[Tensor]
) -> tuple[Tensor | None, Tensor | None]:
    """What is multiplied by and what is added."""
    return (
        parameters[0] if op.scale else None,
        parameters[int(op.scale)] if op.center else None,
    )


def _batch_normalization(
    op: BatchNormalization, inputs: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensor:
    """As it is in training, unless it is frozen."""
    moving = [each.detach() for each in parameters[-2:]] if op.frozen else [None, None]
    values = functional.batch_norm(
        inputs[0].movedim(-1, 1),
        *moving,
        *_learned(op, parameters),
        training=not op.frozen,
        eps=op.epsilon,
    )
    return values.movedim(1, -1)


def _layer_normalization(
    op: LayerNormalization, inputs: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensor:
    sizes = inputs[0].shape[-op.axes :]
    return functional.layer_norm(inputs[0], sizes, *_learned(op, parameters), op.epsilon)


WORDS: dict[type[Op], Word] = {
    BatchNormalization: _batch_normalization,
    LayerNormalization: _layer_normalization,
}
