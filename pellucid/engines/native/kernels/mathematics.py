"""Elementary functions as polynomials: the same bits on every CPU that has a fused multiply-add.

The coefficients are those of the Cephes library (S. Moshier, single precision), within two units
in the last place of the true value.
"""

from __future__ import annotations

from llvmlite import ir

from pellucid import random
from pellucid.engines.native.emit import I32, Emitter

LOG2_E = 1.44269504088896341
LN2_HIGH = 0.693359375
LN2_LOW = -2.12194440e-4
LARGEST = 88.3762626647949
SMALLEST = -87.3365447504019


def polynomial(em: Emitter, x: ir.Value, coefficients: list[float]) -> ir.Value:
    """Horner's scheme, the highest power's coefficient first."""
    result: ir.Value = em.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        result = em.fma(result, x, em.constant(coefficient))
    return result


def clamp(em: Emitter, x: ir.Value, low: float, high: float) -> ir.Value:
    """x, held between two numbers; a NaN stays one."""
    builder = em.builder
    x = builder.select(builder.fcmp_ordered("<", x, em.constant(low)), em.constant(low), x)
    return builder.select(builder.fcmp_ordered(">", x, em.constant(high)), em.constant(high), x)


def exponential(em: Emitter, x: ir.Value) -> ir.Value:
    """e**x, never denormal and never infinite."""
    more, power = _exponential_parts(em, x)
    return em.builder.fmul(em.builder.fadd(more, em.constant(1.0)), power)


def exponential_less_one(em: Emitter, x: ir.Value) -> ir.Value:
    """e**x - 1, which keeps its digits near 0; never infinite."""
    more, power = _exponential_parts(em, x)
    return em.fma(power, more, em.builder.fsub(power, em.constant(1.0)))


def _exponential_parts(em: Emitter, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """(m, p) with e**x = (1 + m) * p, where p is a power of two."""
    builder = em.builder
    x = clamp(em, x, SMALLEST, LARGEST)
    power = em.call_math("floor", em.fma(x, em.constant(LOG2_E), em.constant(0.5)))
    rest = em.fma(power, em.constant(-LN2_HIGH), x)
    rest = em.fma(power, em.constant(-LN2_LOW), rest)
    series = polynomial(
        em,
        rest,
        [
            1.9875691500e-4,
            1.3981999507e-3,
            8.3334519073e-3,
            4.1665795894e-2,
            1.6666665459e-1,
            5.0000001201e-1,
        ],
    )
    square = builder.fmul(rest, rest)
    more = em.fma(series, square, rest)
    integers = ir.VectorType(I32, em.vector)
    # A NaN has no integer: it takes the exponent of zero, and m keeps it a NaN.
    known = builder.fcmp_ordered("ord", x, x)
    power = builder.select(known, power, em.zero())
    exponent = builder.fptosi(power, integers)
    bits = builder.shl(
        builder.add(exponent, ir.Constant(integers, [127] * em.vector)),
        ir.Constant(integers, [23] * em.vector),
    )
    return more, builder.bitcast(bits, em.float_vector)


def logarithm(em: Emitter, x: ir.Value) -> ir.Value:
    """The natural logarithm of a positive, normal, finite x; a NaN stays one."""
    builder = em.builder
    integers = ir.VectorType(I32, em.vector)

    def all_lanes(value: int) -> ir.Constant:
        return ir.Constant(integers, [value] * em.vector)

    bits = builder.bitcast(x, integers)
    exponent = builder.sub(builder.ashr(bits, all_lanes(23)), all_lanes(126))
    fraction = builder.or_(builder.and_(bits, all_lanes(0x007FFFFF)), all_lanes(0x3F000000))
    mantissa = builder.bitcast(fraction, em.float_vector)
    small = builder.fcmp_ordered("<", mantissa, em.constant(0.707106781186547524))
    power = builder.sitofp(exponent, em.float_vector)
    power = builder.select(small, builder.fsub(power, em.constant(1.0)), power)
    mantissa = builder.select(small, builder.fadd(mantissa, mantissa), mantissa)
    rest = builder.fsub(mantissa, em.constant(1.0))
    series = polynomial(
        em,
        rest,
        [
            7.0376836292e-2,
            -1.1514610310e-1,
            1.1676998740e-1,
            -1.2420140846e-1,
            1.4249322787e-1,
            -1.6668057665e-1,
            2.0000714765e-1,
            -2.4999993993e-1,
            3.3333331174e-1,
        ],
    )
    square = builder.fmul(rest, rest)
    correction = builder.fmul(builder.fmul(series, rest), square)
    correction = em.fma(power, em.constant(LN2_LOW), correction)
    correction = em.fma(square, em.constant(-0.5), correction)
    result = em.fma(power, em.constant(LN2_HIGH), builder.fadd(rest, correction))
    return builder.select(builder.fcmp_ordered("ord", x, x), result, x)


def sigmoid(em: Emitter, x: ir.Value) -> ir.Value:
    """1 / (1 + e**-x)."""
    one = em.constant(1.0)
    return em.builder.fdiv(one, em.builder.fadd(one, exponential(em, em.builder.fneg(x))))


def hyperbolic_tangent(em: Emitter, x: ir.Value) -> ir.Value:
    """tanh(x): a polynomial near zero, where the quotient would lose digits."""
    builder = em.builder
    square = builder.fmul(x, x)
    series = polynomial(
        em,
        square,
        [
            -5.70498872745e-3,
            2.06390887954e-2,
            -5.37397155531e-2,
            1.33314422036e-1,
            -3.33332819422e-1,
        ],
    )
    near = em.fma(builder.fmul(series, square), x, x)
    size = em.call_math("fabs", x)
    one, two = em.constant(1.0), em.constant(2.0)
    grown = builder.fadd(exponential(em, builder.fadd(size, size)), one)
    far = em.call_math("copysign", builder.fsub(one, builder.fdiv(two, grown)), x)
    return builder.select(builder.fcmp_ordered("<", size, em.constant(0.625)), near, far)


def softplus_of_minus(em: Emitter, size: ir.Value) -> ir.Value:
    """log(1 + e**-size) for size >= 0."""
    grown = exponential(em, em.builder.fneg(size))
    return logarithm(em, em.builder.fadd(em.constant(1.0), grown))


def logarithm_of_one_plus(em: Emitter, x: ir.Value) -> ir.Value:
    """log(1 + x) for x from 0 to 1; it keeps its digits near 0."""
    builder, one = em.builder, em.constant(1.0)
    grown = builder.fadd(one, x)
    lost = builder.fsub(x, builder.fsub(grown, one))
    return builder.fadd(logarithm(em, grown), builder.fdiv(lost, grown))


def error_function(em: Emitter, x: ir.Value) -> ir.Value:
    """erf(x): a polynomial near zero, 1 - e**(-x * x) / x times others further out."""
    builder, one = em.builder, em.constant(1.0)
    size = em.call_math("fabs", x)
    square = builder.fmul(x, x)
    near = builder.fmul(
        x,
        polynomial(
            em,
            square,
            [
                7.853861353153693e-5,
                -8.010193625184903e-4,
                5.188327685732524e-3,
                -2.685381193529856e-2,
                1.128358514861418e-1,
                -3.761262582423300e-1,
                1.128379165726710,
            ],
        ),
    )
    inverse = builder.fdiv(one, size)
    small = builder.fmul(inverse, inverse)
    middle = polynomial(
        em,
        small,
        [
            2.326819970068386e-2,
            -1.387039388740657e-1,
            3.687424674597105e-1,
            -5.824733027278666e-1,
            6.210004621745983e-1,
            -4.944515323274145e-1,
            3.404879937665872e-1,
            -2.741127028184656e-1,
            5.638259427386472e-1,
        ],
    )
    outer = polynomial(
        em,
        small,
        [
            -1.047766399936249e1,
            1.297719955372516e1,
            -7.495518717768503,
            2.921019019210786,
            -1.015265279202700,
            4.218463358204948e-1,
            -2.820767439740514e-1,
            5.641895067754075e-1,
        ],
    )
    series = builder.select(builder.fcmp_ordered("<", size, em.constant(2.0)), middle, outer)
    bell = exponential(em, builder.fneg(square))
    beyond = builder.fmul(builder.fmul(bell, inverse), series)
    far = em.call_math("copysign", builder.fsub(one, beyond), x)
    return builder.select(builder.fcmp_ordered("<", size, one), near, far)


def normal_quantile(em: Emitter, word: ir.Value) -> ir.Value:
    """The normal number that `pellucid.random.normal` makes of a random word, in single precision.

    What lies far out in the tails is not reached: the uniform number has 24 bits.
    """
    builder = em.builder
    whole = builder.lshr(word, ir.Constant(word.type, [8] * em.vector))
    whole = builder.sub(whole, ir.Constant(word.type, [1 << 23] * em.vector))
    # The probability less a half, half a step up: these operations are exact.
    above = builder.fadd(builder.sitofp(whole, em.float_vector), em.constant(0.5))
    centred = builder.fmul(above, em.constant(2.0**-24))
    size = em.call_math("fabs", centred)
    rest = em.fma(builder.fneg(centred), centred, em.constant(0.180625))
    middle = builder.fmul(centred, _quotient(em, rest, random.QUANTILE_MIDDLE))
    outside = builder.fsub(em.constant(0.5), size)
    tail = em.call_math("sqrt", builder.fneg(logarithm(em, outside)))
    outer = _quotient(em, builder.fsub(tail, em.constant(1.6)), random.QUANTILE_TAIL)
    inner = builder.fcmp_ordered("<=", size, em.constant(0.425))
    return builder.select(inner, middle, em.call_math("copysign", outer, centred))


def _quotient(
    em: Emitter, x: ir.Value, polynomials: tuple[tuple[float, ...], tuple[float, ...]]
) -> ir.Value:
    numerator, denominator = (polynomial(em, x, list(each)) for each in polynomials)
    return em.builder.fdiv(numerator, denominator)
