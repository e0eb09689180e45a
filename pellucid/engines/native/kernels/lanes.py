"""Formulas that are written in NumPy's functions, emitted as they are.

`Lanes` answers to these functions as an array of float32 does, but what it holds is a vector of
the compiler, and what it does is emit instructions. So a formula of `pellucid.ops` is said once,
computed by the reference engine and compiled from the same lines, and both round alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.lib.mixins import NDArrayOperatorsMixin

from pellucid.engines.native.emit import I32, I64, Emitter, Index
from pellucid.engines.native.kernels.elementwise import philox


class Lanes(NDArrayOperatorsMixin):
    """A vector of float32, or of truth values, in formulas."""

    def __init__(self, em: Emitter, vector: ir.Value) -> None:
        self.em = em
        self.vector = vector

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        """Emit one of NumPy's functions of single numbers."""
        if method != "__call__" or named or function not in _FUNCTIONS:
            return NotImplemented
        return Lanes(self.em, _FUNCTIONS[function](self.em, *map(self._vector, inputs)))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any, named: Any
    ) -> Any:
        """Emit a choice between two vectors."""
        if function is not np.where or named:
            return NotImplemented
        return Lanes(self.em, self.em.builder.select(*map(self._vector, arguments)))

    def _vector(self, value: Any) -> ir.Value:
        """The vector of something in a formula: of numbers, the same in every lane."""
        return value.vector if isinstance(value, Lanes) else self.em.constant(float(value))

    def integers(self) -> ir.Value:
        """Whole numbers as a vector of 32-bit integers."""
        return self.em.builder.fptosi(self.vector, ir.VectorType(I32, self.em.vector))

    def first(self) -> ir.Value:
        """What the first lane holds."""
        return self.em.builder.extract_element(self.vector, ir.Constant(I32, 0))

    def first_integer(self) -> ir.Value:
        """The whole number in the first lane as an index."""
        return self.em.builder.fptosi(self.first(), I64)


def _compared(sign: str) -> Callable[..., ir.Value]:
    return lambda em, a, b: em.builder.fcmp_ordered(sign, a, b)


def _minimum(em: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    return em.builder.select(em.builder.fcmp_ordered("<", a, b), a, b)


def _maximum(em: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    return em.builder.select(em.builder.fcmp_ordered(">", a, b), a, b)


_FUNCTIONS: dict[np.ufunc, Callable[..., ir.Value]] = {
    np.add: lambda em, a, b: em.builder.fadd(a, b),
    np.subtract: lambda em, a, b: em.builder.fsub(a, b),
    np.multiply: lambda em, a, b: em.builder.fmul(a, b),
    np.minimum: _minimum,
    np.maximum: _maximum,
    np.absolute: lambda em, a: em.call_math("fabs", a),
    np.floor: lambda em, a: em.call_math("floor", a),
    np.rint: lambda em, a: em.call_math("rint", a),
    np.less: _compared("<"),
    np.less_equal: _compared("<="),
    np.greater: _compared(">"),
    np.equal: _compared("=="),
}


def repeated(em: Emitter, number: Index) -> Lanes:
    """A whole number in every lane."""
    scalar = em.builder.sitofp(em.integer(number), em.float_vector.element)
    return Lanes(em, em.broadcast(scalar))


def counted(em: Emitter, start: Index) -> Lanes:
    """start, start + 1, … in the lanes, whole numbers."""
    steps = ir.Constant(em.float_vector, list(map(float, range(em.vector))))
    return Lanes(em, em.builder.fadd(repeated(em, start).vector, steps))


def chance(em: Emitter, draw: int, sample: Index, key: ir.Value) -> Lanes:
    """The number `pellucid.random.uniform(key, draw, sample)` in every lane."""
    builder = em.builder
    words = ir.VectorType(I32, em.vector)
    place = em.broadcast(builder.trunc(em.integer(sample), I32))
    first = ir.Constant(words, [draw] * em.vector)
    word = philox(em, first, place, em.broadcast(key))
    bits = builder.lshr(word, ir.Constant(words, [8] * em.vector))
    return Lanes(em, builder.fmul(builder.uitofp(bits, em.float_vector), em.constant(2.0**-24)))
