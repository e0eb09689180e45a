"""Poolings on their own."""

from __future__ import annotations

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import pooling
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.pooling import AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D


class PoolingStage(Stage):
    """A pooling on its own."""

    @property
    def pool(self) -> pooling.Pooling:
        """The pooling with all its sizes."""
        op = self.step.node.op
        # The live region is whole wherever a window could end in padding.
        size = (self.source.rows, self.source.columns)
        average = isinstance(op, AveragePooling2D | GlobalAveragePooling2D)
        window, strides, before = size, size, (0, 0)
        if isinstance(op, MaxPooling2D | AveragePooling2D):
            (top, _), (left, _) = op.padding
            window, strides, before = op.pool_size, op.strides, (top, left)
        return pooling.Pooling(window, strides, before, size, self.source, self.target, average)

    @property
    def winner_size(self) -> int:
        target = self.target
        return 0 if self.pool.average else target.rows * target.columns * target.channels

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        winners = training and not self.pool.average
        self.functions["forward"] = pooling.forward(module, machine, self.pool, winners)
        if self.input_gradient:
            self.functions["input"] = pooling.backward(
                module, machine, self.pool, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        won = call.winners.get(self.place, call.nothing)
        self.call(call, "forward", x, y, won, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        won = call.winners.get(self.place, call.nothing)
        self.call(call, "input", dy, won, dx, call.samples)
