"""The table of a model: one row a layer, models inside it as one."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.layers.base import Layer
from pellucid.layers.lowering import walk_through
from pellucid.layers.summary import Row, Weights, measure, open_table, summary_table
from pellucid.layers.symbolic import Call
from pellucid.models.wiring import Wiring
from pellucid.render.table import Table


def model_table(name: str, layers: Sequence[Layer], wiring: Wiring | None) -> Table:
    """The table of `layers`, joined as `wiring` says; without it, numbers are left open."""
    if wiring is None:
        return open_table(name, layers)
    calls: dict[Layer, list[Call]] = {layer: [] for layer in wiring.layers}
    for call in (*wiring.calls, *(tensor.call for tensor in wiring.inputs)):
        if call not in calls[call.layer]:
            calls[call.layer].append(call)
    return summary_table(name, [_row(layer, calls[layer]) for layer in layers])


def _row(layer: Layer, calls: Sequence[Call]) -> Row:
    """What all uses of a layer come to; the shape is that behind the first."""
    weights: Weights = {}
    cost = 0
    for call in calls:
        walk, _ = walk_through(layer, len(call.inputs) or 1)
        shapes = walk.shapes([tensor.sample_shape for tensor in call.inputs or call.outputs])
        for visit in walk.visits:
            more, work = measure(visit.layer, *(shapes[value] for value in visit.reads))
            weights |= more
            cost += work
    sources = dict.fromkeys(tensor.name for call in calls for tensor in call.inputs)
    output = calls[0].outputs[0].sample_shape
    return Row(layer.name, type(layer).__name__, output, weights, cost, list(sources))
