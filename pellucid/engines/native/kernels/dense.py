"""Dense layers: the rows of a register tile are samples, its lanes are units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, Values, kernel, vectors
from pellucid.engines.native.kernels.activations import activate
from pellucid.engines.native.kernels.tiling import accumulate, for_pieces, rows_of
from pellucid.engines.native.layout import Tile, choose_tile
from pellucid.engines.native.machine import Machine
from pellucid.ops.base import Op

STEPS = 128  # how many steps of all sums of a product are done before the next ones


@dataclass(frozen=True)
class Dense:
    """A dense layer with its sizes; the strides are those from one sample to the next."""

    inputs: int
    units: int
    source_stride: int
    target_stride: int
    use_bias: bool
    activation: Op | None


@kernel(POINTER, POINTER, POINTER, POINTER, I64, I64, I64)
def forward(em: Emitter, dense: Dense, block: int) -> None:
    """Compute y = activation(x @ w + b), every sum in the order of the inputs.

    Called with (x, w, b, y, samples, low, high) for the groups of units low … high. block: how
    many samples there are as a rule.
    """
    x, w, b, y, samples, low, high = em.arguments
    lanes = vectors(dense.units, em.vector)
    tile = _forward_tile(em.machine, dense, block)
    product = _Product(dense.inputs, dense.units, dense.source_stride, dense.target_stride)
    _multiply(em, product, (x, w, y), samples, tile, lanes, (low, high))

    def finish(row: Index, height: int, channel: Index, group: list[int]) -> None:
        place = em.multiply(row, dense.target_stride)
        values = em.load_row(y, group, place, channel)
        if dense.use_bias:
            biases = em.load_row(b, group, channel)
            values = [em.builder.fadd(*pair) for pair in zip(values, biases, strict=True)]
        values = [activate(em, dense.activation, value) for value in values]
        em.store_row(values, y, group, place, channel)

    if dense.use_bias or dense.activation:
        _for_groups(em, lanes, Tile(1, 1, tile.vectors), (low, high), samples, finish)


def forward_groups(machine: Machine, dense: Dense, block: int) -> int:
    """How many groups of units there are."""
    count = len(vectors(dense.units, machine.vector))
    return -(-count // _forward_tile(machine, dense, block).vectors)


def _forward_tile(machine: Machine, dense: Dense, block: int) -> Tile:
    count = len(vectors(dense.units, machine.vector))
    return choose_tile(block, 1, count, dense.inputs, machine.registers)


@kernel(POINTER, POINTER, POINTER, I64)
def input_gradient(em: Emitter, dense: Dense, block: int, add: bool = False) -> None:
    """Compute dx = dy @ w, summed in the order of the units. Called with (dy, w, dx, samples).

    w is transposed: (units, inputs).
    """
    dy, w, dx, samples = em.arguments
    lanes = vectors(dense.inputs, em.vector)
    tile = choose_tile(block, 1, len(lanes), dense.units, em.machine.registers)
    product = _Product(dense.units, dense.inputs, dense.target_stride, dense.source_stride)
    groups = -(-len(lanes) // tile.vectors)
    _multiply(em, product, (dy, w, dx), samples, tile, lanes, (0, groups), add)


@kernel(POINTER, POINTER, POINTER, I64, I64, I64)
def kernel_gradient(em: Emitter, dense: Dense) -> None:
    """Compute dw, the sum over samples, in their order, of x · dy, for some of the inputs.

    Called with (x, dy, dw, samples, low, high): rows low … high of dw (inputs, units).
    """
    lanes = vectors(dense.units, em.vector)
    tile = choose_tile(64, 1, len(lanes), 64, em.machine.registers)
    x, dy, dw, samples, low, high = em.arguments

    def rows(row: Index, height: int, channel: Index, group: list[int]) -> None:
        def sample(number: Index, *sums: ir.Value) -> Values:
            x_here = em.at(x, em.multiply(number, dense.source_stride), row)
            dy_here = em.at(dy, em.multiply(number, dense.target_stride), channel)
            values = (em.float_at(x_here, i) for i in range(height))
            return accumulate(em, values, em.load_row(dy_here, group), sums)

        sums = em.loop(0, samples, sample, [em.zero()] * (height * len(group)))
        for i, line in enumerate(rows_of(sums, len(group))):
            em.store_row(line, dw, group, em.multiply(em.add(row, i), dense.units), channel)

    def shifted(row: Index, height: int, channel: Index, group: list[int]) -> None:
        rows(em.add(low, row), height, channel, group)

    groups = -(-len(lanes) // tile.vectors)
    _for_groups(em, lanes, tile, (0, groups), em.integer(em.subtract(high, low)), shifted)


@kernel(POINTER, POINTER, I64)
def bias_gradient(em: Emitter, dense: Dense) -> None:
    """Compute db, the sum of dy over samples, in their order. Called with (dy, db, samples)."""
    dy, db, samples = em.arguments

    def units(channel: Index, lanes: int) -> None:
        def sample(number: Index, total: ir.Value) -> Values:
            place = em.multiply(number, dense.target_stride)
            return [em.builder.fadd(total, em.load(dy, place, channel, lanes=lanes))]

        (total,) = em.loop(0, samples, sample, [em.zero()])
        em.store(total, db, channel, lanes=lanes)

    for_pieces(em, dense.units, em.vector, units)


@dataclass(frozen=True)
class _Product:
    """A matrix product: (samples, steps) @ (steps, width), and the strides between samples."""

    steps: int
    width: int
    source_stride: int
    target_stride: int


def _multiply(
    em: Emitter,
    product: _Product,
    pointers: tuple[ir.Value, ir.Value, ir.Value],
    samples: ir.Value,
    tile: Tile,
    lanes: list[int],
    groups: tuple[Index, Index],
    add: bool = False,
) -> None:
    """Compute target = source @ weights, for some groups of columns, or add it to the target.

    The sums rest in the target after every STEPS steps, so that the weights of these steps stay
    in a near cache for all samples; their order is that of the steps all the same.
    """
    source, weights, target = pointers

    def clear(row: Index, height: int, channel: Index, group: list[int]) -> None:
        place = em.multiply(row, product.target_stride)
        em.store_row([em.zero()] * len(group), target, group, place, channel)

    if not add:
        _for_groups(em, lanes, Tile(1, 1, tile.vectors), groups, samples, clear)

    def some_steps(first: Index, count: int) -> None:
        def rows(row: Index, height: int, channel: Index, group: list[int]) -> None:
            x = em.at(source, em.multiply(row, product.source_stride), first)
            w = em.at(weights, em.multiply(first, product.width), channel)
            lines = [em.multiply(em.add(row, i), product.target_stride) for i in range(height)]

            def along(k: Index, *sums: ir.Value) -> Values:
                line = em.load_row(w, group, em.multiply(k, product.width))
                values = (em.float_at(x, k, i * product.source_stride) for i in range(height))
                return accumulate(em, values, line, sums)

            sums = [v for line in lines for v in em.load_row(target, group, line, channel)]
            sums = em.loop(0, count, along, sums)
            for line, values in zip(lines, rows_of(sums, len(group)), strict=True):
                em.store_row(values, target, group, line, channel)

        _for_groups(em, lanes, tile, groups, samples, rows)

    for_pieces(em, product.steps, STEPS, some_steps)


def _for_groups(
    em: Emitter,
    lanes: list[int],
    tile: Tile,
    bounds: tuple[Index, Index],
    rows: ir.Value,
    body: Callable[[Index, int, Index, list[int]], None],
) -> None:
    """`body(row, height, channel, lanes)` over groups of vectors and blocks of rows."""
    size, height = tile.vectors, tile.rows
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

    em.loop(*bounds, group)
