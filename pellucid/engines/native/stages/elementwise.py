"""Stages on one number, or on one pixel, at a time."""

from __future__ import annotations

import math

import numpy as np

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import elementwise, losses
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.dropout import Dropout, SpatialDropout2D
from pellucid.ops.noise import GaussianNoise
from pellucid.ops.scaling import Rescaling


class ElementwiseStage(Stage):
    """An activation on its own, or a scaling."""

    @property
    def keeps(self) -> tuple[int, ...]:
        return () if isinstance(self.step.node.op, Rescaling) else (self.output,)

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        self.functions["forward"] = elementwise.unary(
            module, machine, self._function, self.source, self.target
        )
        if not self.input_gradient:
            return
        if isinstance(op, Rescaling):
            self.functions["input"] = elementwise.unary(
                module,
                machine,
                elementwise.Scale(op.scale),
                self.target,
                self.source,
                self.accumulate[0],
            )
        else:
            self.functions["slope"] = elementwise.activation_gradient(
                module, machine, op, self.target, self.source, self.accumulate[0]
            )

    @property
    def _function(self) -> elementwise.Function:
        op = self.step.node.op
        if isinstance(op, Rescaling):
            return elementwise.Affine(op.scale, op.offset)
        return elementwise.Activation(op)

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        if "input" in self.functions:
            self.call(call, "input", dy, dx, call.samples)
        else:
            self.call(call, "slope", call.values[self.output], dy, dx, call.samples)


class GateStage(Stage):
    """An activation whose slope follows from its input."""

    @property
    def keeps(self) -> tuple[int, ...]:
        return self.inputs

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        self.functions["forward"] = elementwise.unary(
            module, machine, elementwise.Activation(op), self.source, self.target
        )
        if self.input_gradient:
            self.functions["slope"] = elementwise.gate_gradient(
                module, machine, op, self.source, self.target, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        self.call(call, "slope", call.values[self.inputs[0]], dy, dx, call.samples)


class DropoutStage(Stage):
    """Dropout in training; a copy, where the layouts differ, or nothing at all, outside."""

    full_columns = 1

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        if not training:
            self.functions["copy"] = elementwise.unary(
                module, machine, elementwise.identity, self.source, self.target
            )
            return
        assert isinstance(op, Dropout | SpatialDropout2D)
        drop = elementwise.Dropping(
            math.ceil(float(np.float32(op.rate)) * 2**24),
            1 / (1 - op.rate),
            self.full_columns,
            self.source.channels if isinstance(op, SpatialDropout2D) else None,
        )
        self.functions["forward"] = elementwise.dropout(
            module, machine, drop, self.source, self.target
        )
        if self.input_gradient:
            self.functions["input"] = elementwise.dropout(
                module, machine, drop, self.target, self.source, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        if "copy" in self.functions:
            self.call(call, "copy", x, y, call.samples)
        else:
            key = call.key(self.step.number)
            self.call(call, "forward", x, y, call.samples, call.first, key)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        key = call.key(self.step.number)
        self.call(call, "input", dy, dx, call.samples, call.first, key)


class NoiseStage(DropoutStage):
    """Noise in training; a copy, where the layouts differ, or nothing at all, outside."""

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, GaussianNoise)
        if not training:
            super().emit(module, machine, training, block)
            return
        self.functions["forward"] = elementwise.gaussian_noise(
            module, machine, op.stddev, self.full_columns, self.source, self.target
        )
        if self.input_gradient:
            self.functions["input"] = elementwise.unary(
                module,
                machine,
                elementwise.identity,
                self.target,
                self.source,
                self.accumulate[0],
            )

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        self.call(call, "input", dy, dx, call.samples)


class SoftmaxStage(Stage):
    """Softmax over the channels."""

    @property
    def keeps(self) -> tuple[int, ...]:
        return (self.output,)

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        self.functions["forward"] = losses.softmax(module, machine, self.source, self.target)
        if self.input_gradient:
            self.functions["input"] = losses.softmax_gradient(
                module, machine, self.source, self.target, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        self.call(call, "input", call.values[self.output], dy, dx, call.samples)


class ViewStage(Stage):
    """The same numbers under another shape: nothing is done, or a copy is made.

    alone: whether nobody else reads the input. Then its place, and that of its gradient, can be
    the output's.
    """

    alone = True

    @property
    def is_view(self) -> bool:
        return self.alone and self.source.plain and self.target.plain

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        if self.is_view:
            return
        self.functions["forward"] = elementwise.reshape(module, machine, self.source, self.target)
        if self.input_gradient:
            self.functions["input"] = elementwise.reshape(
                module, machine, self.target, self.source, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        if not self.is_view:
            x, y = call.values[self.inputs[0]], call.values[self.output]
            self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        if not self.is_view:
            dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
            self.call(call, "input", dy, dx, call.samples)
