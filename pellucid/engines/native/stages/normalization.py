"""Batch normalization, with the sum and the activation behind it."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import elementwise, normalization, statistics
from pellucid.engines.native.kernels.normalization import Returned
from pellucid.engines.native.kernels.statistics import Normalization
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, GatheringStage, Stage
from pellucid.graph import Node
from pellucid.ops.normalization import BatchNormalization


def normalization_weights(node: Node, call: Call) -> list[ir.Value]:
    """The addresses of gamma, beta, moving mean and moving variance; null for what is not there."""
    op, numbers = node.op, list(node.parameters)
    assert isinstance(op, BatchNormalization)
    learned = [
        call.parameter(numbers.pop(0)) if there else call.nothing for there in (op.scale, op.center)
    ]
    return [*learned, *(call.parameter(number) for number in numbers)]


class _Normalizing(Stage):
    """What both kinds have in common. Parameters: gamma, beta, moving mean, moving variance."""

    @property
    def op(self) -> BatchNormalization:
        """The normalization."""
        op = self.step.node.op
        assert isinstance(op, BatchNormalization)
        return op

    @property
    def norm(self) -> Normalization:
        """The normalization with all its sizes."""
        addend = self.sources[1] if self.step.addend is not None else None
        activation = self.step.activation
        return statistics.of(self.op, self.source, self.target, addend, activation)

    @property
    def statistics_size(self) -> int:
        return self.norm.statistics_size

    @property
    def keeps(self) -> tuple[int, ...]:
        return (self.inputs[0], self.output) if self.step.activation else self.inputs[:1]

    @property
    def cheap(self) -> bool:
        return self.step.addend is None

    @property
    def gamma(self) -> int | None:
        """The number of the parameter gamma."""
        return self.parameters[0] if self.op.scale else None

    @property
    def beta(self) -> int | None:
        """The number of the parameter beta."""
        return self.parameters[int(self.op.scale)] if self.op.center else None

    @property
    def learned(self) -> tuple[bool, bool]:
        """Whether gamma, and beta, learn."""
        gamma = self.op.scale and self.trainable[0]
        return gamma, self.op.center and self.trainable[int(self.op.scale)]

    @property
    def returned(self) -> Returned:
        """Where gradients go."""
        needed, accumulate = (*self.needed, False)[:2], (*self.accumulate, False)[:2]
        frozen = not isinstance(self, GatheringStage)
        return Returned((needed[0], needed[1]), (accumulate[0], accumulate[1]), frozen)

    def weights(self, call: Call) -> list[ir.Value]:
        """The addresses of gamma, beta, moving mean and moving variance."""
        return normalization_weights(self.step.node, call)

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        addend = call.values[self.inputs[1]] if self.step.addend is not None else call.nothing
        self.call(
            call,
            "forward",
            call.values[self.inputs[0]],
            addend,
            call.statistics[self.place],
            call.values[self.output],
            call.samples,
        )

    def return_gradients(self, call: Call) -> None:
        """Emit the way from the gradient before the activation to the inputs."""
        if not any(self.needed):
            return
        dx, daddend = (
            call.gradients[value] if needed else call.nothing
            for value, needed in zip((*self.inputs, 0)[:2], (*self.needed, False)[:2], strict=True)
        )
        x, dy = call.values[self.inputs[0]], call.gradients[self.output]
        statistics = call.statistics[self.place]
        self.call(call, "input", x, dy, statistics, dx, daddend, call.samples)


class NormalizationStage(_Normalizing, GatheringStage):
    """Normalization by the batch's own statistics, which the moving ones follow."""

    @property
    def keeps(self) -> tuple[int, ...]:
        # Without an addend, the activation's slope follows from the input.
        return super().keeps if self.step.addend is not None else self.inputs[:1]

    @property
    def sums_size(self) -> int:
        return self.norm.sums_size

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        norm = self.norm
        self.functions["measure"] = statistics.measure(module, machine, norm)
        self.functions["gather"] = statistics.gather(module, machine, norm)
        self.functions["forward"] = normalization.apply(module, machine, norm)
        if not self.learns:
            return
        self.functions["measure_back"] = statistics.measure_back(module, machine, norm)
        self.functions["gather_back"] = statistics.gather_back(
            module, machine, norm, self.learned, self.adds
        )
        if any(self.needed):
            self.functions["input"] = normalization.apply_back(module, machine, norm, self.returned)

    def measure(self, call: Call) -> None:
        x, sums = call.values[self.inputs[0]], call.sums[self.place]
        self.call(call, "measure", x, sums, call.samples)

    def gather(self, call: Call) -> None:
        sums, statistics = call.sums[self.place], call.statistics[self.place]
        self.call(call, "gather", sums, statistics, *self.weights(call), call.samples)

    def measure_back(self, call: Call) -> None:
        x, dy = call.values[self.inputs[0]], call.gradients[self.output]
        y = call.values[self.output] if self.output in self.keeps else call.nothing
        statistics, sums = call.statistics[self.place], call.sums[self.place]
        self.call(call, "measure_back", x, y, dy, statistics, sums, call.samples)

    def gather_back(self, call: Call, gradients: dict[int, ir.Value]) -> None:
        statistics, sums = call.statistics[self.place], call.sums[self.place]
        mine = [
            call.nothing if number is None else gradients.get(number, call.nothing)
            for number in (self.gamma, self.beta)
        ]
        self.call(call, "gather_back", sums, statistics, *mine, call.samples)

    def backward(self, call: Call) -> None:
        self.return_gradients(call)


class ScalingStage(_Normalizing):
    """Normalization by statistics that are given: every channel is scaled and shifted."""

    @property
    def prepares(self) -> bool:
        return True

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        norm = self.norm
        self.functions["prepare"] = statistics.prepare(module, machine, norm)
        self.functions["forward"] = normalization.apply(module, machine, norm)
        if not (training and self.learns):
            return
        if self.step.activation:
            self.functions["slope"] = elementwise.activation_gradient(
                module, machine, self.step.activation, self.target, self.target
            )
        if any(self.learned):
            self.functions["parameters"] = normalization.parameter_gradients(
                module, machine, norm, self.learned
            )
        if any(self.needed):
            self.functions["input"] = normalization.apply_back(module, machine, norm, self.returned)

    def prepare(self, call: Call) -> None:
        self.call(call, "prepare", call.statistics[self.place], *self.weights(call))

    def backward(self, call: Call) -> None:
        dy = call.gradients[self.output]
        if "slope" in self.functions:
            self.call(call, "slope", call.values[self.output], dy, dy, call.samples)
        if "parameters" in self.functions:
            mine = [
                call.partials[number] if number is not None and learns else call.nothing
                for number, learns in zip((self.gamma, self.beta), self.learned, strict=True)
            ]
            x, statistics = call.values[self.inputs[0]], call.statistics[self.place]
            self.call(call, "parameters", x, dy, statistics, *mine, call.samples)
        self.return_gradients(call)
