"""Layer normalization: groups of numbers brought to mean 0 and variance 1, sample by sample.

Sums over a group run in sixteen strands, number i in strand i mod 16, which are then added up in
pairs: the same order for vectors of any width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.regions import begin
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout

STRANDS = 16  # as many as the widest vector has lanes


@dataclass(frozen=True)
class LayerNorm:
    """A layer normalization with its sizes.

    rows, length: a group is so many rows of so many numbers side by side. columns: how many
    groups lie side by side.
    """

    source: Layout
    target: Layout
    rows: int
    columns: int
    length: int
    epsilon: float
    scale: bool
    center: bool

    @property
    def count(self) -> int:
        """Numbers in a group."""
        return self.rows * self.length


Load = Callable[[Index, Index, int], ir.Value]  # row, place in it, lanes


@kernel(*[POINTER] * 4, I64)
def forward(em: Emitter, norm: LayerNorm) -> None:
    """Compute y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.

    Called with (x, gamma, beta, y, samples).
    """
    x, gamma, beta, y, samples = em.arguments

    def group(source: Index, target: Index) -> None:
        values = _loader(em, norm.source, x, source)
        mean, factor = _moments(em, norm, values)

        def piece(r: Index, i: Index, lanes: int) -> None:
            value = em.builder.fmul(em.builder.fsub(values(r, i, lanes), mean), factor)
            place = em.add(em.multiply(r, norm.length), i)
            if norm.scale:
                value = em.builder.fmul(value, em.load(gamma, place, lanes=lanes))
            if norm.center:
                value = em.builder.fadd(value, em.load(beta, place, lanes=lanes))
            em.store(value, y, target, em.multiply(r, norm.target.row), i, lanes=lanes)

        _for_group(em, norm, piece)

    _for_groups(em, norm, samples, group)


@dataclass(frozen=True)
class Wanted:
    """Which gradients are computed; `add`: that of x is added to what lies there."""

    x: bool
    gamma: bool
    beta: bool
    add: bool


@kernel(*[POINTER] * 6, I64)
def backward(em: Emitter, norm: LayerNorm, wanted: Wanted) -> None:
    """Compute dx, and add to dgamma and dbeta, group by group.

    Called with (x, gamma, dy, dgamma, dbeta, dx, samples).
    """
    x, gamma, dy, dgamma, dbeta, dx, samples = em.arguments
    builder = em.builder
    add = wanted.x and begin(em, dx, samples, norm.target, norm.source, wanted.add)

    def group(source: Index, target: Index) -> None:
        values, slopes = _loader(em, norm.source, x, source), _loader(em, norm.target, dy, target)
        mean, factor = _moments(em, norm, values)

        def normalized(r: Index, i: Index, lanes: int) -> ir.Value:
            return builder.fmul(builder.fsub(values(r, i, lanes), mean), factor)

        def scaled(r: Index, i: Index, lanes: int) -> ir.Value:
            slope = slopes(r, i, lanes)
            if not norm.scale:
                return slope
            place = em.add(em.multiply(r, norm.length), i)
            return builder.fmul(slope, em.load(gamma, place, lanes=lanes))

        def learn(r: Index, i: Index, lanes: int) -> None:
            place, slope = em.add(em.multiply(r, norm.length), i), slopes(r, i, lanes)
            if wanted.gamma:
                share = builder.fmul(slope, normalized(r, i, lanes))
                em.give(share, dgamma, place, lanes=lanes, add=True)
            if wanted.beta:
                em.give(slope, dbeta, place, lanes=lanes, add=True)

        if wanted.gamma or wanted.beta:
            _for_group(em, norm, learn)
        if not wanted.x:
            return
        level = _mean(em, norm, scaled)
        along = _mean(em, norm, lambda *at: builder.fmul(scaled(*at), normalized(*at)))

        def piece(r: Index, i: Index, lanes: int) -> None:
            rest = builder.fsub(scaled(r, i, lanes), level)
            rest = builder.fsub(rest, builder.fmul(normalized(r, i, lanes), along))
            place = em.add(source, em.multiply(r, norm.source.row))
            em.give(builder.fmul(rest, factor), dx, place, i, lanes=lanes, add=add)

        _for_group(em, norm, piece)

    _for_groups(em, norm, samples, group)


def _for_groups(
    em: Emitter, norm: LayerNorm, samples: ir.Value, body: Callable[[Index, Index], None]
) -> None:
    """`body(offset in the source, in the target)` for the start of every group."""
    layouts = norm.source, norm.target

    def sample(n: Index) -> None:
        def band(number: Index) -> None:
            def column(c: Index) -> None:
                source, target = (
                    em.add(
                        em.multiply(n, layout.stride),
                        em.multiply(number, norm.rows * layout.row),
                        em.multiply(c, norm.length),
                        layout.origin,
                    )
                    for layout in layouts
                )
                body(source, target)

            em.loop(0, norm.columns, column)

        em.loop(0, norm.target.rows // norm.rows, band)

    em.loop(0, samples, sample)


def _for_group(em: Emitter, norm: LayerNorm, body: Callable[[Index, Index, int], None]) -> None:
    """`body(row, place in it, lanes)` for all vectors of a group."""

    def row(r: Index) -> None:
        for_pieces(em, norm.length, em.vector, lambda i, lanes: body(r, i, lanes))

    em.loop(0, norm.rows, row)


def _loader(em: Emitter, layout: Layout, pointer: ir.Value, start: Index) -> Load:
    def load(r: Index, i: Index, lanes: int) -> ir.Value:
        return em.load(pointer, start, em.multiply(r, layout.row), i, lanes=lanes)

    return load


def _moments(em: Emitter, norm: LayerNorm, values: Load) -> tuple[ir.Value, ir.Value]:
    """The mean of a group, and 1 / sqrt(variance + epsilon), in every lane."""
    mean = _mean(em, norm, values)

    def square(r: Index, i: Index, lanes: int) -> ir.Value:
        distance = em.builder.fsub(values(r, i, lanes), mean)
        return em.builder.fmul(distance, distance)

    variance = em.builder.fadd(_mean(em, norm, square), em.constant(norm.epsilon))
    return mean, em.builder.fdiv(em.constant(1.0), em.call_math("sqrt", variance))


def _mean(em: Emitter, norm: LayerNorm, term: Load) -> ir.Value:
    """The mean of a term over a group, in every lane."""
    width = STRANDS // em.vector

    def row(r: Index, *sums: ir.Value) -> Values:
        def step(start: Index, numbers: int, *sums: ir.Value) -> Values:
            results = []
            for place, total in enumerate(sums):
                lanes = min(em.vector, numbers - place * em.vector)
                if lanes > 0:
                    value = term(r, em.add(start, place * em.vector), lanes)
                    if lanes < em.vector:
                        value = em.builder.select(em.mask(lanes), value, em.zero())
                    total = em.builder.fadd(total, value)
                results.append(total)
            return results

        return for_pieces(em, norm.length, STRANDS, step, sums)

    sums = em.loop(0, norm.rows, row, [em.zero()] * width)
    return em.builder.fdiv(_added_up(em, sums), em.constant(float(norm.count)))


def _added_up(em: Emitter, sums: Values) -> ir.Value:
    """The sum of all strands, in every lane: strand i and i + 8 first, then i + 4, and so on."""
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [em.builder.fadd(*pair) for pair in zip(sums[:half], sums[half:], strict=True)]
    (total,) = sums
    distance = em.vector // 2
    while distance:
        lanes = [(lane + distance) % em.vector for lane in range(em.vector)]
        order = ir.Constant(ir.VectorType(I32, em.vector), lanes)
        moved = em.builder.shuffle_vector(total, ir.Constant(total.type, ir.Undefined), order)
        total = em.builder.fadd(total, moved)
        distance //= 2
    return total
