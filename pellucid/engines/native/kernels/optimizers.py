"""Optimizer steps: the formulas of `pellucid.ops.optimizers`, operation for operation."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import F32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.ops.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

SLOTS = 3  # the most that any optimizer keeps for a parameter


@kernel(*[POINTER] * (1 + SLOTS), POINTER, I64, I64, POINTER, F32, I64)
def update(em: Emitter, optimizer: Optimizer) -> None:
    """One optimizer step for `count` numbers of a parameter.

    Called with (parameter, slot 0, slot 1, slot 2, gradients, partitions, stride, scalars, scale,
    count): the gradient is the sum of `partitions` partial ones that lie `stride` apart, times
    `scale`.
    """
    parameter, *slots, gradients, partitions, stride, scalars, scale, count = em.arguments
    slots = slots[: optimizer.slot_count]
    rates = [em.broadcast(em.float_at(scalars, i)) for i in range(len(optimizer.scalars(0)))]
    scales = em.broadcast(scale)

    def numbers(start: Index, lanes: int) -> None:
        def partition(p: Index, total: ir.Value) -> Values:
            part = em.load(gradients, start, em.multiply(p, stride), lanes=lanes)
            return [em.builder.fadd(total, part)]

        first = em.load(gradients, start, lanes=lanes)
        (total,) = em.loop(1, partitions, partition, [first])
        gradient = em.builder.fmul(total, scales)
        value = em.load(parameter, start, lanes=lanes)
        kept = [em.load(slot, start, lanes=lanes) for slot in slots]
        value, kept = _step(em, optimizer, value, gradient, kept, rates)
        em.store(value, parameter, start, lanes=lanes)
        for slot, now in zip(slots, kept, strict=True):
            em.store(now, slot, start, lanes=lanes)

    full = em.multiply(em.quotient(count, em.vector), em.vector)
    em.loop(0, full, lambda start: numbers(start, em.vector), step=em.vector)
    em.loop(full, count, lambda start: numbers(start, 1))


def _step(
    em: Emitter,
    optimizer: Optimizer,
    value: ir.Value,
    gradient: ir.Value,
    slots: Values,
    rates: Values,
) -> tuple[ir.Value, Values]:
    """The parameter and its slots after one step."""
    if isinstance(optimizer, AdamW):
        value = em.builder.fsub(value, em.builder.fmul(value, rates[1]))
    if isinstance(optimizer, Adam):
        return _adam(em, optimizer, value, gradient, slots, rates[0])
    if isinstance(optimizer, RMSprop):
        return _rmsprop(em, optimizer, value, gradient, slots, rates[0])
    assert isinstance(optimizer, SGD)
    return _sgd(em, optimizer, value, gradient, slots, rates[0])


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
    root = b.fadd(em.call_math("sqrt", squares), em.constant(adam.epsilon))
    return b.fsub(value, b.fdiv(b.fmul(mean, alpha), root)), [mean, squares]
