"""The table of a network: each layer with its output, its weights and its cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pellucid.render.table import Table
from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer
    from pellucid.layers.walk import Walk

COLUMNS = ("Layer (type)", "Output Shape", "Param #", "Multiply-adds")


# By the layer that they belong to and their name there: how many there are, and whether a
# gradient changes them.
Weights = dict[tuple["Layer", str], tuple[int, bool]]


class Row(NamedTuple):
    """What the table says of one layer.

    kind: its class. output: the shape of one sample. cost: multiply-adds of one sample. sources:
    the names of what it reads.
    """

    name: str
    kind: str
    output: Shape
    weights: Weights
    cost: int
    sources: Sequence[str] = ()


def summary_table(name: str, rows: Sequence[Row]) -> Table:
    """The table of a network; where each layer comes from if they are no mere chain."""
    chain = all(list(row.sources) == [before.name] for before, row in pairwise(rows))
    cells = [_cells(row, chain) for row in rows]
    weights: Weights = {}
    for row in rows:
        weights |= row.weights
    trained = sum(size for size, trainable in weights.values() if trainable)
    total = sum(size for size, _ in weights.values())
    notes = [
        f"Total params: {_count(total)}",
        f"Trainable params: {_count(trained)}",
        f"Non-trainable params: {_count(total - trained)}",
        f"Multiply-adds for one sample: {sum(row.cost for row in rows):,}",
    ]
    columns = COLUMNS if chain else (*COLUMNS, "Connected to")
    return Table(f'Model: "{name}"', columns, cells, notes, words=(0, 1, 4))


def open_table(name: str, layers: Iterable[Layer]) -> Table:
    """The table of layers of which no shape is known."""
    rows = [(f"{layer.name} ({type(layer).__name__})", "?", "?", "?") for layer in layers]
    return Table(f'Model: "{name}"', COLUMNS, rows, ["No input shape is known yet."])


def walk_rows(walk: Walk, shapes: Sequence[Shape], end: int) -> list[Row]:
    """The rows of the first `end` visits of a way, and of the inputs that have a name."""
    rows = [
        Row(name, "InputLayer", shape, {}, 0)
        for name, shape in zip(walk.names, shapes, strict=False)
    ]
    titles = [*(walk.names or [""] * walk.inputs), *(visit.path for visit in walk.visits)]
    for number, visit in enumerate(walk.visits[:end], walk.inputs):
        weights, cost = measure(visit.layer, *(shapes[value] for value in visit.reads))
        sources = [titles[value] for value in visit.reads]
        kind = type(visit.layer).__name__
        rows.append(Row(visit.path, kind, shapes[number], weights, cost, sources))
    return rows


def measure(layer: Layer, *shapes: Shape) -> tuple[Weights, int]:
    """The weights of a layer that is no model, and its multiply-adds for one sample."""
    weights = {
        (layer, name): (math.prod(shape), layer.learns(name))
        for name, shape in layer.weight_shapes(*shapes).items()
    }
    return weights, sum(stage.op.multiply_adds(*read) for stage, read in layer.stages_at(*shapes))


def _cells(row: Row, chain: bool) -> tuple[str, ...]:
    """What stands in the columns of one row."""
    params = sum(size for size, _ in row.weights.values())
    output = f"({', '.join(map(str, (None, *row.output)))})"
    cells = (f"{row.name} ({row.kind})", output, f"{params:,}", f"{row.cost:,}")
    return cells if chain else (*cells, ", ".join(row.sources))


def _count(weights: int) -> str:
    """A number of weights, and the memory that they take."""
    return f"{weights:,} ({_memory(4 * weights)})"


def _memory(size: int) -> str:
    """A number of bytes, as people read it."""
    unit = min(3, max(0, size.bit_length() - 1) // 10)
    return f"{size / 1024**unit:.2f} {('B', 'KB', 'MB', 'GB')[unit]}"
