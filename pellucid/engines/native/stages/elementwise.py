"""Stages on one number, or on one pixel, at a time."""

from __future__ import annotations

import math

import numpy as np

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import elementwise, losses
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import ACTIVATIONS
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.dropout import Dropout
from pellucid.ops.scaling import Rescaling


class ElementwiseStage(Stage):
    """An activation on its own, or a scaling."""

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        self.functions["forward"] = elementwise.unary(
            module, machine, self._function, self.source, self.target
        )
        if not self.input_gradient:
            return
        if isinstance(op, Rescaling):
            self.functions["input"] = elementwise.unary(
                module, machine, elementwise.Scale(op.scale), self.target, self.source
            )
        else:
            self.functions["slope"] = elementwise.activation_gradient(
                module, machine, ACTIVATIONS[type(op)], self.target, self.source
            )

    @property
    def _function(self) -> elementwise.Function:
        op = self.step.node.op
        if isinstance(op, Rescaling):
            return elementwise.Affine(op.scale, op.offset)
        return elementwise.Activation(ACTIVATIONS[type(op)])

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        if "input" in self.functions:
            self.call(call, "input", dy, dx, call.samples)
        else:
            self.call(call, "slope", call.values[self.place + 1], dy, dx, call.samples)


class DropoutStage(Stage):
    """Dropout in training; a copy, where the layouts differ, or nothing at all, outside."""

    full_columns = 1

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, Dropout)
        if not training:
            self.functions["copy"] = elementwise.unary(
                module, machine, elementwise.identity, self.source, self.target
            )
            return
        drop = elementwise.Dropping(
            math.ceil(float(np.float32(op.rate)) * 2**24), 1 / (1 - op.rate), self.full_columns
        )
        self.functions["forward"] = elementwise.dropout(
            module, machine, drop, self.source, self.target
        )
        if self.input_gradient:
            self.functions["input"] = elementwise.dropout(
                module, machine, drop, self.target, self.source
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        if "copy" in self.functions:
            self.call(call, "copy", x, y, call.samples)
        else:
            key = call.key(self.step.number)
            self.call(call, "forward", x, y, call.samples, call.first, key)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        key = call.key(self.step.number)
        self.call(call, "input", dy, dx, call.samples, call.first, key)


class SoftmaxStage(Stage):
    """Softmax over the channels."""

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        self.functions["forward"] = losses.softmax(module, machine, self.source, self.target)
        if self.input_gradient:
            self.functions["input"] = losses.softmax_gradient(
                module, machine, self.source, self.target
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.place], call.values[self.place + 1]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.place + 1], call.gradients[self.place]
        self.call(call, "input", call.values[self.place + 1], dy, dx, call.samples)


class ViewStage(Stage):
    """Flatten: the same numbers under another shape, so nothing is done."""

    @property
    def is_view(self) -> bool:
        return True

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        return

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        return
