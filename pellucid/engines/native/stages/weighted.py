"""What stages with a kernel, a bias and an activation have in common."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import Module
from pellucid.engines.native.kernels import elementwise, packing
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage


class WeightedStage(Stage):
    """A stage whose parameters are a kernel and perhaps a bias, with its activation."""

    _units = 1

    @property
    def units(self) -> int:
        return self._units

    @property
    def keeps(self) -> tuple[int, ...]:
        return (*self.inputs, self.output) if self.step.activation else self.inputs

    def emit_slope(self, module: Module, machine: Machine) -> None:
        """Emit the way back through the activation, if there is one, in place."""
        activation, layout = self.step.activation, self.target
        if activation:
            self.functions["slope"] = elementwise.activation_gradient(
                module, machine, activation, layout, layout
            )

    def emit_transpose(self, module: Module, machine: Machine, width: int | None = None) -> None:
        """Emit what brings the kernel into the form of `packed_sizes`, in panels of `width`."""
        assert self.packed_sizes is not None
        self.functions["transpose"] = packing.transpose(module, machine, *self.packed_sizes, width)

    def slope(self, call: Call) -> None:
        """Emit the call that takes the output's gradient back through the activation."""
        if "slope" in self.functions:
            y, dy = call.values[self.output], call.gradients[self.output]
            self.call(call, "slope", y, dy, dy, call.samples)

    def bias(self, call: Call) -> ir.Value:
        """The address of the bias."""
        _, *bias = self.parameters
        return call.parameter(bias[0]) if bias else call.nothing
