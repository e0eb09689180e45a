"""Layer normalization: every sample by itself."""

from __future__ import annotations

import math

from pellucid.engines.native.emit import Index, Module
from pellucid.engines.native.kernels import layer_normalization
from pellucid.engines.native.kernels.layer_normalization import LayerNorm, Wanted
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.ops.normalization import LayerNormalization
from pellucid.shapes import Shape


class LayerNormalizationStage(Stage):
    """Groups of numbers brought to mean 0 and variance 1. shape: of one sample of the input."""

    shape: Shape = ()

    @property
    def norm(self) -> LayerNorm:
        """The operation with all its sizes."""
        op = self.step.node.op
        assert isinstance(op, LayerNormalization)
        *_, columns, channels = (1, *self.shape)
        single = op.axes == 1
        return LayerNorm(
            self.source,
            self.target,
            math.prod(self.shape[-op.axes : -2]) if op.axes > 2 else 1,
            self.target.columns if single else 1,
            channels if single else columns * channels,
            op.epsilon,
            op.scale,
            op.center,
        )

    @property
    def keeps(self) -> tuple[int, ...]:
        return self.inputs

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        self.functions["forward"] = layer_normalization.forward(module, machine, self.norm)
        if training and self.learns:
            gamma, beta = self._learning()
            wanted = Wanted(self.input_gradient, gamma, beta, self.accumulate[0])
            self.functions["back"] = layer_normalization.backward(
                module, machine, self.norm, wanted
            )

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        gamma, beta = (
            call.parameter(n) if n is not None else call.nothing for n in self._learned()
        )
        x, y = call.values[self.inputs[0]], call.values[self.output]
        self.call(call, "forward", x, gamma, beta, y, call.samples)

    def backward(self, call: Call) -> None:
        gamma = self._learned()[0]
        weights = call.nothing if gamma is None else call.parameter(gamma)
        partials = [
            call.nothing if n is None else call.partials.get(n, call.nothing)
            for n in self._learned()
        ]
        x, dy = call.values[self.inputs[0]], call.gradients[self.output]
        dx = call.gradients.get(self.inputs[0], call.nothing)
        self.call(call, "back", x, weights, dy, *partials, dx, call.samples)

    def _learned(self) -> tuple[int | None, int | None]:
        """The numbers of gamma and beta, where there are any."""
        norm, numbers = self.norm, iter(self.parameters)
        gamma = next(numbers) if norm.scale else None
        return gamma, next(numbers) if norm.center else None

    def _learning(self) -> tuple[bool, bool]:
        """Whether gamma and beta learn."""
        learning = dict(zip(self.parameters, self.trainable, strict=True))
        gamma, beta = self._learned()
        return gamma is not None and learning[gamma], beta is not None and learning[beta]
