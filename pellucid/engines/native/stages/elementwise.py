"""Stages on one number, or on one pixel, at a time."""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir

from pellucid.engines.native.emit import Emitter, Index
from pellucid.engines.native.kernels import elementwise, losses
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import ACTIVATIONS
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.dropout import Dropout
from pellucid.ops.scaling import Rescaling


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
            self.functions["copy"] = elementwise.unary(
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
        self.call(call, "input", call.values[self.place + 1], dy, dx, call.samples)


class ViewStage(Stage):
    """Flatten: the same numbers under another shape, so nothing is done."""

    @property
    def is_view(self) -> bool:
        return True

    def emit(self, module: ir.Module, machine: Machine, training: bool, block: int) -> None:
        return

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        return
