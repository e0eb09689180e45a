"""What both programs share: a module, a plan, its stages, and what the caller must provide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import Emitter, Module
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import make_plan
from pellucid.engines.native.stages import Stage, make_stages
from pellucid.graph import Graph
from pellucid.shapes import Shape


@dataclass(frozen=True)
class Program:
    """Emitted code and what its caller has to provide: sizes in float32 numbers.

    entry: the function's name. arena: for each worker. shared: for each sample of a batch.
    partials, whole, packed: see `pellucid.engines.native.frame`. random: the nodes whose keys are
    wanted, in their order, each with a seed of its own or None.
    """

    code: str
    entry: str
    arena: int
    shared: int = 0
    partials: int = 0
    whole: int = 0
    packed: int = 0
    random: Sequence[tuple[int, int | None]] = ()


def image_layout(shape: Shape) -> tuple[int, int]:
    """(size, row): distances between images, and between rows of an image, in a plain array."""
    *_, columns, channels = (1, 1, *shape)
    return math.prod(shape), columns * channels


class Emission:
    """What both programs share: the module, the plan, and its stages."""

    def __init__(self, graph: Graph, machine: Machine, training: bool) -> None:
        self.machine = machine
        self.module = Module("pellucid")
        self.plan = make_plan(graph, training)
        self.stages = make_stages(self.plan, graph.parameters)
        self.training = training

    def emitter(self, name: str, arguments: Sequence[ir.Type]) -> Emitter:
        """A new function of the module."""
        return Emitter(self.module, self.machine, name, arguments)

    def emit_stages(self, block: Callable[[Stage], int]) -> None:
        """Emit the kernels of every stage; `block` is how many samples it gets as a rule."""
        for stage in self.stages:
            stage.emit(self.module, self.machine, self.training, block(stage))
