"""Transposed convolutions."""

from __future__ import annotations

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import (
    convolution,
    convolution_gradients,
    copying,
    packing,
    transposed,
)
from pellucid.engines.native.layout import Layout
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call
from pellucid.engines.native.stages.weighted import WeightedStage
from pellucid.ops.transposed import Conv2DTranspose
from pellucid.shapes import reach


class TransposedStage(WeightedStage):
    """A transposed convolution with its activation; its way back is a convolution."""

    @property
    def op(self) -> Conv2DTranspose:
        """The operation."""
        op = self.step.node.op
        assert isinstance(op, Conv2DTranspose)
        return op

    @property
    def transposed(self) -> transposed.Transposed:
        """The operation with all its sizes."""
        op = self.op
        (top, _), (left, _) = op.padding
        return transposed.Transposed(
            op.kernel_size,
            op.strides,
            op.dilation,
            (top, left),
            self.source,
            self.target,
            op.use_bias,
            self.step.activation,
        )

    @property
    def uncut(self) -> Layout:
        """Where one sample's gradient lies with what was cut away from the output: zeros."""
        op, source = self.op, self.source
        rows, columns = (
            reach(size, *axis)
            for size, *axis in zip(
                (source.rows, source.columns), op.kernel_size, op.strides, op.dilation, strict=True
            )
        )
        return Layout(rows, columns, op.filters)

    @property
    def conv(self) -> convolution.Convolution:
        """The convolution that is the way back."""
        op, source = self.op, self.source
        sizes = op.kernel_size, op.strides, op.dilation, self.uncut, 0
        filters = source.rows, source.columns, source.channels, source
        return convolution.Convolution(*sizes, *filters, False, None, None)

    @property
    def scratch_size(self) -> int:
        return self.uncut.stride

    @property
    def panel_sizes(self) -> tuple[int, int] | None:
        height, width = self.op.kernel_size
        return height * width * self.source.channels, self.op.filters

    @property
    def panel_parts(self) -> int:
        height, width = self.op.kernel_size
        return packing.parts(height * width, self.op.filters)

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op, conv = self.op, self.transposed
        self._units = self.target.rows
        self.functions["forward"] = transposed.forward(module, machine, conv)
        width = transposed.forward_tile(machine, conv).vectors * machine.vector
        places = op.kernel_size[0] * op.kernel_size[1]
        self.functions["panels"] = packing.transpose(
            module, machine, places, op.filters, self.source.channels, width
        )
        if training and self.learns:
            self.emit_slope(module, machine)
            self._emit_backward(module, machine)

    def _emit_backward(self, module: Module, machine: Machine) -> None:
        (top, _), (left, _) = self.op.padding
        box = copying.Box.shifted(self.target, self.uncut, (top, left, 0))
        self.functions["uncut"] = copying.copy(module, machine, box, fill=True)
        if self.trainable[0]:
            self.functions["kernel"] = convolution_gradients.kernel_gradient(
                module, machine, self.conv, self.source
            )
        if self.op.use_bias and self.trainable[1]:
            self.functions["bias"] = convolution_gradients.bias_gradient(
                module, machine, self.target
            )
        if self.input_gradient:
            self._parts = convolution.forward_units(machine, self.conv)
            self.functions["input"] = convolution.forward(
                module, machine, self.conv, winners=False, add=self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        self.call(
            call,
            "forward",
            call.values[self.inputs[0]],
            call.panels[self.place],
            self.bias(call),
            call.values[self.output],
            call.samples,
            low,
            self.units if high is None else high,
        )

    def backward(self, call: Call) -> None:
        em, dy, uncut = call.em, call.gradients[self.output], call.scratch[self.place]
        self.slope(call)
        if "bias" in self.functions:
            self.call(call, "bias", dy, call.partials[self.parameters[1]], call.samples)

        def sample(number: Index) -> None:
            dy_sample = em.at(dy, em.multiply(number, self.target.stride))
            start = em.multiply(number, self.source.stride)
            self.call(call, "uncut", dy_sample, uncut, 1)
            if "kernel" in self.functions:
                x, partial = call.values[self.inputs[0]], call.partials[self.parameters[0]]
                self.call(call, "kernel", uncut, em.at(x, start), partial, 1)
            if "input" in self.functions:
                w, dx = call.parameter(self.parameters[0]), call.gradients[self.inputs[0]]
                nothing = [call.nothing] * 3
                arguments = [uncut, w, *nothing, em.at(dx, start), call.nothing]
                self.call(call, "input", *arguments, 1, 0, self._parts)

        em.loop(0, call.samples, sample)
