"""The table of a network: each layer with its output, its weights and its cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.render.table import Table
from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer

COLUMNS = ("Layer (type)", "Output Shape", "Param #", "Multiply-adds")


def summary_table(name: str, input_shape: Shape | None, layers: Sequence[Layer]) -> Table:
    """The table of layers one behind the other; without an input shape, numbers are left open."""
    if input_shape is None:
        rows = [(_title(layer), "?", "?", "?") for layer in layers]
        return Table(f'Model: "{name}"', COLUMNS, rows, ["No input shape is known yet."])
    rows, total, work = [], 0, 0
    shape = input_shape
    for layer in layers:
        params, cost, shape = _measure(layer, shape)
        total, work = total + params, work + cost
        output = f"({', '.join(map(str, (None, *shape)))})"
        rows.append((_title(layer), output, f"{params:,}", f"{cost:,}"))
    notes = [
        f"Total params: {total:,} ({_memory(4 * total)})",
        f"Multiply-adds for one sample: {work:,}",
    ]
    return Table(f'Model: "{name}"', COLUMNS, rows, notes)


def _title(layer: Layer) -> str:
    return f"{layer.name} ({type(layer).__name__})"


def _measure(layer: Layer, shape: Shape) -> tuple[int, int, Shape]:
    """The number of weights, the multiply-adds of one sample, and the output's shape."""
    params = cost = 0
    for op, _ in layer.lower(shape):
        params += sum(math.prod(weights) for weights in op.parameter_shapes(shape))
        cost += op.multiply_adds(shape)
        shape = op.output_shape(shape)
    return params, cost, shape


def _memory(size: int) -> str:
    """A number of bytes, as people read it."""
    unit = min(3, max(0, size.bit_length() - 1) // 10)
    return f"{size / 1024**unit:.2f} {('B', 'KB', 'MB', 'GB')[unit]}"
