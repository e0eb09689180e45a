"""Images in another light: brighter or darker, with more or less contrast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels.lanes import chance
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.light import LightOp, RandomContrast
from pellucid.ops.sampling import between


@kernel(POINTER, POINTER, I64, I64, I32)
def change(em: Emitter, op: LightOp, source: Layout, target: Layout) -> None:
    """Change the light of every image. Called with (x, y, samples, first sample, key)."""
    x, y, samples, first, key = em.arguments

    def channels(image: _Image) -> None:
        def pixel(place: Index, there: Index) -> None:
            low, high = map(em.constant, op.value_range)
            value = image.changed(place)
            value = em.builder.select(em.builder.fcmp_ordered("<", value, low), low, value)
            value = em.builder.select(em.builder.fcmp_ordered(">", value, high), high, value)
            em.store(value, y, there, lanes=image.lanes)

        image.for_pixels(pixel)

    _for_images(em, op, (source, target), (x, samples, first, key), channels)


@kernel(POINTER, POINTER, POINTER, I64, I64, I32)
def change_gradient(
    em: Emitter, op: LightOp, source: Layout, target: Layout, add: bool = False
) -> None:
    """The gradient before the change. Called with (x, dy, dx, samples, first sample, key).

    Where the value was held back there is none. With contrast c, every pixel also had its part
    in the mean: dx = c dy + (1 - c) mean(dy). add: to what lies in dx.
    """
    x, dy, dx, samples, first, key = em.arguments

    def channels(image: _Image) -> None:
        def passed(place: Index, there: Index) -> ir.Value:
            low, high = map(em.constant, op.value_range)
            value = image.changed(place)
            inside = em.builder.and_(
                em.builder.fcmp_ordered(">=", value, low),
                em.builder.fcmp_ordered("<=", value, high),
            )
            return em.builder.select(inside, em.load(dy, there, lanes=image.lanes), em.zero())

        shared = None
        if image.mean is not None:
            rest = em.builder.fsub(em.constant(1.0), image.drawn)
            shared = em.builder.fmul(image.average(passed), rest)

        def pixel(place: Index, there: Index) -> None:
            slope = passed(place, there)
            if shared is not None:
                slope = em.fma(slope, image.drawn, shared)
            em.give(slope, dx, place, lanes=image.lanes, add=add)

        image.for_pixels(pixel)

    _for_images(em, op, (source, target), (x, samples, first, key), channels)


@dataclass
class _Image:
    """Some channels of one image. starts: of the sample and the channel, before and after.

    drawn: what was drawn for the image. mean: that of each channel, for contrast.
    """

    em: Emitter
    x: ir.Value
    layouts: tuple[Layout, Layout]
    starts: tuple[Index, Index]
    lanes: int
    drawn: ir.Value
    mean: ir.Value | None = None

    def changed(self, place: Index) -> ir.Value:
        """The changed value, before it is held within a range."""
        em = self.em
        value = em.load(self.x, place, lanes=self.lanes)
        if self.mean is None:
            return em.builder.fadd(value, self.drawn)
        return em.fma(em.builder.fsub(value, self.mean), self.drawn, self.mean)

    def for_pixels(self, body: Callable[[Index, Index], None]) -> None:
        """`body(offset before, offset after)` for every pixel."""
        em, (source, _) = self.em, self.layouts

        def row(r: Index) -> None:
            em.loop(0, source.columns, lambda c: body(*self._places(r, c)))

        em.loop(0, source.rows, row)

    def average(self, value: Callable[[Index, Index], ir.Value]) -> ir.Value:
        """The mean of `value(offset before, offset after)`, summed row by row."""
        em, (source, _) = self.em, self.layouts

        def row(r: Index, total: ir.Value) -> Values:
            def column(c: Index, here: ir.Value) -> Values:
                return [em.builder.fadd(here, value(*self._places(r, c)))]

            (sum_of_row,) = em.loop(0, source.columns, column, [em.zero()])
            return [em.builder.fadd(total, sum_of_row)]

        (total,) = em.loop(0, source.rows, row, [em.zero()])
        return em.builder.fdiv(total, em.constant(source.rows * source.columns))

    def _places(self, r: Index, c: Index) -> tuple[Index, Index]:
        """The offsets of a pixel, before and after."""
        em = self.em
        before, after = (
            em.add(start, em.multiply(r, layout.row), em.multiply(c, layout.channels))
            for start, layout in zip(self.starts, self.layouts, strict=True)
        )
        return before, after


def _for_images(
    em: Emitter,
    op: LightOp,
    layouts: tuple[Layout, Layout],
    arguments: tuple[ir.Value, ir.Value, ir.Value, ir.Value],
    body: Callable[[_Image], None],
) -> None:
    """`body(image)` for some channels at a time. arguments: x, samples, first sample, key."""
    x, samples, first, key = arguments

    def sample(number: Index) -> None:
        drawn = between(chance(em, 0, em.add(first, number), key), *op.drawn).vector

        def channels(channel: Index, lanes: int) -> None:
            before, after = (
                em.add(em.multiply(number, layout.stride), layout.origin, channel)
                for layout in layouts
            )
            image = _Image(em, x, layouts, (before, after), lanes, drawn)
            if isinstance(op, RandomContrast):
                image.mean = image.average(lambda place, _: em.load(x, place, lanes=lanes))
            body(image)

        for_pieces(em, layouts[0].channels, em.vector, channels)

    em.loop(0, samples, sample)
