"""PyTorch's words for operations whose output has the numbers of their input."""

from __future__ import annotations

from torch.nn import functional

from oracles.word import Word
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Op
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling

WORDS: dict[type[Op], Word] = {
    Relu: lambda _, inputs, __: functional.relu(inputs[0]),
    Sigmoid: lambda _, inputs, __: functional.sigmoid(inputs[0]),
    Tanh: lambda _, inputs, __: functional.tanh(inputs[0]),
    Softmax: lambda _, inputs, __: functional.softmax(inputs[0], dim=-1),
    Flatten: lambda _, inputs, __: inputs[0].flatten(1),
    Rescaling: lambda op, inputs, __: inputs[0] * op.scale + op.offset,
}
