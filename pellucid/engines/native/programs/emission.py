"""What both programs share: a module, a plan, its stages, and what the caller must provide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import Emitter, Index, Module
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import make_plan
from pellucid.engines.native.stages import Call, Stage, make_stages
from pellucid.graph import Graph


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

    def load(self, frame: ir.Value, call: Call, value: int, place: ir.Value, ordered: bool) -> None:
        """Copy one of the caller's inputs, of some samples from number `place` on, to its value.

        ordered: whether samples come in the caller's order.
        """
        em = call.em
        *rest, columns, channels = (1, 1, *self.plan.shapes[value])
        row = columns * channels
        images = entry(em, field(em, frame, "inputs"), value)
        order = field(em, frame, "order") if ordered else images
        gather = elementwise.gather(self.module, self.machine, self.plan.layouts[value], ordered)
        sizes = [em.integer(math.prod(rest) * row), em.integer(row)]
        em.builder.call(gather, [images, order, call.values[value], place, call.samples, *sizes])

    def packing(
        self, em: Emitter, frame: ir.Value, stage: Stage, what: str, offset: int
    ) -> Callable[[Index], None]:
        """What brings a part of a stage's kernel into a form that is read, by the part's number."""

        def part(number: Index) -> None:
            source = entry(em, field(em, frame, "parameters"), stage.parameters[0])
            target = em.at(field(em, frame, "packed"), offset)
            bounds = [em.integer(number), em.integer(em.add(number, 1))]
            em.builder.call(stage.functions[what], [source, target, *bounds])

        return part

    def emit_stages(self, block: Callable[[Stage], int]) -> None:
        """Emit the kernels of every stage; `block` is how many samples it gets as a rule."""
        for stage in self.stages:
            stage.emit(self.module, self.machine, self.training, block(stage))
