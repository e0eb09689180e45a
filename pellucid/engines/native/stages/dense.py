"""Dense layers on one row of numbers a sample."""

from __future__ import annotations

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import dense
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call
from pellucid.engines.native.stages.weighted import WeightedStage
from pellucid.ops.dense import Dense


class DenseStage(WeightedStage):
    """A dense layer on one row of numbers a sample, with its activation."""

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
    def weight_count(self) -> int:
        return self.source.channels * self.dense.units

    @property
    def batch_gradient(self) -> bool:
        return any(self.trainable)

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        sizes = self.dense
        self.functions["forward"] = dense.forward(module, machine, sizes, block)
        self._units = dense.forward_groups(machine, sizes, block)
        if not training:
            return
        self.emit_slope(module, machine)
        if self.trainable[0]:
            self.functions["kernel"] = dense.kernel_gradient(module, machine, sizes)
        if sizes.use_bias and self.trainable[1]:
            self.functions["bias"] = dense.bias_gradient(module, machine, sizes)
        if self.packed_sizes:
            self.emit_transpose(module, machine)
            self.functions["input"] = dense.input_gradient(
                module, machine, sizes, block, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        self.call(
            call,
            "forward",
            call.values[self.inputs[0]],
            call.parameter(self.parameters[0]),
            self.bias(call),
            call.values[self.output],
            call.samples,
            low,
            self.units if high is None else high,
        )

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients.get(self.inputs[0])
        self.slope(call)
        if dx is not None:
            self.call(call, "input", dy, call.packed[self.place], dx, call.samples)
