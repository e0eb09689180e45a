"""Activations of vectors, and the way back through them."""

from __future__ import annotations

import math

from llvmlite import ir

from pellucid.engines.native.emit import Emitter
from pellucid.engines.native.kernels import mathematics
from pellucid.ops import activations as ops
from pellucid.ops.base import Op


def activate(em: Emitter, activation: Op | None, x: ir.Value) -> ir.Value:
    """The activation of a vector; None is linear."""
    builder = em.builder
    match activation:
        case None:
            return x
        case ops.Relu():
            return builder.select(builder.fcmp_unordered(">", x, em.zero()), x, em.zero())
        case ops.ClippedRelu():
            return _clipped(em, activation, x)
        case ops.LeakyRelu(negative_slope):
            return builder.select(_positive(em, x), x, builder.fmul(x, em.constant(negative_slope)))
        case ops.Elu(alpha):
            return builder.select(_positive(em, x), x, _saturating(em, alpha, x))
        case ops.Selu():
            above = builder.fmul(x, em.constant(ops.SELU_SCALE))
            below = _saturating(em, ops.SELU_SCALE * ops.SELU_ALPHA, x)
            return builder.select(_positive(em, x), above, below)
        case ops.Gelu():
            return builder.fmul(x, _part_below(em, activation, x))
        case ops.Silu():
            return builder.fmul(x, mathematics.sigmoid(em, x))
        case ops.HardSilu():
            return builder.fmul(x, _hard_sigmoid(em, x))
        case ops.Sigmoid():
            return mathematics.sigmoid(em, x)
        case ops.HardSigmoid():
            return _hard_sigmoid(em, x)
        case ops.Tanh():
            return mathematics.hyperbolic_tangent(em, x)
        case ops.Softplus():
            return _softplus(em, x)
    raise AssertionError(f"{activation} has no vector form.")


def slope(em: Emitter, activation: Op | None, y: ir.Value, gradient: ir.Value) -> ir.Value:
    """The gradient before an activation, from the one after it and from the activated value y."""
    builder, one = em.builder, em.constant(1.0)
    match activation:
        case None:
            return gradient
        case ops.Relu():
            return builder.select(builder.fcmp_unordered(">", y, em.zero()), gradient, em.zero())
        case ops.ClippedRelu(max_value, negative_slope):
            below = builder.fcmp_ordered("<", y, em.constant(max_value))
            rising = builder.select(builder.and_(_positive(em, y), below), gradient, em.zero())
            negative = builder.fcmp_ordered("<", y, em.zero())
            falling = builder.fmul(gradient, em.constant(negative_slope))
            return builder.select(negative, falling, rising)
        case ops.LeakyRelu(negative_slope):
            falling = builder.fmul(gradient, em.constant(negative_slope))
            return builder.select(_positive(em, y), gradient, falling)
        case ops.Elu(alpha):
            below = builder.fmul(gradient, builder.fadd(y, em.constant(alpha)))
            return builder.select(_positive(em, y), gradient, below)
        case ops.Selu():
            above = builder.fmul(gradient, em.constant(ops.SELU_SCALE))
            lifted = builder.fadd(y, em.constant(ops.SELU_SCALE * ops.SELU_ALPHA))
            return builder.select(_positive(em, y), above, builder.fmul(gradient, lifted))
        case ops.Sigmoid():
            return builder.fmul(gradient, builder.fmul(y, builder.fsub(one, y)))
        case ops.HardSigmoid():
            rising = builder.and_(_positive(em, y), builder.fcmp_ordered("<", y, one))
            sixth = builder.fmul(gradient, em.constant(1 / 6))
            return builder.select(rising, sixth, em.zero())
        case ops.Tanh():
            return builder.fmul(gradient, builder.fsub(one, builder.fmul(y, y)))
        case ops.Softplus():
            less = mathematics.exponential_less_one(em, builder.fneg(y))
            return builder.fmul(gradient, builder.fneg(less))
    raise AssertionError(f"The slope of {activation} does not follow from its output.")


def slope_from_input(em: Emitter, activation: Op, x: ir.Value, gradient: ir.Value) -> ir.Value:
    """The gradient before an activation whose slope follows from its input x alone."""
    builder, one = em.builder, em.constant(1.0)
    match activation:
        case ops.Gelu():
            factor = _slope_of_gelu(em, activation, x)
        case ops.Silu():
            gate = mathematics.sigmoid(em, x)
            rest = builder.fmul(x, builder.fsub(one, gate))
            factor = builder.fmul(gate, builder.fadd(one, rest))
        case ops.HardSilu():
            three = em.constant(3.0)
            rising = builder.fadd(builder.fdiv(x, three), em.constant(0.5))
            rising = builder.select(builder.fcmp_ordered(">=", x, three), one, rising)
            flat = builder.fcmp_ordered("<=", x, em.constant(-3.0))
            factor = builder.select(flat, em.zero(), rising)
        case _:
            raise AssertionError(f"The slope of {activation} does not follow from its input.")
    return builder.fmul(gradient, factor)


def _positive(em: Emitter, x: ir.Value) -> ir.Value:
    return em.builder.fcmp_ordered(">", x, em.zero())


def _clipped(em: Emitter, op: ops.ClippedRelu, x: ir.Value) -> ir.Value:
    builder = em.builder
    most, start = em.constant(op.max_value), em.constant(op.threshold)
    above = builder.select(builder.fcmp_ordered(">", x, most), most, x)
    # Without a slope nothing is multiplied: 0 times minus infinity would be no number.
    below: ir.Value = em.zero()
    if op.negative_slope:
        below = builder.fmul(builder.fsub(x, start), em.constant(op.negative_slope))
    return builder.select(builder.fcmp_ordered("<=", x, start), below, above)


def _saturating(em: Emitter, factor: float, x: ir.Value) -> ir.Value:
    """Factor * (e**x - 1), for x <= 0."""
    return em.builder.fmul(mathematics.exponential_less_one(em, x), em.constant(factor))


def _hard_sigmoid(em: Emitter, x: ir.Value) -> ir.Value:
    moved = em.builder.fadd(x, em.constant(3.0))
    return em.builder.fdiv(mathematics.clamp(em, moved, 0.0, 6.0), em.constant(6.0))


def _softplus(em: Emitter, x: ir.Value) -> ir.Value:
    builder = em.builder
    above = builder.select(builder.fcmp_unordered(">", x, em.zero()), x, em.zero())
    small = mathematics.exponential(em, builder.fneg(em.call_math("fabs", x)))
    return builder.fadd(above, mathematics.logarithm_of_one_plus(em, small))


def _part_below(em: Emitter, op: ops.Gelu, x: ir.Value) -> ir.Value:
    """The part of a standard normal distribution that lies below x."""
    builder, half = em.builder, em.constant(0.5)
    if op.approximate:
        cube = builder.fmul(builder.fmul(builder.fmul(em.constant(ops.GELU_CUBIC), x), x), x)
        inner = builder.fmul(em.constant(math.sqrt(2 / math.pi)), builder.fadd(x, cube))
        bent = mathematics.hyperbolic_tangent(em, inner)
    else:
        bent = mathematics.error_function(em, builder.fmul(x, em.constant(math.sqrt(0.5))))
    return builder.fmul(half, builder.fadd(em.constant(1.0), bent))


def _slope_of_gelu(em: Emitter, op: ops.Gelu, x: ir.Value) -> ir.Value:
    builder, one = em.builder, em.constant(1.0)
    part = _part_below(em, op, x)
    square = builder.fmul(x, x)
    if op.approximate:
        inner = builder.fadd(one, builder.fmul(em.constant(3 * ops.GELU_CUBIC), square))
        inner = builder.fmul(em.constant(2 * math.sqrt(2 / math.pi)), inner)
        density = builder.fmul(builder.fmul(part, builder.fsub(one, part)), inner)
    else:
        bell = mathematics.exponential(em, builder.fmul(em.constant(-0.5), square))
        density = builder.fmul(bell, em.constant(1 / math.sqrt(2 * math.pi)))
    return builder.fadd(part, builder.fmul(x, density))
