"""The protocol of an engine: what it promises to whoever trains or asks a network.

An engine is an object that is handed to a model. It turns a graph into two things: a predictor
and a trainer. Parameters are float32 arrays that the caller owns; engines read and change them
in place, so that a model, its optimizer state and several engines can share the same arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pellucid.graph import Graph
from pellucid.ops.base import Array
from pellucid.ops.losses import Loss
from pellucid.ops.optimizers import Optimizer


class Steps(NamedTuple):
    """What some steps of training yield, sample by sample in the order in which they were seen.

    Each has one array for each output of the network. losses: (samples,) float32, times the
    sample's weight, each before the update that its batch led to. predictions: (samples,
    *output shape) float32, of the same moment.
    """

    losses: list[Array]
    predictions: list[Array]


class Predictor(Protocol):
    """A network ready to answer."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Outputs (N, *output shape) float32 for inputs (N, *input shape) float32, any N >= 1.

        An answer depends on its own sample only, never on what else is in the batch.
        """
        ...


class Trainer(Protocol):
    """A network, its losses and its optimizer ready to learn."""

    def run(
        self,
        inputs: Sequence[Array],
        targets: Sequence[Array],
        weights: Sequence[Array | None],
        order: Array,
        batch_size: int,
        first_step: int,
    ) -> Steps:
        """Train on the samples that `order` numbers, `batch_size` of them a step.

        inputs: (N, *input shape) float32 each. targets: for each output what its loss takes, N
        long. weights: for each output how much every sample counts, (N,) float32; None for 1.
        order: (samples,) int64, numbers of samples; the last step has fewer when batch_size does
        not divide them. first_step: how many updates this network has had before (0 for the
        first), which drives the optimizer's bias correction and the randomness of dropout.

        What is descended is the sum over the outputs of loss weight * mean over the batch of
        (sample weight * loss), and the parameters' penalties. Parameters and optimizer slots
        change in place, and so do the parameters that operations track.
        """
        ...


class Engine(Protocol):
    """Something that computes networks."""

    name: str

    def predictor(self, graph: Graph, parameters: Sequence[Array]) -> Predictor:
        """Prepare inference; `parameters` in the order of `graph.parameters`."""
        ...

    def trainer(
        self,
        graph: Graph,
        parameters: Sequence[Array],
        losses: Sequence[Loss],
        loss_weights: Sequence[float],
        optimizer: Optimizer,
        slots: Sequence[Sequence[Array]],
        seed: int,
    ) -> Trainer:
        """Prepare training.

        losses, loss_weights: one for each output. slots: for every trainable parameter, in
        order, the optimizer's `slot_count` arrays of the parameter's shape (zeros at the start
        of training).
        """
        ...
