"""Dense layers: the rows of a register tile are samples, its lanes are units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, Values, vectors
from pellucid.engines.native.kernels.elementwise import activate
from pellucid.engines.native.layout import choose_tile
from pellucid.engines.native.machine import Machine


@dataclass(frozen=True)
class Dense:
    """A dense layer with its sizes; the strides are those from one sample to the next."""

    inputs: int
    units: int
    source_stride: int
    target_stride: int
    use_bias: bool
    activation: str | None


def forward(
    module: ir.Module, machine: Machine, name: str, dense: Dense, block: int
) -> tuple[ir.Function, int]:
    """Y = activation(x @ w + b), every sum in the order of the inputs.

    Emits name(x, w, b, y, samples, low, high) for the groups of units low … high, and returns it
    with their number. block: how many samples there are as a rule.
    """
    lanes = vectors(dense.units, machine.vector)
    tile = choose_tile(block, 1, len(lanes), dense.inputs, machine.registers)
    em = Emitter(module, machine.vector, name, [POINTER] * 4 + [I64] * 3)
    x, w, b, y, samples, low, high = em.arguments

    def rows(sample: Index, height: int, channel: Index, group: list[int]) -> None:
        source = em.at(x, em.multiply(sample, dense.source_stride))
        sums = _products(
            em,
            source,
            dense.source_stride,
            em.at(w, channel),
            dense.units,
            dense.inputs,
            height,
            group,
        )
        for i in range(height):
            for v, n in enumerate(group):
                value = sums[i * len(group) + v]
                if dense.use_bias:
                    bias = em.load(b, channel, v * em.vector, lanes=n)
                    value = em.builder.fadd(value, bias)
                value = activate(em, dense.activation, value)
                place = em.multiply(em.add(sample, i), dense.target_stride)
                em.store(value, y, place, channel, v * em.vector, lanes=n)

    count = _for_groups(em, lanes, tile.vectors, low, high, samples, tile.rows, rows)
    return em.finish(), count


def input_gradient(
    module: ir.Module, machine: Machine, name: str, dense: Dense, block: int
) -> ir.Function:
    """Compute dx = dy @ w, summed in the order of the units. Emits name(dy, w, dx, samples).

    w is transposed: (units, inputs).
    """
    lanes = vectors(dense.inputs, machine.vector)
    tile = choose_tile(block, 1, len(lanes), dense.units, machine.registers)
    em = Emitter(module, machine.vector, name, [POINTER] * 3 + [I64])
    dy, w, dx, samples = em.arguments

    def rows(sample: Index, height: int, channel: Index, group: list[int]) -> None:
        source = em.at(dy, em.multiply(sample, dense.target_stride))
        sums = _products(
            em,
            source,
            dense.target_stride,
            em.at(w, channel),
            dense.inputs,
            dense.units,
            height,
            group,
        )
        for i in range(height):
            for v, n in enumerate(group):
                place = em.multiply(em.add(sample, i), dense.source_stride)
                em.store(sums[i * len(group) + v], dx, place, channel, v * em.vector, lanes=n)

    groups = -(-len(lanes) // tile.vectors)
    _for_groups(em, lanes, tile.vectors, 0, groups, samples, tile.rows, rows)
    return em.finish()


def kernel_gradient(module: ir.Module, machine: Machine, name: str, dense: Dense) -> ir.Function:
    """Compute dw, the sum over samples, in their order, of x · dy, for some of the inputs.

    Emits name(x, dy, dw, samples, low, high): rows low … high of dw (inputs, units).
    """
    lanes = vectors(dense.units, machine.vector)
    tile = choose_tile(64, 1, len(lanes), 64, machine.registers)
    em = Emitter(module, machine.vector, name, [POINTER] * 3 + [I64] * 3)
    x, dy, dw, samples, low, high = em.arguments

    def rows(row: Index, height: int, channel: Index, group: list[int]) -> None:
        def sample(number: Index, *sums: ir.Value) -> Values:
            x_here = em.at(x, em.multiply(number, dense.source_stride), row)
            dy_here = em.at(dy, em.multiply(number, dense.target_stride), channel)
            slopes = [em.load(dy_here, v * em.vector, lanes=n) for v, n in enumerate(group)]
            result = []
            for i in range(height):
                value = em.broadcast(em.float_at(x_here, i))
                for v, slope in enumerate(slopes):
                    result.append(em.fma(value, slope, sums[i * len(group) + v]))
            return result

        sums = em.loop(0, samples, sample, [em.zero()] * (height * len(group)))
        for i in range(height):
            for v, n in enumerate(group):
                place = em.multiply(em.add(row, i), dense.units)
                em.store(sums[i * len(group) + v], dw, place, channel, v * em.vector, lanes=n)

    groups = -(-len(lanes) // tile.vectors)
    shifted = em.subtract(high, low)
    _for_groups(
        em,
        lanes,
        tile.vectors,
        0,
        groups,
        shifted,
        tile.rows,
        lambda row, height, channel, group: rows(em.add(low, row), height, channel, group),
    )
    return em.finish()


def bias_gradient(module: ir.Module, machine: Machine, name: str, dense: Dense) -> ir.Function:
    """Compute db, the sum of dy over samples, in their order. Emits name(dy, db, samples)."""
    em = Emitter(module, machine.vector, name, [POINTER] * 2 + [I64])
    dy, db, samples = em.arguments
    for v, n in enumerate(vectors(dense.units, machine.vector)):
        channel = v * em.vector

        def sample(number: Index, *sums: ir.Value, channel: int = channel, n: int = n) -> Values:
            place = em.multiply(number, dense.target_stride)
            return [em.builder.fadd(sums[0], em.load(dy, place, channel, lanes=n))]

        (total,) = em.loop(0, samples, sample, [em.zero()])
        em.store(total, db, channel, lanes=n)
    return em.finish()


def _products(
    em: Emitter,
    source: ir.Value,
    stride: int,
    weights: ir.Value,
    width: int,
    steps: int,
    height: int,
    lanes: list[int],
) -> Values:
    """`height` rows of source (rows, steps) times weights (steps, width), one group of columns."""

    def along(k: Index, *sums: ir.Value) -> Values:
        row = em.multiply(k, width)
        kernel = [em.load(weights, row, v * em.vector, lanes=n) for v, n in enumerate(lanes)]
        result = []
        for i in range(height):
            value = em.broadcast(em.float_at(source, k, i * stride))
            for v, weight in enumerate(kernel):
                result.append(em.fma(value, weight, sums[i * len(lanes) + v]))
        return result

    return em.loop(0, steps, along, [em.zero()] * (height * len(lanes)))


def _for_groups(
    em: Emitter,
    lanes: list[int],
    size: int,
    low: Index,
    high: Index,
    rows: ir.Value,
    height: int,
    body: Callable[[Index, int, Index, list[int]], None],
) -> int:
    """`body(row, height, channel, lanes)` over groups of vectors and blocks of rows."""
    groups = [lanes[i : i + size] for i in range(0, len(lanes), size)]

    def group(number: Index) -> None:
        channel = em.multiply(number, size * em.vector)

        def blocks(lanes: list[int]) -> None:
            full = em.multiply(em.quotient(rows, height), height)
            em.loop(0, full, lambda row: body(row, height, channel, lanes), step=height)
            if height > 1:
                em.loop(full, rows, lambda row: body(row, 1, channel, lanes))

        if groups[0] == groups[-1]:
            blocks(groups[0])
        else:
            last = em.equal(number, len(groups) - 1)
            em.choose(last, lambda: blocks(groups[-1]), lambda: blocks(groups[0]))

    em.loop(low, high, group)
    return len(groups)
