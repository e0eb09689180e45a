"""Convolutions, with the activation and the pooling that were taken into them."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import I8, Index, Module
from pellucid.engines.native.kernels import (
    convolution,
    convolution_gradients,
    depthwise,
    packing,
    pooled,
    statistics,
    tiling,
)
from pellucid.engines.native.layout import Layout, aligned
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import computed_size
from pellucid.engines.native.stages.base import Call
from pellucid.engines.native.stages.normalization import normalization_weights
from pellucid.engines.native.stages.weighted import WeightedStage
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.normalization import BatchNormalization

WIDE = 192  # filters from which the rows of a kernel lie too far apart to be read one by one
WORTH_COPYING = 8  # outputs of a filter from which the copy into panels is soon won back


def grouped(op: DepthwiseConv2D, channels: int) -> Conv2D:
    """A depthwise convolution as one whose groups are single channels."""
    return Conv2D(
        channels * op.depth_multiplier,
        op.kernel_size,
        op.strides,
        op.padding,
        op.dilation,
        op.use_bias,
        groups=channels,
    )


class ConvolutionStage(WeightedStage):
    """Convolution, bias, activation and pooling in one kernel; a dense layer on images too."""

    @property
    def conv(self) -> convolution.Convolution:
        """The convolution with all its sizes."""
        op = self.step.node.op
        channels = self.source.channels
        if isinstance(op, Dense):
            op = Conv2D(op.units, (1, 1), use_bias=op.use_bias)
        elif isinstance(op, DepthwiseConv2D):
            op = grouped(op, channels)
        assert isinstance(op, Conv2D)
        rows, columns = computed_size(self.step, self.target)
        (top, _), (left, _) = op.padding
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
            groups=op.groups,
            scaled=self.step.scaling is not None,
            addend=self.sources[1] if self.step.addend is not None else None,
        )

    @property
    def prepares(self) -> bool:
        return self.step.scaling is not None

    @property
    def norm(self) -> statistics.Normalization | None:
        """The scaling that was taken in, with its sizes."""
        if self.step.scaling is None:
            return None
        op = self.step.scaling.op
        assert isinstance(op, BatchNormalization)
        layout = Layout(1, 1, self.conv.filters)
        return statistics.of(op, layout, layout, None, None)

    @property
    def statistics_size(self) -> int:
        return self.norm.statistics_size if self.norm else 0

    @property
    def on_rows(self) -> bool:
        return False  # even on a single pixel: its sums and buffers are those of a block

    @property
    def winner_bytes(self) -> int:
        """Bytes a sample: one for every number that a pooling chose."""
        return self.target.rows * self.target.columns * self.conv.filters

    @property
    def winner_size(self) -> int:
        return -(-self.winner_bytes // 4) if self.conv.pool else 0

    @property
    def unpooled_size(self) -> int:
        return self.unpooled.stride if self.conv.pool else 0

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        if not self.input_gradient:
            return None
        conv = self.conv
        if convolution_gradients.by_kernel_rows(conv):
            return 1, conv.window, conv.filters
        return conv.kernel[0] * conv.kernel[1], conv.depth, conv.filters

    @property
    def panel_sizes(self) -> tuple[int, int] | None:
        conv = self.conv
        wide = conv.filters >= WIDE and conv.rows * conv.columns >= WORTH_COPYING
        return (conv.window, conv.filters) if wide and conv.groups == 1 else None

    @property
    def unpooled(self) -> Layout:
        """Where the gradient lies before the pooling."""
        conv = self.conv
        return Layout(conv.rows, conv.columns, conv.filters) if conv.pool else self.target

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        conv = self.conv
        winners = training and conv.pool is not None
        panels = self.panel_sizes is not None
        self.functions["forward"] = convolution.forward(module, machine, conv, winners, panels)
        self._units = convolution.forward_units(machine, conv)
        if panels:
            width = convolution.forward_tile(machine, conv).vectors * machine.vector
            self.functions["panels"] = packing.panels(
                module, machine, conv.window, conv.filters, width
            )
        self.emit_behind(module, machine, training)
        if training:
            self.emit_backward(module, machine)

    def emit_behind(self, module: Module, machine: Machine, training: bool) -> None:
        """Emit what the scaling behind the sums needs, and the gradient of the bias."""
        if self.norm:
            self.functions["prepare"] = statistics.prepare(module, machine, self.norm)
        if training and self.conv.use_bias and self.trainable[1]:
            self.functions["bias"] = convolution_gradients.bias_gradient(
                module, machine, self.target
            )

    def emit_backward(self, module: Module, machine: Machine) -> None:
        """Emit the kernels of the way back, but for the bias."""
        conv = self.conv
        if conv.pool:
            self.functions["unpool"] = convolution_gradients.unpool(
                module, machine, conv, self.unpooled
            )
        else:
            self.emit_slope(module, machine)
        if self.trainable[0]:
            self.functions["kernel"] = convolution_gradients.kernel_gradient(
                module, machine, conv, self.unpooled
            )
        if self.packed_sizes:
            rows = convolution_gradients.by_kernel_rows(conv)
            tile = convolution_gradients.input_tile(machine, conv)
            width = None if rows else tile.vectors * machine.vector
            self.emit_transpose(module, machine, width)
            emit = (
                convolution_gradients.input_gradient_by_kernel_rows
                if rows
                else convolution_gradients.input_gradient
            )
            self.functions["input"] = emit(module, machine, conv, self.unpooled, self.accumulate[0])

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        self.call(
            call,
            "forward",
            call.values[self.inputs[0]],
            call.panels.get(self.place) or call.parameter(self.parameters[0]),
            self.bias(call),
            self.scales(call),
            call.values[self.inputs[1]] if self.step.addend is not None else call.nothing,
            call.values[self.output],
            call.winners.get(self.place, call.nothing),
            call.samples,
            low,
            self.units if high is None else high,
        )

    def prepare(self, call: Call) -> None:
        if self.step.scaling:
            learned = normalization_weights(self.step.scaling, call)
            self.call(call, "prepare", call.statistics[self.place], *learned)

    def scales(self, call: Call) -> ir.Value:
        """Where the scales lie, and behind them the shifts."""
        if self.norm is None:
            return call.nothing
        return call.em.at(call.statistics[self.place], self.norm.row(statistics.Row.SCALE))

    def backward(self, call: Call) -> None:
        # Without an activation or a pooling, nothing on the way back needs the output kept.
        x, y = call.values[self.inputs[0]], call.values.get(self.output, call.nothing)
        slopes = dy = call.gradients[self.output]
        if "unpool" in self.functions:
            winners, slopes = call.winners[self.place], call.unpooled[self.place]
            self.call(call, "unpool", y, dy, winners, slopes, call.samples)
        else:
            self.slope(call)
        if "kernel" in self.functions:
            partial = call.partials[self.parameters[0]]
            self.call(call, "kernel", x, slopes, partial, call.samples)
        if "bias" in self.functions:
            self.call(call, "bias", dy, call.partials[self.parameters[1]], call.samples)
        dx = call.gradients.get(self.inputs[0])
        if dx is not None:
            packed = call.packed[self.place]
            self.call(call, "input", slopes, packed, dx, call.samples)


class DepthwiseStage(ConvolutionStage):
    """A depthwise convolution with one filter for every channel."""

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        return None

    @property
    def panel_sizes(self) -> tuple[int, int] | None:
        return None

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        conv = self.conv
        self.functions["forward"] = depthwise.forward(module, machine, conv)
        self._units = depthwise.forward_units(conv)
        self.emit_behind(module, machine, training)
        if training:
            self.emit_backward(module, machine)

    def emit_backward(self, module: Module, machine: Machine) -> None:
        conv = self.conv
        self.emit_slope(module, machine)
        if self.trainable[0]:
            self.functions["kernel"] = depthwise.kernel_gradient(module, machine, conv, self.target)
        if self.input_gradient:
            self.functions["input"] = depthwise.input_gradient(
                module, machine, conv, self.target, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        self.call(
            call,
            "forward",
            call.values[self.inputs[0]],
            call.parameter(self.parameters[0]),
            self.bias(call),
            self.scales(call),
            call.values[self.output],
            call.samples,
            low,
            self.units if high is None else high,
        )

    def backward(self, call: Call) -> None:
        dy = call.gradients[self.output]
        self.slope(call)
        if "kernel" in self.functions:
            x, partial = call.values[self.inputs[0]], call.partials[self.parameters[0]]
            self.call(call, "kernel", x, dy, partial, call.samples)
        if "bias" in self.functions:
            self.call(call, "bias", dy, call.partials[self.parameters[1]], call.samples)
        if "input" in self.functions:
            w, dx = call.parameter(self.parameters[0]), call.gradients[self.inputs[0]]
            self.call(call, "input", dy, w, dx, call.samples)


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

    def emit_backward(self, module: Module, machine: Machine) -> None:
        conv = self.conv
        self.emit_slope(module, machine)
        self.functions["collect"] = pooled.collect(module, machine, conv)
        if self.trainable[0]:
            self.functions["kernel"] = pooled.kernel_gradient(module, machine, conv)
            self.functions["restore"] = packing.transpose(
                module, machine, 1, conv.filters, conv.window
            )
        if self.packed_sizes:
            self.emit_transpose(module, machine)
            self.functions["input"] = pooled.input_gradient(
                module, machine, conv, self.accumulate[0]
            )

    def begin_partition(self, call: Call) -> None:
        if "kernel" in self.functions:
            conv = self.conv
            sums = self._kernel_sums(call)
            tiling.clear(call.em, sums, aligned(conv.filters * conv.window))

    def backward(self, call: Call) -> None:
        em = call.em
        x, won = call.values[self.inputs[0]], call.winners[self.place]
        dy, dx = call.gradients[self.output], call.gradients.get(self.inputs[0])
        self.slope(call)
        if "bias" in self.functions:
            self.call(call, "bias", dy, call.partials[self.parameters[1]], call.samples)
        words = call.scratch[self.place]

        def sample(number: Index) -> None:
            dy_sample = em.at(dy, em.multiply(number, self.target.stride))
            won_sample = em.at(won, em.multiply(number, self.winner_bytes), kind=I8)
            self.call(call, "collect", dy_sample, won_sample, words)
            if "kernel" in self.functions:
                x_sample = em.at(x, em.multiply(number, self.source.stride))
                self.call(call, "kernel", x_sample, words, self._kernel_sums(call))
            if dx is not None:
                dx_sample = em.at(dx, em.multiply(number, self.source.stride))
                self.call(call, "input", words, call.packed[self.place], dx_sample)

        em.loop(0, call.samples, sample)

    def end_partition(self, call: Call) -> None:
        if "kernel" in self.functions:
            partial = call.partials[self.parameters[0]]
            parts = packing.parts(1, self.conv.filters)
            self.call(call, "restore", self._kernel_sums(call), partial, 0, parts)

    def _kernel_sums(self, call: Call) -> ir.Value:
        """Where the kernel's gradient grows, transposed."""
        return call.em.at(call.scratch[self.place], aligned(pooled.lists(self.conv).size))
