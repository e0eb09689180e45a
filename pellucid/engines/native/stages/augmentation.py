"""Images changed at random in training, and in other sizes."""

from __future__ import annotations

from dataclasses import replace

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import augmentation, elementwise, light, resizing
from pellucid.engines.native.kernels.augmentation import Way
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.augmentation import Augmentation
from pellucid.ops.geometry import AffineOp, RandomCrop, RandomFlip
from pellucid.ops.light import LightOp
from pellucid.ops.resizing import Resizing


class AugmentationStage(Stage):
    """Images moved, read from between their pixels, or lit differently: each in its own way.

    Outside of training a copy, or whatever else the operation then does.
    """

    @property
    def keeps(self) -> tuple[int, ...]:
        return self.inputs if isinstance(self.step.node.op, LightOp) else ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, Augmentation)
        if not training:
            self._emit_inference(module, machine, op.inference())
            return
        op, way = replace(op, seed=None), Way(self.source, self.target)
        back = replace(way, back=True, add=self.accumulate[0])
        layouts = self.source, self.target
        if isinstance(op, RandomFlip | RandomCrop):
            self.functions["forward"] = augmentation.move(module, machine, op, way)
            if self.input_gradient:
                self.functions["input"] = augmentation.move(module, machine, op, back)
        elif isinstance(op, AffineOp):
            self.functions["forward"] = augmentation.resample(module, machine, op, way)
            if self.input_gradient:
                self.functions["input"] = augmentation.resample(module, machine, op, back)
        elif isinstance(op, LightOp):
            self.functions["forward"] = light.change(module, machine, op, *layouts)
            if self.input_gradient:
                self.functions["gradient"] = light.change_gradient(
                    module, machine, op, *layouts, self.accumulate[0]
                )

    def _emit_inference(self, module: Module, machine: Machine, op: object) -> None:
        layouts = self.source, self.target
        if isinstance(op, Resizing):
            self.functions["inference"] = resizing.resize(module, machine, op, *layouts)
        else:
            self.functions["inference"] = elementwise.unary(
                module, machine, elementwise.identity, *layouts
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        if "inference" in self.functions:
            self.call(call, "inference", x, y, call.samples)
        else:
            key = call.key(self.step.number)
            self.call(call, "forward", x, y, call.samples, call.first, key)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        where = call.samples, call.first, call.key(self.step.number)
        if "gradient" in self.functions:
            self.call(call, "gradient", call.values[self.inputs[0]], dy, dx, *where)
        else:
            self.call(call, "input", dx, dy, *where)


class ResizingStage(Stage):
    """Images in another size."""

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        op = self.step.node.op
        assert isinstance(op, Resizing)
        layouts = self.source, self.target
        self.functions["forward"] = resizing.resize(module, machine, op, *layouts)
        if self.input_gradient:
            self.functions["input"] = resizing.resize(
                module, machine, op, *layouts, back=True, add=self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, y, call.samples)

    def backward(self, call: Call) -> None:
        dy, dx = call.gradients[self.output], call.gradients[self.inputs[0]]
        self.call(call, "input", dy, dx, call.samples)
