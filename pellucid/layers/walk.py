"""The way through a network with its models opened: layer after layer, shape after shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pellucid.errors import ShapeError
from pellucid.layers.misfit import explain
from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


class Visit(NamedTuple):
    """One use of a layer that is no model.

    path: the names of the models that it stands in, and its own, with '/' between them. reads:
    numbers of values. training: as in `Call`.
    """

    layer: Layer
    path: str
    reads: tuple[int, ...]
    training: bool | None


@dataclass
class Walk:
    """Every use of a layer, in the order of computation.

    Values are numbered as in a graph: first the inputs, then the output of each visit. names: of
    the inputs, if they have any.
    """

    inputs: int
    names: Sequence[str] = ()
    visits: list[Visit] = field(default_factory=list)

    def visit(
        self, layer: Layer, path: str, reads: tuple[int, ...], training: bool | None
    ) -> tuple[int, ...]:
        """Go on to a layer; returns the number of what it makes."""
        self.visits.append(Visit(layer, path, reads, training))
        return (self.inputs + len(self.visits) - 1,)

    def shapes(self, inputs: Sequence[Shape]) -> list[Shape]:
        """The shape of one sample of every value.

        Raises ShapeError that says which layer cannot read what it gets, why, and what to change;
        its `summary` is the table of the network up to there.
        """
        shapes = list(inputs)
        for place, visit in enumerate(self.visits):
            try:
                shapes.append(visit.layer.shape_behind(*(shapes[value] for value in visit.reads)))
            except ShapeError as problem:
                raise explain(problem, self, shapes, place) from None
        return shapes

    def needed(self, outputs: Sequence[int]) -> tuple[Walk, tuple[int, ...]]:
        """The same way without the visits that nothing asks for, and the outputs' new numbers."""
        wanted = set(outputs)
        for number in reversed(range(len(self.visits))):
            if self.inputs + number in wanted:
                wanted.update(self.visits[number].reads)
        new = {value: value for value in range(self.inputs)}
        shorter = Walk(self.inputs, self.names)
        for number, visit in enumerate(self.visits, self.inputs):
            if number in wanted:
                reads = tuple(new[value] for value in visit.reads)
                (new[number],) = shorter.visit(visit.layer, visit.path, reads, visit.training)
        return shorter, tuple(new[value] for value in outputs)
