"""The program that answers.

Blocks of samples run through the whole network, each block on whichever thread comes first. Where
there are fewer blocks than threads, the threads share the parts of every stage instead.
"""

from __future__ import annotations

import functools

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import I64, POINTER, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import elementwise, losses
from pellucid.engines.native.layout import Layout
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.memory import block_size
from pellucid.engines.native.programs.emission import Emission, Program, image_layout
from pellucid.engines.native.stages import Call, Stage
from pellucid.graph import Graph


def prediction(graph: Graph, machine: Machine) -> Program:
    """The program that answers: predict(frame, worker)."""
    emission = Emission(graph, machine, training=False)
    stages, layouts = emission.stages, emission.plan.layouts
    block = block_size(sum(layout.stride for layout in layouts))
    emission.emit_stages(block)
    offsets = [
        0 if emission.is_view(value) else emission.arena.take(layout.stride * block)
        for value, layout in enumerate(layouts)
    ]
    size, row = image_layout(graph.input_shape)
    gather = elementwise.gather(emission.module, machine.vector, "gather", layouts[0], False)
    scatter = _scatter(emission, layouts[-1])
    barrier = synchronise.barrier(emission.module, machine.vector)

    em = emission.emitter("predict", [POINTER, I64])
    frame, worker = em.arguments
    samples, table = field(em, frame, "samples"), field(em, frame, "parameters")
    images, outputs = field(em, frame, "images"), field(em, frame, "outputs")
    control, threads = field(em, frame, "control"), field(em, frame, "threads")
    wait = [control, threads, field(em, frame, "yield")]
    blocks = em.integer(em.quotient(em.add(samples, block - 1), block))
    few = em.less(blocks, threads)
    # Few samples: all threads work in the first one's arena.
    mine = em.builder.select(few, em.integer(0), worker)
    arena = em.at(field(em, frame, "arenas"), em.multiply(mine, emission.arena.size))
    values: dict[int, ir.Value] = {}
    for value in range(len(layouts)):
        if emission.is_view(value):
            values[value] = values[value - 1]
        else:
            values[value] = em.at(arena, offsets[value])

    def block_call(number: Index) -> Call:
        first = em.multiply(number, block)
        count = em.integer(em.minimum(em.subtract(samples, first), block))
        return Call(em, count, em.integer(first), lambda number: entry(em, table, number), values)

    def load(call: Call) -> None:
        numbers = [call.first, call.samples, em.integer(size), em.integer(row)]
        em.builder.call(gather, [images, images, values[0], *numbers])

    def unload(call: Call) -> None:
        em.builder.call(scatter, [values[len(stages)], outputs, call.first, call.samples])

    def alone(number: ir.Value) -> None:
        """One thread runs a block through the whole network."""
        call = block_call(number)
        load(call)
        for stage in stages:
            stage.forward(call)
        unload(call)

    def shared(stage: Stage, call: Call) -> None:
        bounds = [
            em.builder.udiv(em.integer(em.multiply(part, stage.units)), threads)
            for part in (worker, em.add(worker, 1))
        ]
        stage.forward(call, *bounds)

    def together(number: Index) -> None:
        """All threads share the units of each stage, and wait for each other in between."""
        call = block_call(number)
        em.choose(em.equal(worker, 0), lambda: load(call))
        em.builder.call(barrier, wait)
        for stage in stages:
            if stage.units > 1:
                shared(stage, call)
            else:
                em.choose(em.equal(worker, 0), functools.partial(stage.forward, call))
            em.builder.call(barrier, wait)
        em.choose(em.equal(worker, 0), lambda: unload(call))

    em.choose(
        few,
        lambda: em.loop(0, blocks, together),
        lambda: synchronise.tickets(em, control, blocks, alone),
    )
    em.finish()
    return Program(str(emission.module), "predict", block, emission.arena.size)


def _scatter(emission: Emission, source: Layout) -> ir.Function:
    """Copy a block of outputs to the caller: scatter(source, outputs, first, samples)."""
    em = emission.emitter("scatter", [POINTER, POINTER, I64, I64])
    x, outputs, first, samples = em.arguments

    def sample(number: Index) -> None:
        start = em.multiply(em.add(first, number), source.size)

        def copy(c: Index, lanes: int) -> None:
            value = em.load(x, em.multiply(number, source.stride), c, lanes=lanes)
            em.store(value, outputs, start, c, lanes=lanes)

        losses.for_channels(em, source.size, copy, [])

    em.loop(0, samples, sample)
    return em.finish()
