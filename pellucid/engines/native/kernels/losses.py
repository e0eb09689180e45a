"""Softmax, and the losses with their gradients: one sample after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native.emit import F32, I32, I64, POINTER, Emitter, Index, Values, kernel
from pellucid.engines.native.kernels import mathematics
from pellucid.engines.native.kernels.regions import begin, for_pixels
from pellucid.engines.native.kernels.tiling import for_pieces
from pellucid.engines.native.layout import Layout
from pellucid.ops.losses import (
    EPSILON,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)


def ordered_sum(em: Emitter, total: ir.Value, vector: ir.Value, lanes: int) -> ir.Value:
    """Total + the first lanes of a vector, one after the other: the same at any vector width."""
    for lane in range(lanes):
        item = em.builder.extract_element(vector, ir.Constant(I32, lane))
        total = em.builder.fadd(total, item)
    return total


def largest(em: Emitter, x: ir.Value, channels: int) -> ir.Value:
    """The largest of `channels` numbers, in every lane."""
    first = em.broadcast(em.float_at(x))

    def body(c: Index, lanes: int, most: ir.Value) -> Values:
        value = em.load(x, c, lanes=lanes)
        larger = em.builder.fcmp_ordered(">", value, most)
        if lanes < em.vector:
            larger = em.builder.and_(larger, em.mask(lanes))
        return [em.builder.select(larger, value, most)]

    (most,) = for_pieces(em, channels, em.vector, body, [first])
    scalar = em.builder.extract_element(most, ir.Constant(I32, 0))
    for lane in range(1, min(em.vector, channels)):
        item = em.builder.extract_element(most, ir.Constant(I32, lane))
        scalar = em.builder.select(em.builder.fcmp_ordered(">", item, scalar), item, scalar)
    return em.broadcast(scalar)


def softmax_row(em: Emitter, x: ir.Value, y: ir.Value, channels: int) -> tuple[ir.Value, ir.Value]:
    """Write softmax(x) to y; returns the largest number and the sum of exponentials, as vectors."""
    most = largest(em, x, channels)

    def exponentials(c: Index, lanes: int, total: ir.Value) -> Values:
        value = mathematics.exponential(em, em.builder.fsub(em.load(x, c, lanes=lanes), most))
        em.store(value, y, c, lanes=lanes)
        return [ordered_sum(em, total, value, lanes)]

    (total,) = for_pieces(em, channels, em.vector, exponentials, [ir.Constant(F32, 0.0)])
    divisor = em.broadcast(total)

    def divide(c: Index, lanes: int) -> None:
        em.store(em.builder.fdiv(em.load(y, c, lanes=lanes), divisor), y, c, lanes=lanes)

    for_pieces(em, channels, em.vector, divide)
    return most, divisor


@kernel(POINTER, POINTER, I64)
def softmax(em: Emitter, source: Layout, target: Layout) -> None:
    """Softmax of every pixel's channels. Called with (x, y, samples)."""
    x, y, samples = em.arguments

    def pixel(offsets: list[Index]) -> None:
        softmax_row(em, em.at(x, offsets[0]), em.at(y, offsets[1]), source.channels)

    for_pixels(em, samples, [source, target], pixel)


@kernel(POINTER, POINTER, POINTER, I64)
def softmax_gradient(em: Emitter, source: Layout, target: Layout, add: bool = False) -> None:
    """Compute dx = y (dy - sum(dy · y)) of every row. Called with (y, dy, dx, samples).

    dx lies as the source, y and dy as the target of the forward pass. add: to what lies in dx.
    """
    y, dy, dx, samples = em.arguments
    add = begin(em, dx, samples, target, source, add)

    def pixel(offsets: list[Index]) -> None:
        before, behind = offsets

        def dot(c: Index, lanes: int, total: ir.Value) -> Values:
            products = em.builder.fmul(
                em.load(y, behind, c, lanes=lanes), em.load(dy, behind, c, lanes=lanes)
            )
            return [ordered_sum(em, total, products, lanes)]

        (total,) = for_pieces(em, source.channels, em.vector, dot, [ir.Constant(F32, 0.0)])
        mean = em.broadcast(total)

        def spread(c: Index, lanes: int) -> None:
            gradient = em.builder.fsub(em.load(dy, behind, c, lanes=lanes), mean)
            value = em.builder.fmul(em.load(y, behind, c, lanes=lanes), gradient)
            em.give(value, dx, before, c, lanes=lanes, add=add)

        for_pieces(em, source.channels, em.vector, spread)

    for_pixels(em, samples, [source, target], pixel)


@dataclass(frozen=True)
class LossSizes:
    """What a loss reads: rows × channels of predictions, lying one after the other.

    source_stride, gradient_stride: from one sample of the network's output, and of its gradient,
    to the next. sparse: whether a target is the number of a class. share: how much the loss
    counts among those of several outputs.
    """

    rows: int
    channels: int
    source_stride: int
    gradient_stride: int
    sparse: bool
    share: float = 1.0

    @property
    def predictions(self) -> int:
        """Numbers in one prediction."""
        return self.rows * self.channels

    @property
    def targets(self) -> int:
        """Numbers in one target."""
        return self.rows if self.sparse else self.predictions


Target = Callable[[Index, int], ir.Value]
RowLoss = Callable[[Emitter, ir.Value, Target, ir.Value, ir.Value, int], ir.Value]


@kernel(*[POINTER] * 7, I64, I64)
def loss(em: Emitter, kind: Loss, show_logits: bool, sizes: LossSizes) -> None:
    """The loss, the prediction and the gradient of some samples.

    Called with (x, targets, weights, order, losses, predictions, dx, first, samples). Sample i
    answers the target order[first + i]; its loss and prediction are number first + i. The loss is
    told times the weight order[first + i], if there are weights; the gradient is that of this,
    times the loss's share. show_logits: whether a
    loss `from_logits` reads the network's own output, which is then what predictions are, and not
    that of a softmax or sigmoid which the loss took over.
    """
    x, targets, weights, order, losses, predictions, dx, first, samples = em.arguments
    positions, handle = sizes.rows, _row_loss(kind, show_logits)

    def sample(number: Index) -> None:
        place = em.add(first, number)
        example = em.builder.load(em.at(order, place, kind=I64), typ=I64, align=8)
        x_sample = em.at(x, em.multiply(number, sizes.source_stride))
        dx_sample = em.at(dx, em.multiply(number, sizes.gradient_stride))
        p_sample = em.at(predictions, em.multiply(place, sizes.predictions))
        element = I32 if sizes.sparse else F32
        t_sample = em.at(targets, em.multiply(example, sizes.targets), kind=element)

        def row(r: Index, total: ir.Value) -> Values:
            offset = em.multiply(r, sizes.channels)
            target = _target(em, t_sample, r, sizes, kind)
            here = [em.at(pointer, offset) for pointer in (x_sample, p_sample, dx_sample)]
            value = handle(em, here[0], target, here[1], here[2], sizes.channels)
            return [em.builder.fadd(total, value)]

        (total,) = em.loop(0, sizes.rows, row, [ir.Constant(F32, 0.0)])
        if positions > 1:
            total = em.builder.fdiv(total, ir.Constant(F32, float(positions)))
            each(dx_sample, lambda dx: em.builder.fdiv(dx, em.constant(float(positions))))
        (total,) = em.choose(
            em.builder.icmp_unsigned("==", weights, ir.Constant(POINTER, None)),
            lambda: [total],
            lambda: weighed(em.float_at(weights, example), total, dx_sample),
        )
        em.put_float(total, losses, place)
        if sizes.share != 1:
            each(dx_sample, lambda dx: em.builder.fmul(dx, em.constant(sizes.share)))

    def weighed(weight: ir.Value, total: ir.Value, dx_sample: ir.Value) -> Values:
        factors = em.broadcast(weight)
        each(dx_sample, lambda dx: em.builder.fmul(dx, factors))
        return [em.builder.fmul(total, weight)]

    def each(dx_sample: ir.Value, change: Callable[[ir.Value], ir.Value]) -> None:
        def numbers(c: Index, lanes: int) -> None:
            em.store(change(em.load(dx_sample, c, lanes=lanes)), dx_sample, c, lanes=lanes)

        for_pieces(em, sizes.predictions, em.vector, numbers)

    em.loop(0, samples, sample)


def _target(em: Emitter, targets: ir.Value, row: Index, sizes: LossSizes, kind: Loss) -> Target:
    """Vectors of a row's target: loaded, or one-hot of the class that it numbers."""
    if not sizes.sparse:
        start = em.at(targets, em.multiply(row, sizes.channels))
        return lambda c, lanes: _smoothed(em, em.load(start, c, lanes=lanes), sizes, kind)
    label = em.builder.load(em.at(targets, row, kind=I32), typ=I32, align=4)
    label_vector = em.broadcast(label)
    numbers = ir.Constant(label_vector.type, list(range(em.vector)))

    def one_hot(c: Index, lanes: int) -> ir.Value:
        first = em.broadcast(em.builder.trunc(em.integer(c), I32))
        hit = em.builder.icmp_signed("==", em.builder.add(first, numbers), label_vector)
        return em.builder.select(hit, em.constant(1.0), em.zero())

    return one_hot


def _smoothed(em: Emitter, target: ir.Value, sizes: LossSizes, kind: Loss) -> ir.Value:
    """A target with its labels smoothed, as the loss says."""
    smoothing = getattr(kind, "label_smoothing", 0.0)
    if not smoothing:
        return target
    floor = smoothing / (2 if isinstance(kind, BinaryCrossentropy) else sizes.channels)
    kept = em.builder.fmul(target, em.constant(1 - smoothing))
    return em.builder.fadd(kept, em.constant(floor))


def categorical_of_logits(
    em: Emitter, x: ir.Value, target: Target, p: ir.Value, dx: ir.Value, channels: int
) -> ir.Value:
    """Cross-entropy of softmax(x): sum(t) · log(sum(exp)) - t · x, gradient p · sum(t) - t."""
    builder = em.builder
    most, total = softmax_row(em, x, p, channels)
    log_total = mathematics.logarithm(em, total)

    def terms(c: Index, lanes: int, loss: ir.Value, weight: ir.Value) -> Values:
        value = target(c, lanes)
        shifted = builder.fsub(em.load(x, c, lanes=lanes), most)
        surprise = builder.fmul(value, builder.fsub(log_total, shifted))
        return [ordered_sum(em, loss, surprise, lanes), ordered_sum(em, weight, value, lanes)]

    zero = ir.Constant(F32, 0.0)
    loss, weight = for_pieces(em, channels, em.vector, terms, [zero, zero])
    weights = em.broadcast(weight)

    def gradient(c: Index, lanes: int) -> None:
        expected = builder.fmul(em.load(p, c, lanes=lanes), weights)
        em.store(builder.fsub(expected, target(c, lanes)), dx, c, lanes=lanes)

    for_pieces(em, channels, em.vector, gradient)
    return loss


def showing_logits(row_loss: RowLoss) -> RowLoss:
    """The same loss for a network whose own output is the logits: those are what it shows."""

    def row(
        em: Emitter, x: ir.Value, target: Target, p: ir.Value, dx: ir.Value, channels: int
    ) -> ir.Value:
        loss = row_loss(em, x, target, p, dx, channels)

        def copy(c: Index, lanes: int) -> None:
            em.store(em.load(x, c, lanes=lanes), p, c, lanes=lanes)

        for_pieces(em, channels, em.vector, copy)
        return loss

    return row


def categorical_of_probabilities(
    em: Emitter, x: ir.Value, target: Target, p: ir.Value, dx: ir.Value, channels: int
) -> ir.Value:
    """Cross-entropy of the shares x / sum(x), clipped as Keras does."""
    builder = em.builder
    zero = ir.Constant(F32, 0.0)

    def copy(c: Index, lanes: int, total: ir.Value) -> Values:
        value = em.load(x, c, lanes=lanes)
        em.store(value, p, c, lanes=lanes)
        return [ordered_sum(em, total, value, lanes)]

    (total,) = for_pieces(em, channels, em.vector, copy, [zero])
    sums = em.broadcast(total)

    def terms(c: Index, lanes: int, loss: ir.Value, inner: ir.Value) -> Values:
        value = target(c, lanes)
        shares = builder.fdiv(em.load(x, c, lanes=lanes), sums)
        clipped, inside = clip(em, shares)
        surprise = builder.fmul(value, builder.fneg(mathematics.logarithm(em, clipped)))
        by_share = builder.fneg(builder.fdiv(value, clipped))
        by_share = builder.select(inside, by_share, em.zero())
        em.store(by_share, dx, c, lanes=lanes)
        products = builder.fmul(by_share, shares)
        return [ordered_sum(em, loss, surprise, lanes), ordered_sum(em, inner, products, lanes)]

    loss, inner = for_pieces(em, channels, em.vector, terms, [zero, zero])
    means = em.broadcast(inner)

    def gradient(c: Index, lanes: int) -> None:
        difference = builder.fsub(em.load(dx, c, lanes=lanes), means)
        em.store(builder.fdiv(difference, sums), dx, c, lanes=lanes)

    for_pieces(em, channels, em.vector, gradient)
    return loss


def clip(em: Emitter, probabilities: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Probabilities held in [1e-7, 1 - 1e-7], and where they were inside already."""
    builder = em.builder
    low, high = em.constant(EPSILON), em.constant(1 - EPSILON)
    inside = builder.and_(
        builder.fcmp_ordered(">=", probabilities, low),
        builder.fcmp_ordered("<=", probabilities, high),
    )
    return mathematics.clamp(em, probabilities, EPSILON, 1 - EPSILON), inside


def number_by_number(
    prediction: Callable[[Emitter, ir.Value], ir.Value],
    value_and_slope: Callable[[Emitter, ir.Value, ir.Value, ir.Value], tuple[ir.Value, ir.Value]],
) -> RowLoss:
    """A loss that is the mean, over a row, of a function of prediction and target.

    prediction: what to show for x. value_and_slope(x, shown, target): the loss of each number, and
    its derivative by x.
    """

    def row(
        em: Emitter, x: ir.Value, target: Target, p: ir.Value, dx: ir.Value, channels: int
    ) -> ir.Value:
        def terms(c: Index, lanes: int, total: ir.Value) -> Values:
            value = em.load(x, c, lanes=lanes)
            shown = prediction(em, value)
            em.store(shown, p, c, lanes=lanes)
            losses, slopes = value_and_slope(em, value, shown, target(c, lanes))
            count = em.constant(float(channels))
            em.store(em.builder.fdiv(slopes, count), dx, c, lanes=lanes)
            return [ordered_sum(em, total, losses, lanes)]

        (total,) = for_pieces(em, channels, em.vector, terms, [ir.Constant(F32, 0.0)])
        return em.builder.fdiv(total, ir.Constant(F32, float(channels)))

    return row


def _binary_of_logits(
    em: Emitter, x: ir.Value, shown: ir.Value, target: ir.Value
) -> tuple[ir.Value, ir.Value]:
    builder = em.builder
    tail = mathematics.softplus_of_minus(em, em.call_math("fabs", x))
    positive = builder.select(builder.fcmp_ordered(">", x, em.zero()), x, em.zero())
    value = builder.fadd(builder.fsub(positive, builder.fmul(x, target)), tail)
    return value, builder.fsub(shown, target)


def _binary_of_probabilities(
    em: Emitter, x: ir.Value, shown: ir.Value, target: ir.Value
) -> tuple[ir.Value, ir.Value]:
    builder = em.builder
    yes, inside = clip(em, x)
    no, other = builder.fsub(em.constant(1.0), yes), builder.fsub(em.constant(1.0), target)
    value = builder.fneg(
        builder.fadd(
            builder.fmul(target, mathematics.logarithm(em, yes)),
            builder.fmul(other, mathematics.logarithm(em, no)),
        )
    )
    slope = builder.fdiv(builder.fsub(yes, target), builder.fmul(yes, no))
    return value, builder.select(inside, slope, em.zero())


def _squared(
    em: Emitter, x: ir.Value, shown: ir.Value, target: ir.Value
) -> tuple[ir.Value, ir.Value]:
    difference = em.builder.fsub(x, target)
    return (
        em.builder.fmul(difference, difference),
        em.builder.fadd(difference, difference),
    )


def _itself(em: Emitter, x: ir.Value) -> ir.Value:
    return x


binary_of_logits = number_by_number(mathematics.sigmoid, _binary_of_logits)
binary_of_probabilities = number_by_number(_itself, _binary_of_probabilities)
squared = number_by_number(_itself, _squared)


def _row_loss(loss: Loss, show_logits: bool) -> RowLoss:
    """What handles one row: it stores prediction and gradient, and returns the row's loss."""
    if isinstance(loss, MeanSquaredError):
        return squared
    if isinstance(loss, BinaryCrossentropy):
        found = binary_of_logits if loss.from_logits else binary_of_probabilities
    else:
        assert isinstance(loss, CategoricalCrossentropy | SparseCategoricalCrossentropy)
        found = categorical_of_logits if loss.from_logits else categorical_of_probabilities
    return showing_logits(found) if loss.from_logits and show_logits else found
