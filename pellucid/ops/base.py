"""What every operation answers: its shape, its value, its gradient and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pellucid.shapes import Shape

Array = NDArray[Any]


class Gradients(NamedTuple):
    """The gradients of one operation, in the order of its inputs and of its parameters."""

    inputs: tuple[Array, ...]
    parameters: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Context:
    """Where in a run an operation stands; all randomness is a function of these numbers.

    `node` is the index of the operation in its graph. A sample's number is its place in the batch.
    """

    training: bool = False
    seed: int = 0
    step: int = 0
    node: int = 0

    def key(self, seed: int | None = None) -> tuple[int, int, int]:
        """The key of the random numbers drawn here; a seed stands in for the run's, if given."""
        return (self.seed if seed is None else seed, self.step, self.node)


class Op:
    """One operation of a network: a frozen, hashable description without any state.

    Shapes never contain the batch; arrays always do, as their first axis. Arithmetic is done in
    the inputs' own precision, so that float64 inputs give a float64 check.

    random: whether it draws random numbers in training; seed: what then stands in for the seed of
    the run. tracked: how many of its last parameters
    follow the data instead of a gradient, as moving averages do; see `track`.
    """

    random: bool = False
    seed: int | None = None
    tracked: int = 0

    def inference(self) -> Op | None:
        """What does outside of training what this does; None if that is nothing at all."""
        return self

    def output_shape(self, *inputs: Shape) -> Shape:
        """The shape of one output sample, given the shapes of one sample of each input."""
        raise NotImplementedError

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        """The shapes of the parameters, in the order in which `forward` takes them."""
        return ()

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        """The definition of the operation: outputs (N, *output_shape)."""
        raise NotImplementedError

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        """Gradients of a scalar, given its gradient by the output (N, *output_shape).

        By every input, and by every parameter but the tracked ones.
        """
        raise NotImplementedError

    def track(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> tuple[Array, ...]:
        """New values of the tracked parameters, after a step of training on these inputs."""
        return ()

    def multiply_adds(self, *inputs: Shape) -> int:
        """Nominal multiply-adds of one sample, forward, every output computed."""
        return 0
