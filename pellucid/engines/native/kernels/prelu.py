"""The parametric rectifier: one weight for every place, or for all places along some axes."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter, Index, kernel
from pellucid.engines.native.kernels.losses import ordered_sum
from pellucid.engines.native.kernels.merging import Merging, for_repeated, loaded
from pellucid.engines.native.kernels.regions import begin
from pellucid.engines.native.layout import Layout
from pellucid.ops.activations import PRelu


def _together(source: Layout, weights: Layout, target: Layout) -> Merging:
    """The input and its weights, as two values that are merged place by place."""
    return Merging(PRelu(), (source, weights), target)


@kernel(*[POINTER] * 3, I64)
def forward(em: Emitter, source: Layout, weights: Layout, target: Layout) -> None:
    """Compute y = x above 0, alpha * x below. Called with (x, alpha, y, samples)."""
    x, alpha, y, samples = em.arguments
    merging = _together(source, weights, target)

    def sample(number: Index) -> None:
        inputs = [em.at(x, em.multiply(number, source.stride)), alpha]
        y_sample = em.at(y, em.multiply(number, target.stride))

        def numbers(offsets: list[Index], offset: Index, lanes: int) -> None:
            value, slope = loaded(em, merging, inputs, offsets, lanes)
            above = em.builder.fcmp_ordered(">", value, em.zero())
            result = em.builder.select(above, value, em.builder.fmul(value, slope))
            em.store(result, y_sample, offset, lanes=lanes)

        for_repeated(em, merging, 1, numbers)

    em.loop(0, samples, sample)


@kernel(*[POINTER] * 4, I64)
def input_gradient(
    em: Emitter, source: Layout, weights: Layout, target: Layout, add: bool = False
) -> None:
    """Compute dx. Called with (x, alpha, dy, dx, samples). add: to what lies in dx."""
    x, alpha, dy, dx, samples = em.arguments
    merging, builder = _together(source, weights, target), em.builder
    add = begin(em, dx, samples, target, source, add)

    def sample(number: Index) -> None:
        start = em.multiply(number, source.stride)
        inputs, dx_sample = [em.at(x, start), alpha], em.at(dx, start)
        dy_sample = em.at(dy, em.multiply(number, target.stride))

        def numbers(offsets: list[Index], offset: Index, lanes: int) -> None:
            value, slope = loaded(em, merging, inputs, offsets, lanes)
            above = builder.fcmp_ordered(">", value, em.zero())
            slope = builder.select(builder.fcmp_ordered("<", value, em.zero()), slope, em.zero())
            slope = builder.select(above, em.constant(1.0), slope)
            gradient = builder.fmul(em.load(dy_sample, offset, lanes=lanes), slope)
            em.give(gradient, dx_sample, offsets[0], lanes=lanes, add=add)

        for_repeated(em, merging, 1, numbers)

    em.loop(0, samples, sample)


@kernel(*[POINTER] * 3, I64)
def weight_gradient(em: Emitter, source: Layout, weights: Layout, target: Layout) -> None:
    """Add the sum over samples and places, in this order, of min(x, 0) · dy to dalpha.

    Called with (x, dy, dalpha, samples).
    """
    x, dy, dalpha, samples = em.arguments
    merging, builder = _together(source, weights, target), em.builder

    def sample(number: Index) -> None:
        x_sample = em.at(x, em.multiply(number, source.stride))
        dy_sample = em.at(dy, em.multiply(number, target.stride))

        def numbers(offsets: list[Index], offset: Index, lanes: int) -> None:
            value = em.load(x_sample, offsets[0], lanes=lanes)
            below = builder.select(builder.fcmp_ordered("<", value, em.zero()), value, em.zero())
            share = builder.fmul(below, em.load(dy_sample, offset, lanes=lanes))
            _learn(em, share, dalpha, offsets[1], lanes, weights.channels < target.channels)

        for_repeated(em, merging, 1, numbers)

    em.loop(0, samples, sample)


def _learn(
    em: Emitter, share: ir.Value, dalpha: ir.Value, place: Index, lanes: int, repeated: bool
) -> None:
    """Add the shares of some places to their weights, or to the one that they have in common."""
    if repeated:
        total = ordered_sum(em, em.float_at(dalpha, place), share, lanes)
        em.put_float(total, dalpha, place)
    else:
        em.give(share, dalpha, place, lanes=lanes, add=True)
