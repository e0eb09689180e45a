"""Values brought to the mean and the variance of data that was seen before."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import scaling
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.scaling import Normalization
from pellucid.shapes import Shape


class AdaptedStage(Stage):
    """Normalization by a mean and a variance that are known. shape: that of a sample."""

    shape: Shape

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, Normalization)
        moments = scaling.Moments.of(op, self.shape)
        self.functions["forward"] = scaling.normalize(
            module, machine, op, moments, self.source, self.target
        )
        if self.input_gradient:
            self.functions["input"] = scaling.normalize(
                module, machine, op, moments, self.target, self.source,
                back=True, add=self.accumulate[0],
            )  # fmt: skip

    def _moments(self, call: Call) -> list[ir.Value]:
        """The addresses of mean and variance, if they are parameters."""
        known = [call.parameter(number) for number in self.parameters]
        return known or [call.nothing, call.nothing]

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, *self._moments(call), y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        self.call(call, "input", dy, *self._moments(call), dx, call.samples)
