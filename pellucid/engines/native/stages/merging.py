"""One value out of several."""

from __future__ import annotations

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import copying, merging
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.merging import Concatenate


class MergingStage(Stage):
    """Sums, products and the like of several values, number by number."""

    @property
    def merging(self) -> merging.Merging:
        """The operation with all its sizes."""
        return merging.Merging(self.step.node.op, self.sources, self.target)

    @property
    def keeps(self) -> tuple[int, ...]:
        return self.inputs if isinstance(self.step.node.op, merging.READING) else ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        self.functions["forward"] = merging.merge(module, machine, self.merging)
        for number, needed in enumerate(self.needed):
            if needed:
                self.functions[f"input {number}"] = merging.merge_gradient(
                    module, machine, self.merging, number, self.accumulate[number]
                )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        inputs = [call.values[value] for value in self.inputs]
        self.call(call, "forward", *inputs, call.values[self.output], call.samples)

    def backward(self, call: Call) -> None:
        inputs = [call.values.get(value, call.nothing) for value in self.inputs]
        dy = call.gradients[self.output]
        for number, value in enumerate(self.inputs):
            if self.needed[number]:
                dx = call.gradients[value]
                self.call(call, f"input {number}", *inputs, dy, dx, call.samples)


class ConcatenateStage(Stage):
    """Values one behind the other, along rows, columns or channels."""

    def boxes(self) -> list[copying.Box]:
        """Where each input's numbers go."""
        op = self.step.node.op
        assert isinstance(op, Concatenate)
        boxes, shift = [], [0, 0, 0]
        for source in self.sources:
            down, across, deep = shift
            boxes.append(copying.Box.shifted(source, self.target, (down, across, deep)))
            shift[op.axis] += (source.rows, source.columns, source.channels)[op.axis]
        return boxes

    @property
    def keeps(self) -> tuple[int, ...]:
        return ()

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        for number, box in enumerate(self.boxes()):
            self.functions[f"forward {number}"] = copying.copy(module, machine, box, fill=False)
            if self.needed[number]:
                self.functions[f"input {number}"] = copying.copy(
                    module, machine, box.back, fill=True, add=self.accumulate[number]
                )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        for number, value in enumerate(self.inputs):
            x, y = call.values[value], call.values[self.output]
            self.call(call, f"forward {number}", x, y, call.samples)

    def backward(self, call: Call) -> None:
        for number, value in enumerate(self.inputs):
            if self.needed[number]:
                dy, dx = call.gradients[self.output], call.gradients[value]
                self.call(call, f"input {number}", dy, dx, call.samples)
