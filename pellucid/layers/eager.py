"""Layers and models computed at once, on arrays, as the reference engine does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import random
from pellucid.engines.reference import forward, track
from pellucid.errors import DataError
from pellucid.layers.lowering import lower
from pellucid.ops.base import Array, Context

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


def compute(layer: Layer, inputs: Sequence[Any], training: bool | None, step: int) -> list[Array]:
    """The outputs of a layer or model, float32; weights are made if there are none yet.

    inputs: arrays (N, ...). training: as for `lower`; with True, weights that track the data
    follow it. step: what randomness follows from besides the seed, so that every call has its
    own.
    Raises DataError for what is no array of finite numbers, ShapeError if its shape does not fit.
    """
    arrays = [_as_array(array, layer.name) for array in inputs]
    shapes = [array.shape[1:] for array in arrays]
    layer.check_inputs(len(shapes))
    layer.build_for(*shapes)
    graph, parameters = lower(layer, shapes, training)
    context = Context(training=training is not False, seed=random.current_seed(), step=step)
    with np.errstate(over="ignore", invalid="ignore"):
        values = forward(graph, parameters, arrays, context)
    if training:
        track(graph, parameters, values, context)
    return [values[output] for output in graph.outputs]


def _as_array(values: Any, name: str) -> Array:
    """Numbers as float32; DataError for anything else."""
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0)
    if array.dtype.kind not in "biuf" or array.ndim < 2 or not len(array):
        raise DataError(
            f"Layer {name} computes arrays of numbers (sample, ...), for instance (sample, height, "
            f"width, channel), or stands behind what pellucid.Input or a layer gave; got "
            f"{type(values).__name__} of the shape {array.shape}."
        )
    return array.astype(np.float32, copy=False)
