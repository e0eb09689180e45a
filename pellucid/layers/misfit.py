"""Errors that teach: why a layer cannot read what it gets, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.errors import KernelSizeError, ShapeError
from pellucid.layers.summary import summary_table
from pellucid.render.table import table_text
from pellucid.shapes import Pair, Shape, smallest_input

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


def explain(problem: ShapeError, shapes: Sequence[Shape], layers: Sequence[Layer]) -> ShapeError:
    """The error for a network of which one layer cannot read what it gets.

    shapes: of one sample, the network's input first, then behind each layer that works; so
    `layers[len(shapes) - 1]` is the one that does not. Layers behind it count when the smallest
    input for the whole network is looked for.
    """
    place = len(shapes) - 1
    layer = layers[place]
    kind = type(layer).__name__
    if isinstance(problem, KernelSizeError):
        message = _kernel_message(problem, shapes, layers)
    else:
        message = f"Layer {layer.name} ({kind}) cannot be put here. {problem}"
    error = ShapeError(message)
    error.summary = table_text(summary_table("the network so far", shapes[0], layers[:place]))
    return error


def _kernel_message(
    problem: KernelSizeError, shapes: Sequence[Shape], layers: Sequence[Layer]
) -> str:
    place = len(shapes) - 1
    layer = layers[place]
    came = "×".join(map(str, shapes[-1]))
    source = f"from {layers[place - 1].name}" if place else "as the network's input"
    return "\n".join(
        [
            f"Layer {layer.name} ({type(layer).__name__}): its {problem.window} no longer fits.",
            f"What comes in {source} is {came} (height×width×channels). {problem}",
            *_smallest_sentence(shapes[0], layers),
            "What you can change:",
            *(f"  - {change}" for change in _changes(problem, layers[:place], layer)),
        ]
    )


def _smallest_sentence(input_shape: Shape, layers: Sequence[Layer]) -> list[str]:
    smallest = smallest_size(input_shape, layers)
    if smallest is None:
        return []
    height, width = input_shape[:2]
    return [
        f"The network's input is {height}×{width}; for all layers through {layers[-1].name} to "
        f"work, it must be at least {smallest[0]}×{smallest[1]}."
    ]


def smallest_size(input_shape: Shape, layers: Sequence[Layer]) -> Pair | None:
    """The smallest height and width with which every layer works."""
    if len(input_shape) != 3:
        return None

    def fits(size: Pair) -> bool:
        shape: Shape = (*size, *input_shape[2:])
        try:
            for layer in layers:
                shape = layer.shape_behind(shape)
        except ShapeError:
            return False
        return True

    return smallest_input(fits)


def _changes(problem: KernelSizeError, before: Sequence[Layer], layer: Layer) -> list[str]:
    """What would make the layer fit, the least first."""
    changes = []
    if getattr(layer, "padding", None) == "valid":
        changes.append(f"padding='same' in {layer.name}")
    size = "pool_size" if problem.window == "pooling window" else "kernel_size"
    changes.append(f"a smaller {size} in {layer.name}")
    if problem.dilation != (1, 1):
        changes.append(f"a smaller dilation_rate in {layer.name}")
    shrinking = [earlier.name for earlier in before if max(getattr(earlier, "strides", (1, 1))) > 1]
    if shrinking:
        changes.append(f"one pooling or stride less before it, one of: {', '.join(shrinking)}")
    changes.append("larger images")
    return changes
