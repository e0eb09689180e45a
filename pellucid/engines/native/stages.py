"""Stages: what the compiler emits for each step of a plan, and how the driver calls it.

`emit` makes a stage's kernels; `forward` and `backward` emit the calls, for some samples whose
numbers lie where `Call` says. Adding an operation to the engine means adding a stage here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from llvmlite import ir

from pellucid.engines.native.emit import I8, Emitter, Index
from pellucid.engines.native.kernels import (
    convolution,
    dense,
    elementwise,
    losses,
    packing,
    pooled,
    pooling,
)
from pellucid.engines.native.layout import Layout, aligned
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import ACTIVATIONS, Plan, Step, computed_size
from pellucid.ops.activations import Softmax
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling


@dataclass
class Call:
    """Where the numbers of some samples lie, while the driver is being emitted.

    values, gradients: the address of each value's and each gradient's first sample.
    winners, unpooled: the same for what each stage's pooling has chosen, and for the gradient
    before the pooling. parameter, partial, packed: the addresses of a parameter, of its gradient
    in this partition, and of its transposed form.
    first: the number of the first sample in the batch. key: the random key of a node.
    """

    em: Emitter
    values: list[ir.Value]
    gradients: list[ir.Value | None]
    winners: list[ir.Value | None]
    unpooled: list[ir.Value | None]
    parameter: Callable[[int], ir.Value]
    partial: Callable[[int], ir.Value]
    packed: Callable[[int], ir.Value]
    scratch: Callable[[int], ir.Value]
    samples: ir.Value
    first: ir.Value
    key: Callable[[int], ir.Value]


@dataclass
class Stage:
    """One step with its place and layouts. `input_gradient`: whether anything below learns."""

    place: int
    step: Step
    source: Layout
    target: Layout
    input_gradient: bool
    trainable: tuple[bool, ...]
    functions: dict[str, ir.Function] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[int, ...]:
        """Numbers of the parameters, kernel first."""
        return self.step.node.parameters

    @property
    def winner_bytes(self) -> int:
        """Bytes a sample that the backward pass needs to know what a pooling chose."""
        return 0

    @property
    def unpooled_size(self) -> int:
        """Numbers a sample that the gradient before the pooling takes."""
        return 0

    @property
    def scratch_size(self) -> int:
        """Numbers of working memory that the backward pass needs, whatever the samples."""
        return 0

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        """How the kernel is transposed for the backward pass: matrices, rows, columns."""
        return None

    @property
    def batch_gradient(self) -> bool:
        """Whether the kernel's gradient is summed over the whole batch at once."""
        return False

    @property
    def units(self) -> int:
        """Into how many parts one sample's forward pass can be cut."""
        return 1

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        """Emit the kernels."""
        raise NotImplementedError

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        """Emit the call of the forward kernel, for the units low … high of every sample."""
        raise NotImplementedError

    def begin_partition(self, call: Call) -> None:
        """Emit what comes before the first block of a partition of the batch."""

    def backward(self, call: Call) -> None:
        """Emit the calls of the backward kernels."""

    def end_partition(self, call: Call) -> None:
        """Emit what comes after the last block of a partition of the batch."""

    def name(self, what: str) -> str:
        """The name of a kernel in the compiled module."""
        return f"stage{self.place}_{what}"

    def call(self, call: Call, what: str, *arguments: ir.Value | int) -> None:
        """Emit the call of one of this stage's kernels."""
        values = [call.em.integer(a) if isinstance(a, int) else a for a in arguments]
        call.em.builder.call(self.functions[what], values)


def null(call: Call) -> ir.Value:
    """An address that is never used."""
    return call.values[0]


class ConvolutionStage(Stage):
    """Convolution, bias, activation and pooling in one kernel; a dense layer on images too."""

    _units = 1

    @property
    def conv(self) -> convolution.Convolution:
        """The convolution with all its sizes."""
        op = self.step.node.op
        if isinstance(op, Dense):
            op = Conv2D(op.units, (1, 1), use_bias=op.use_bias)
        assert isinstance(op, Conv2D)
        rows, columns = computed_size(self.step, self.target)
        (top, _), (left, _) = op.padding
        channels = self.source.channels
        start = (self.source.top - top) * self.source.row + (self.source.left - left) * channels
        return convolution.Convolution(
            op.kernel_size,
            op.strides,
            op.dilation,
            self.source,
            start,
            rows,
            columns,
            op.filters,
            self.target,
            op.use_bias,
            self.step.activation,
            self.step.pool.pool_size if self.step.pool else None,
        )

    @property
    def winner_bytes(self) -> int:
        conv = self.conv
        return self.target.rows * self.target.columns * conv.filters if conv.pool else 0

    @property
    def unpooled_size(self) -> int:
        return self.unpooled.stride if self.conv.pool else 0

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        if not self.input_gradient:
            return None
        conv = self.conv
        return conv.kernel[0] * conv.kernel[1], self.source.channels, conv.filters

    @property
    def units(self) -> int:
        return self._units

    @property
    def unpooled(self) -> Layout:
        """Where the gradient lies before the pooling."""
        conv = self.conv
        return Layout(conv.rows, conv.columns, conv.filters) if conv.pool else self.target

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        conv = self.conv
        winners = training and conv.pool is not None
        self.functions["forward"], self._units = convolution.forward(
            module, machine, self.name("forward"), conv, winners
        )
        if not training:
            return
        if conv.use_bias and self.trainable[1]:
            self.functions["bias"] = convolution.bias_gradient(
                module, machine, self.name("bias_gradient"), conv.filters, self.target
            )
        self.emit_backward(module, machine)

    def emit_backward(self, module: ir.Module, machine: Machine) -> None:
        """Emit the kernels of the way back, but for the bias."""
        conv = self.conv
        if conv.pool:
            self.functions["unpool"] = convolution.unpool(
                module, machine.vector, self.name("unpool"), conv, self.unpooled
            )
        elif conv.activation:
            self.functions["slope"] = elementwise.activation_gradient(
                module,
                machine.vector,
                self.name("slope"),
                conv.activation,
                self.target,
                self.target,
            )
        if self.trainable[0]:
            self.functions["kernel"] = convolution.kernel_gradient(
                module, machine, self.name("kernel_gradient"), conv, self.unpooled
            )
        if self.input_gradient:
            self.functions["input"] = convolution.input_gradient(
                module, machine, self.name("input_gradient"), conv, self.unpooled
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        bias = call.parameter(self.parameters[1]) if self.conv.use_bias else null(call)
        self.call(
            call,
            "forward",
            call.values[self.place],
            call.parameter(self.parameters[0]),
            bias,
            call.values[self.place + 1],
            call.winners[self.place] or null(call),
            call.samples,
            low,
            self.units if high is None else high,
        )

    def backward(self, call: Call) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        dy = call.gradients[self.place + 1]
        assert dy is not None
        slopes = dy
        if "unpool" in self.functions:
            winners, unpooled = call.winners[self.place], call.unpooled[self.place]
            assert winners is not None and unpooled is not None
            self.call(call, "unpool", y, dy, winners, unpooled, call.samples)
            slopes = unpooled
        elif "slope" in self.functions:
            self.call(call, "slope", y, dy, dy, call.samples)
        if "kernel" in self.functions:
            partial = call.partial(self.parameters[0])
            self.call(call, "kernel", x, slopes, partial, call.samples)
        if "bias" in self.functions:
            self.call(call, "bias", dy, call.partial(self.parameters[1]), call.samples)
        dx = call.gradients[self.place]
        if dx is not None:
            packed = call.packed(self.place)
            self.call(call, "input", slopes, packed, dx, call.samples)


class PooledStage(ConvolutionStage):
    """A convolution whose way back visits only the outputs that won their pooling window."""

    @property
    def unpooled_size(self) -> int:
        return 0

    @property
    def scratch_size(self) -> int:
        conv = self.conv
        return aligned(pooled.lists(conv).size) + conv.filters * conv.window

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        conv = self.conv
        return (1, conv.window, conv.filters) if self.input_gradient else None

    def emit_backward(self, module: ir.Module, machine: Machine) -> None:
        conv, vector = self.conv, machine.vector
        if conv.activation:
            self.functions["slope"] = elementwise.activation_gradient(
                module, vector, self.name("slope"), conv.activation, self.target, self.target
            )
        self.functions["collect"] = pooled.collect(module, vector, self.name("collect"), conv)
        if self.trainable[0]:
            self.functions["kernel"] = pooled.kernel_gradient(
                module, machine, self.name("kernel_gradient"), conv
            )
            self.functions["restore"] = packing.transpose(
                module, vector, self.name("restore"), conv.filters, conv.window
            )
        if self.input_gradient:
            self.functions["input"] = pooled.input_gradient(
                module, machine, self.name("input_gradient"), conv
            )

    def begin_partition(self, call: Call) -> None:
        if "kernel" in self.functions:
            conv = self.conv
            sums = self._kernel_sums(call)
            convolution.clear(call.em, sums, aligned(conv.filters * conv.window))

    def backward(self, call: Call) -> None:
        em, conv = call.em, self.conv
        x, y = call.values[self.place], call.values[self.place + 1]
        dy, dx, won = (
            call.gradients[self.place + 1],
            call.gradients[self.place],
            call.winners[self.place],
        )
        assert dy is not None and won is not None
        if "slope" in self.functions:
            self.call(call, "slope", y, dy, dy, call.samples)
        if "bias" in self.functions:
            self.call(call, "bias", dy, call.partial(self.parameters[1]), call.samples)
        words = call.scratch(self.place)

        def sample(number: Index) -> None:
            dy_sample = em.at(dy, em.multiply(number, self.target.stride))
            won_sample = em.at(won, em.multiply(number, self.winner_bytes), kind=I8)
            self.call(call, "collect", dy_sample, won_sample, words)
            if "kernel" in self.functions:
                x_sample = em.at(x, em.multiply(number, self.source.stride))
                self.call(call, "kernel", x_sample, words, self._kernel_sums(call))
            if dx is not None:
                dx_sample = em.at(dx, em.multiply(number, self.source.stride))
                self.call(call, "input", words, call.packed(self.place), dx_sample)

        em.loop(0, call.samples, sample)

    def end_partition(self, call: Call) -> None:
        if "kernel" in self.functions:
            partial = call.partial(self.parameters[0])
            self.call(call, "restore", self._kernel_sums(call), partial, 0, 1)

    def _kernel_sums(self, call: Call) -> ir.Value:
        """Where the kernel's gradient grows, transposed."""
        return call.em.at(call.scratch(self.place), aligned(pooled.lists(self.conv).size))


class DenseStage(Stage):
    """A dense layer on one row of numbers a sample, with its activation."""

    _units = 1

    @property
    def dense(self) -> dense.Dense:
        """The layer with all its sizes."""
        op = self.step.node.op
        assert isinstance(op, Dense)
        return dense.Dense(
            self.source.channels,
            op.units,
            self.source.stride,
            self.target.stride,
            op.use_bias,
            self.step.activation,
        )

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        return (1, self.source.channels, self.dense.units) if self.input_gradient else None

    @property
    def batch_gradient(self) -> bool:
        return any(self.trainable)

    @property
    def units(self) -> int:
        return self._units

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        sizes = self.dense
        self.functions["forward"], self._units = dense.forward(
            module, machine, self.name("forward"), sizes, block
        )
        if not training:
            return
        if sizes.activation:
            self.functions["slope"] = elementwise.activation_gradient(
                module,
                machine.vector,
                self.name("slope"),
                sizes.activation,
                self.target,
                self.target,
            )
        if self.trainable[0]:
            self.functions["kernel"] = dense.kernel_gradient(
                module, machine, self.name("kernel_gradient"), sizes
            )
        if sizes.use_bias and self.trainable[1]:
            self.functions["bias"] = dense.bias_gradient(
                module, machine, self.name("bias_gradient"), sizes
            )
        if self.input_gradient:
            self.functions["input"] = dense.input_gradient(
                module, machine, self.name("input_gradient"), sizes, block
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        bias = call.parameter(self.parameters[1]) if self.dense.use_bias else null(call)
        self.call(
            call,
            "forward",
            call.values[self.place],
            call.parameter(self.parameters[0]),
            bias,
            call.values[self.place + 1],
            call.samples,
            low,
            self.units if high is None else high,
        )

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        assert dy is not None
        if "slope" in self.functions:
            self.call(call, "slope", call.values[self.place + 1], dy, dy, call.samples)
        if dx is not None:
            self.call(call, "input", dy, call.packed(self.place), dx, call.samples)


class PoolingStage(Stage):
    """A pooling on its own."""

    @property
    def pool(self) -> pooling.Pooling:
        """The pooling with all its sizes."""
        op = self.step.node.op
        assert isinstance(op, MaxPooling2D | AveragePooling2D)
        before = (op.padding[0][0], op.padding[1][0])
        # The live region is whole wherever a window could end in padding.
        size = (self.source.rows, self.source.columns)
        average = isinstance(op, AveragePooling2D)
        return pooling.Pooling(
            op.pool_size, op.strides, before, size, self.source, self.target, average
        )

    @property
    def winner_bytes(self) -> int:
        target = self.target
        return 0 if self.pool.average else 4 * target.rows * target.columns * target.channels

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        winners = training and not self.pool.average
        self.functions["forward"] = pooling.forward(
            module, machine.vector, self.name("forward"), self.pool, winners
        )
        if self.input_gradient:
            self.functions["input"] = pooling.backward(
                module, machine.vector, self.name("input_gradient"), self.pool
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        won = call.winners[self.place] or null(call)
        self.call(call, "forward", x, y, won, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        if dx is not None and dy is not None:
            won = call.winners[self.place] or null(call)
            self.call(call, "input", dy, won, dx, call.samples)


class ElementwiseStage(Stage):
    """An activation on its own, or a scaling."""

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        self.functions["forward"] = elementwise.unary(
            module, machine.vector, self.name("forward"), self.source, self.target, self._function
        )
        if not self.input_gradient:
            return
        if isinstance(op, Rescaling):
            self.functions["input"] = elementwise.unary(
                module, machine.vector, self.name("input_gradient"), self.target, self.source,
                lambda em, dy: em.builder.fmul(dy, em.constant(op.scale)),
            )  # fmt: skip
        else:
            self.functions["slope"] = elementwise.activation_gradient(
                module, machine.vector, self.name("slope"), ACTIVATIONS[type(op)],
                self.target, self.source,
            )  # fmt: skip

    def _function(self, em: Emitter, x: ir.Value) -> ir.Value:
        op = self.step.node.op
        if isinstance(op, Rescaling):
            scaled = em.builder.fmul(x, em.constant(op.scale))
            return em.builder.fadd(scaled, em.constant(op.offset))
        return elementwise.activate(em, ACTIVATIONS[type(op)], x)

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        if dx is None or dy is None:
            return
        if "input" in self.functions:
            self.call(call, "input", dy, dx, call.samples)
        else:
            self.call(call, "slope", call.values[self.place + 1], dy, dx, call.samples)


class DropoutStage(Stage):
    """Dropout in training; a copy, where the layouts differ, or nothing at all, outside."""

    full_columns = 1

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, Dropout)
        if not training:
            self.functions["forward"] = elementwise.unary(
                module, machine.vector, self.name("forward"), self.source, self.target,
                lambda em, x: x,
            )  # fmt: skip
            return
        drop = elementwise.Dropping(
            math.ceil(float(np.float32(op.rate)) * 2**24), 1 / (1 - op.rate), self.full_columns
        )
        self.functions["forward"] = elementwise.dropout(
            module, machine.vector, self.name("forward"), drop, self.source, self.target
        )
        if self.input_gradient:
            self.functions["input"] = elementwise.dropout(
                module, machine.vector, self.name("input_gradient"), drop, self.target, self.source
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        if len(self.functions["forward"].args) == 3:
            self.call(call, "forward", x, y, call.samples)
        else:
            key = call.key(self.step.number)
            self.call(call, "forward", x, y, call.samples, call.first, key)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        if dx is not None and dy is not None:
            key = call.key(self.step.number)
            self.call(call, "input", dy, dx, call.samples, call.first, key)


class SoftmaxStage(Stage):
    """Softmax over the channels."""

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        rows = losses.Rows(self.source, self.target)
        self.functions["forward"] = losses.softmax(
            module, machine.vector, self.name("forward"), rows
        )
        if self.input_gradient:
            self.functions["input"] = losses.softmax_gradient(
                module, machine.vector, self.name("input_gradient"), rows
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        if dx is not None and dy is not None:
            self.call(call, "input", call.values[self.place + 1], dy, dx, call.samples)


class ViewStage(Stage):
    """Flatten: the same numbers under another shape, so nothing is done."""

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        return

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        return


KINDS: dict[type, type[Stage]] = {
    Conv2D: ConvolutionStage,
    Dense: DenseStage,
    MaxPooling2D: PoolingStage,
    AveragePooling2D: PoolingStage,
    Rescaling: ElementwiseStage,
    Dropout: DropoutStage,
    Softmax: SoftmaxStage,
    Flatten: ViewStage,
    **dict.fromkeys(ACTIVATIONS, ElementwiseStage),
}


def make_stages(plan: Plan, trainable: tuple[bool, ...]) -> list[Stage]:
    """The stages of a plan; gradients are computed down to the first parameter that learns."""
    stages: list[Stage] = []
    learning = False
    for place, step in enumerate(plan.steps):
        mine = tuple(trainable[number] for number in step.node.parameters)
        source, target = plan.layouts[place], plan.layouts[place + 1]
        stage = KINDS[type(step.node.op)](place, step, source, target, learning, mine)
        if isinstance(stage, ConvolutionStage) and pooled.worth_while(stage.conv):
            stage = PooledStage(place, step, source, target, learning, mine)
        elif isinstance(stage, DenseStage) and source.rows * source.columns > 1:
            stage = ConvolutionStage(place, step, source, target, learning, mine)
        elif isinstance(stage, DropoutStage):
            stage.full_columns = plan.shapes[place][-2] if len(plan.shapes[place]) > 1 else 1
        learning = learning or any(mine)
        stages.append(stage)
    return stages
