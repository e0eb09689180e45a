"""Errors that teach: why a layer cannot read what it gets, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.errors import KernelSizeError, ShapeError
from pellucid.layers.summary import summary_table, walk_rows
from pellucid.render.table import table_text
from pellucid.shapes import Pair, Shape, smallest_input

if TYPE_CHECKING:
    from pellucid.layers.walk import Visit, Walk


def explain(problem: ShapeError, walk: Walk, shapes: Sequence[Shape], place: int) -> ShapeError:
    """The error for a network of which one layer cannot read what it gets.

    shapes: of one sample of every value up to there. place: the number of the visit at which the
    way ends. Layers behind it count when the smallest input for the whole network is looked for.
    """
    visit = walk.visits[place]
    kind = type(visit.layer).__name__
    if isinstance(problem, KernelSizeError):
        message = _kernel_message(problem, walk, shapes, place)
    else:
        message = f"Layer {visit.path} ({kind}) cannot be put here. {problem}"
    error = ShapeError(message)
    rows = walk_rows(walk, shapes, place)
    error.summary = table_text(summary_table("the network so far", rows))
    return error


def _kernel_message(
    problem: KernelSizeError, walk: Walk, shapes: Sequence[Shape], place: int
) -> str:
    visit = walk.visits[place]
    (read,) = visit.reads
    came = "×".join(map(str, shapes[read]))
    source = "as the network's input"
    if read >= walk.inputs:
        source = f"from {walk.visits[read - walk.inputs].path}"
    return "\n".join(
        [
            f"Layer {visit.path} ({type(visit.layer).__name__}): its {problem.window} no longer "
            "fits.",
            f"What comes in {source} is {came} (height×width×channels). {problem}",
            *_smallest_sentence(walk, shapes[: walk.inputs]),
            "What you can change:",
            *(f"  - {change}" for change in _changes(problem, _before(walk, place), visit)),
        ]
    )


def _smallest_sentence(walk: Walk, inputs: Sequence[Shape]) -> list[str]:
    smallest = smallest_size(walk, inputs)
    if smallest is None:
        return []
    height, width = next(shape for shape in inputs if len(shape) == 3)[:2]
    return [
        f"The network's input is {height}×{width}; for all layers through "
        f"{walk.visits[-1].path} to work, it must be at least {smallest[0]}×{smallest[1]}."
    ]


def smallest_size(walk: Walk, inputs: Sequence[Shape]) -> Pair | None:
    """The smallest height and width of the one input of images with which every layer works."""
    images = [number for number, shape in enumerate(inputs) if len(shape) == 3]
    if len(images) != 1:
        return None
    (image,) = images

    def fits(size: Pair) -> bool:
        shapes = list(inputs)
        shapes[image] = (*size, *inputs[image][2:])
        try:
            for visit in walk.visits:
                shapes.append(visit.layer.shape_behind(*(shapes[value] for value in visit.reads)))
        except ShapeError:
            return False
        return True

    return smallest_input(fits)


def _before(walk: Walk, place: int) -> list[Visit]:
    """The visits that a visit depends on, in their order."""
    wanted = set(walk.visits[place].reads)
    found = []
    for number in reversed(range(place)):
        if walk.inputs + number in wanted:
            wanted.update(walk.visits[number].reads)
            found.append(walk.visits[number])
    return found[::-1]


def _changes(problem: KernelSizeError, before: Sequence[Visit], visit: Visit) -> list[str]:
    """What would make the layer fit, the least first."""
    changes = []
    if getattr(visit.layer, "padding", None) == "valid":
        changes.append(f"padding='same' in {visit.path}")
    size = "pool_size" if problem.window == "pooling window" else "kernel_size"
    changes.append(f"a smaller {size} in {visit.path}")
    if problem.dilation != (1, 1):
        changes.append(f"a smaller dilation_rate in {visit.path}")
    shrinking = [
        earlier.path for earlier in before if max(getattr(earlier.layer, "strides", (1, 1))) > 1
    ]
    if shrinking:
        changes.append(f"one pooling or stride less before it, one of: {', '.join(shrinking)}")
    changes.append("larger images")
    return changes
