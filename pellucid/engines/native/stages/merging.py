"""One value out of several."""

from __future__ import annotations

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import copying, merging, prelu
from pellucid.engines.native.layout import Layout
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import plain_layout
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.errors import EngineError
from pellucid.graph import Node
from pellucid.ops.merging import Concatenate
from pellucid.shapes import Shape


def check_repeated(node: Node, sources: tuple[Layout, ...], target: Layout) -> None:
    """Check that a value is repeated along all of its first axes, or along none of them.

    Raises EngineError: rows stand for all axes before the last two, and cannot tell them apart.
    """
    if any(1 < source.rows < target.rows for source in sources):
        raise EngineError(
            f"The native engine cannot repeat values along some of the axes before the last two, "
            f"as {type(node.op).__name__} (layer {node.layer}) does. Use the engine 'reference' "
            "for this network."
        )


class MergingStage(Stage):
    """Sums, products and the like of several values, number by number."""

    @property
    def merging(self) -> merging.Merging:
        """The operation with all its sizes."""
        check_repeated(self.step.node, self.sources, self.target)
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


class PReluStage(Stage):
    """The parametric rectifier: a value and the weights of its places. shape: of one sample."""

    shape: Shape = ()

    @property
    def layouts(self) -> tuple[Layout, Layout, Layout]:
        """Where the input, the weights and the output lie."""
        (shape,) = self.step.node.op.parameter_shapes(self.shape)
        weights = plain_layout(shape)
        check_repeated(self.step.node, (weights,), self.target)
        return self.source, weights, self.target

    @property
    def keeps(self) -> tuple[int, ...]:
        return self.inputs

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        self.functions["forward"] = prelu.forward(module, machine, *self.layouts)
        if not training:
            return
        if self.trainable[0]:
            self.functions["weight"] = prelu.weight_gradient(module, machine, *self.layouts)
        if self.input_gradient:
            self.functions["input"] = prelu.input_gradient(
                module, machine, *self.layouts, self.accumulate[0]
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, call.parameter(self.parameters[0]), y, call.samples)

    def backward(self, call: Call) -> None:
        x, dy = call.values[self.inputs[0]], call.gradients[self.output]
        if "weight" in self.functions:
            self.call(call, "weight", x, dy, call.partials[self.parameters[0]], call.samples)
        if "input" in self.functions:
            alpha, dx = call.parameter(self.parameters[0]), call.gradients[self.inputs[0]]
            self.call(call, "input", x, alpha, dy, dx, call.samples)


class ConcatenateStage(Stage):
    """Values one behind the other. shape: of one sample of the first."""

    shape: Shape = ()

    def boxes(self) -> list[copying.Box]:
        """Where each input's numbers go."""
        axis = self.axis
        boxes, shift = [], [0, 0, 0]
        for source in self.sources:
            down, across, deep = shift
            boxes.append(copying.Box.shifted(source, self.target, (down, across, deep)))
            shift[axis] += (source.rows, source.columns, source.channels)[axis]
        return boxes

    @property
    def axis(self) -> int:
        """Along what they lie: rows (-3), columns (-2) or channels (-1).

        Raises EngineError for an axis between the first and the last two: rows stand for all of
        these, and would be woven into each other.
        """
        op = self.step.node.op
        assert isinstance(op, Concatenate)
        if -len(self.shape) < op.axis < -2:
            raise EngineError(
                f"The native engine concatenates along the first axis or one of the last two; "
                f"layer {self.step.node.layer} does along axis {op.axis} of {self.shape}. Use the "
                "engine 'reference' for this network."
            )
        return max(op.axis, -3)

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
