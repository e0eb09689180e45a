"""Optimizer steps: the formulas of `pellucid.ops.optimizers`, operation for operation."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import F32, I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.ops.optimizers import SGD, Adam, Optimizer, RMSprop

SLOTS = 4  # the most that any optimizer keeps for a parameter
LANES = 16  # sums of squares have as many places, whatever the width of a vector


@dataclass(frozen=True)
class Penalty:
    """What a parameter's size adds to the loss: l1 * sum(|w|) + l2 * sum(w * w)."""

    l1: float = 0.0
    l2: float = 0.0


@kernel(*[POINTER] * (1 + SLOTS), POINTER, I64, I64, POINTER, F32, I64)
def update(em: Emitter, optimizer: Optimizer, penalty: Penalty) -> None:
    """One optimizer step for `count` numbers of a parameter.

    Called with (parameter, slot 0, ..., slot 3, gradients, partitions, stride, scalars, scale,
    count): the gradient is the sum of `partitions` partial ones that lie `stride` apart, times
    `scale`, and that of the penalty.
    """
    parameter, *slots, gradients, partitions, stride, scalars, scale, count = em.arguments
    slots = slots[: optimizer.slot_count]
    rates = [em.broadcast(em.float_at(scalars, i)) for i in range(len(optimizer.scalars(0)))]
    sums = _Sums(em, gradients, partitions, stride, em.broadcast(scale))

    def numbers(start: Index, lanes: int) -> None:
        value = em.load(parameter, start, lanes=lanes)
        gradient = _penalized(em, penalty, sums.at(start, lanes), value)
        if optimizer.clipvalue:
            gradient = _clipped(em, gradient, optimizer.clipvalue)
        kept = [em.load(slot, start, lanes=lanes) for slot in slots]
        value, kept = _step(em, optimizer, value, gradient, kept, rates)
        em.store(value, parameter, start, lanes=lanes)
        for slot, now in zip(slots, kept, strict=True):
            em.store(now, slot, start, lanes=lanes)

    full = em.multiply(em.quotient(count, em.vector), em.vector)
    em.loop(0, full, lambda start: numbers(start, em.vector), step=em.vector)
    em.loop(full, count, lambda start: numbers(start, 1))


@kernel(POINTER, POINTER, I64, I64, F32, POINTER, I64)
def finish(em: Emitter, penalty: Penalty) -> None:
    """Finish `count` numbers of a gradient, and sum their squares.

    Called with (parameter, gradients, partitions, stride, scale, squares, count), as `update`: the
    finished gradient takes the place of the first partial one, its sum of squares goes to
    `squares`. The sum has sixteen places, added up one after the other at the end.
    """
    parameter, gradients, partitions, stride, scale, squares, count = em.arguments
    sums = _Sums(em, gradients, partitions, stride, em.broadcast(scale))

    def finished(start: Index, lanes: int) -> ir.Value:
        value = em.load(parameter, start, lanes=lanes)
        gradient = _penalized(em, penalty, sums.at(start, lanes), value)
        em.store(gradient, gradients, start, lanes=lanes)
        return em.builder.fmul(gradient, gradient)

    def sixteen(start: Index, *totals: ir.Value) -> Values:
        starts = [em.add(start, part * em.vector) for part in range(len(totals))]
        return [
            em.builder.fadd(total, finished(place, em.vector))
            for total, place in zip(totals, starts, strict=True)
        ]

    def one(start: Index, total: ir.Value) -> Values:
        return [em.builder.fadd(total, _lane(em, finished(start, 1), 0))]

    full = em.multiply(em.quotient(count, LANES), LANES)
    vectors = em.loop(0, full, sixteen, [em.zero()] * (LANES // em.vector), step=LANES)
    total: ir.Value = ir.Constant(F32, 0.0)
    for vector in vectors:
        for lane in range(em.vector):
            total = em.builder.fadd(total, _lane(em, vector, lane))
    (total,) = em.loop(full, count, one, [total])
    em.put_float(total, squares)


@dataclass(frozen=True)
class _Sums:
    """The sums of partial gradients, times a scale."""

    em: Emitter
    gradients: ir.Value
    partitions: ir.Value
    stride: ir.Value
    scales: ir.Value

    def at(self, start: Index, lanes: int) -> ir.Value:
        """A vector of them."""
        em = self.em

        def partition(p: Index, total: ir.Value) -> Values:
            part = em.load(self.gradients, start, em.multiply(p, self.stride), lanes=lanes)
            return [em.builder.fadd(total, part)]

        first = em.load(self.gradients, start, lanes=lanes)
        (total,) = em.loop(1, self.partitions, partition, [first])
        return em.builder.fmul(total, self.scales)


def _lane(em: Emitter, vector: ir.Value, lane: int) -> ir.Value:
    return em.builder.extract_element(vector, ir.Constant(I32, lane))


def _penalized(em: Emitter, penalty: Penalty, gradient: ir.Value, value: ir.Value) -> ir.Value:
    """The gradient with l1 * sign(w) + 2 * l2 * w."""
    b, slope = em.builder, None
    if penalty.l1:
        negative = b.select(
            b.fcmp_ordered("<", value, em.zero()), em.constant(-penalty.l1), em.zero()
        )
        positive = b.fcmp_ordered(">", value, em.zero())
        slope = b.select(positive, em.constant(penalty.l1), negative)
    if penalty.l2:
        size = b.fmul(value, em.constant(2 * penalty.l2))
        slope = size if slope is None else b.fadd(slope, size)
    return gradient if slope is None else b.fadd(gradient, slope)


def _clipped(em: Emitter, gradient: ir.Value, limit: float) -> ir.Value:
    """The gradient, brought into [-limit, limit]."""
    b, most, least = em.builder, em.constant(limit), em.constant(-limit)
    gradient = b.select(b.fcmp_ordered(">", gradient, most), most, gradient)
    return b.select(b.fcmp_ordered("<", gradient, least), least, gradient)


def _step(
    em: Emitter,
    optimizer: Optimizer,
    value: ir.Value,
    gradient: ir.Value,
    slots: Values,
    rates: Values,
) -> tuple[ir.Value, Values]:
    """The parameter and its slots after one step: decay, the formula, the average."""
    b = em.builder
    if optimizer.weight_decay:
        value = b.fsub(value, b.fmul(value, rates[1]))
    value, kept = _follow(em, optimizer, value, gradient, slots[: optimizer.own_slots], rates[0])
    if optimizer.use_ema:
        average = b.fadd(b.fmul(slots[-1], rates[-2]), b.fmul(value, rates[-1]))
        kept = [*kept, average]
    return value, kept


def _follow(
    em: Emitter,
    optimizer: Optimizer,
    value: ir.Value,
    gradient: ir.Value,
    slots: Values,
    rate: ir.Value,
) -> tuple[ir.Value, Values]:
    """The parameter and the formula's own slots after it."""
    if isinstance(optimizer, Adam):
        return _adam(em, optimizer, value, gradient, slots, rate)
    if isinstance(optimizer, RMSprop):
        return _rmsprop(em, optimizer, value, gradient, slots, rate)
    assert isinstance(optimizer, SGD)
    return _sgd(em, optimizer, value, gradient, slots, rate)


def _sgd(
    em: Emitter, sgd: SGD, value: ir.Value, gradient: ir.Value, slots: Values, rate: ir.Value
) -> tuple[ir.Value, Values]:
    b = em.builder
    change = b.fmul(gradient, rate)
    if not slots:
        return b.fsub(value, change), []
    momentum = em.constant(sgd.momentum)
    velocity = b.fsub(b.fmul(slots[0], momentum), change)
    ahead = b.fsub(b.fmul(velocity, momentum), change) if sgd.nesterov else velocity
    return b.fadd(value, ahead), [velocity]


def _rmsprop(
    em: Emitter,
    rmsprop: RMSprop,
    value: ir.Value,
    gradient: ir.Value,
    slots: Values,
    rate: ir.Value,
) -> tuple[ir.Value, Values]:
    b = em.builder
    rho, rest = em.constant(rmsprop.rho), em.constant(1 - rmsprop.rho)
    square = b.fmul(b.fmul(gradient, gradient), rest)
    squares = b.fadd(b.fmul(slots[0], rho), square)
    kept, variance = [squares], squares
    if rmsprop.centered:
        mean = b.fadd(b.fmul(slots[1], rho), b.fmul(gradient, rest))
        kept.append(mean)
        variance = b.fsub(squares, b.fmul(mean, mean))
    root = em.call_math("sqrt", b.fadd(variance, em.constant(rmsprop.epsilon)))
    change = b.fdiv(b.fmul(gradient, rate), root)
    if rmsprop.momentum:
        change = b.fadd(b.fmul(slots[-1], em.constant(rmsprop.momentum)), change)
        kept.append(change)
    return b.fsub(value, change), kept


def _adam(
    em: Emitter, adam: Adam, value: ir.Value, gradient: ir.Value, slots: Values, alpha: ir.Value
) -> tuple[ir.Value, Values]:
    b = em.builder
    difference = b.fmul(b.fsub(gradient, slots[0]), em.constant(1 - adam.beta_1))
    mean = b.fadd(slots[0], difference)
    difference = b.fsub(b.fmul(gradient, gradient), slots[1])
    squares = b.fadd(slots[1], b.fmul(difference, em.constant(1 - adam.beta_2)))
    kept, second = [mean, squares], squares
    if adam.amsgrad:
        larger = b.fcmp_ordered(">", slots[2], squares)
        second = b.select(larger, slots[2], squares)
        kept.append(second)
    root = b.fadd(em.call_math("sqrt", second), em.constant(adam.epsilon))
    return b.fsub(value, b.fdiv(b.fmul(mean, alpha), root)), kept
