"""Numbers brought elsewhere: borders, axes in another order, places for every pixel."""

from __future__ import annotations

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import copying, upsampling
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.borders import Cropping2D, ZeroPadding2D
from pellucid.ops.reshape import Permute
from pellucid.ops.upsampling import UpSampling2D
from pellucid.shapes import Shape


class _CopyingStage(Stage):
    """One function each way, from the input to the output and back."""

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        self.call(call, "input", dy, dx, call.samples)


class BorderStage(_CopyingStage):
    """Zeros around images, or their edges taken away."""

    @property
    def box(self) -> copying.Box:
        """Where the numbers go that input and output have in common."""
        op = self.step.node.op
        if isinstance(op, ZeroPadding2D):
            (top, _), (left, _) = op.padding
            return copying.Box.shifted(self.source, self.target, (top, left, 0))
        assert isinstance(op, Cropping2D)
        (top, _), (left, _) = op.cropping
        return copying.Box.shifted(self.source, self.target, (-top, -left, 0))

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        self.functions["forward"] = copying.copy(module, machine, self.box, fill=True)
        if self.input_gradient:
            self.functions["input"] = copying.copy(
                module, machine, self.box.back, fill=True, add=self.accumulate[0]
            )


class PermuteStage(_CopyingStage):
    """Axes in another order. shape: of one sample of the input."""

    shape: Shape = ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, Permute)
        order = copying.Permutation.of(self.source, self.target, self.shape, op.dims)
        self.functions["forward"] = copying.permute(module, machine, order)
        if self.input_gradient:
            self.functions["input"] = copying.permute(
                module, machine, order.back, self.accumulate[0]
            )


class UpsamplingStage(_CopyingStage):
    """Images several times as large."""

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, UpSampling2D)
        bilinear = op.interpolation == "bilinear"
        up = upsampling.Upsampling(op.size, bilinear, self.source, self.target)
        self.functions["forward"] = upsampling.upsample(module, machine, up)
        if self.input_gradient:
            self.functions["input"] = upsampling.upsample_gradient(
                module, machine, up, self.accumulate[0]
            )
