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

    losses: (samples,) float32, each before the update that its batch led to.
    predictions: (samples, *output_shape) float32, of the same moment.
    """

    losses: Array
    predictions: Array


class Predictor(Protocol):
    """A network ready to answer."""

    def run(self, images: Array) -> Array:
        """Outputs (N, *output_shape) float32 for images (N, *input_shape) float32, any N >= 1.

        An answer depends on its own image only, never on what else is in the batch.
        """
        ...


class Trainer(Protocol):
    """A network, its loss and its optimizer ready to learn."""

    def run(
        self, images: Array, targets: Array, order: Array, batch_size: int, first_step: int
    ) -> Steps:
        """Train on the samples that `order` numbers, `batch_size` of them a step.

        images: (N, *input_shape) float32. targets: what the loss takes, N long. order: (samples,)
        int64, numbers of samples; the last step has fewer when batch_size does not divide them.
        first_step: how many updates this network has had before (0 for the first), which drives
        the optimizer's bias correction and the randomness of dropout.
        Parameters and optimizer slots change in place.
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
        loss: Loss,
        optimizer: Optimizer,
        slots: Sequence[Sequence[Array]],
        seed: int,
    ) -> Trainer:
        """Prepare training.

        slots: for every trainable parameter, in order, the optimizer's `slot_count` arrays of the
        parameter's shape (zeros at the start of training).
        """
        ...
