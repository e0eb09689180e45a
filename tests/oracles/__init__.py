"""PyTorch's own word for every operation and for whole networks.

Each file has the words of one family of operations; images are NHWC here and NCHW in PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from oracles import (
    activations,
    borders,
    convolution,
    dense,
    elementwise,
    merging,
    normalization,
    pooling,
    reshape,
    resizing,
    scaling,
    upsampling,
)
from oracles.word import Word
from pellucid.graph import Graph
from pellucid.ops.base import Op

WORDS: dict[type[Op], Word] = {
    **convolution.WORDS,
    **pooling.WORDS,
    **borders.WORDS,
    **upsampling.WORDS,
    **reshape.WORDS,
    **dense.WORDS,
    **elementwise.WORDS,
    **scaling.WORDS,
    **resizing.WORDS,
    **activations.WORDS,
    **normalization.WORDS,
    **merging.WORDS,
}


def tensor(array: np.ndarray) -> Tensor:
    """A float64 tensor that collects its gradient."""
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def apply(op: Op, inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """What PyTorch computes for an operation."""
    assert type(op) in WORDS, f"PyTorch's word for {op} is missing here."
    return WORDS[type(op)](op, inputs, parameters)


def network(graph: Graph, values: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """What PyTorch computes for a whole network."""
    computed = [values]
    for node in graph.nodes:
        inputs = [computed[number] for number in node.inputs]
        computed.append(apply(node.op, inputs, [parameters[i] for i in node.parameters]))
    return computed[-1]
