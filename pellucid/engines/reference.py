"""The reference engine: the graph read aloud in NumPy. Small, slow, and the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pellucid.engines.base import Steps
from pellucid.graph import Graph, logits
from pellucid.ops.base import Array, Context
from pellucid.ops.losses import Loss
from pellucid.ops.optimizers import Optimizer

_SAMPLES_AT_ONCE = 64  # bounds the memory that a prediction takes
# What is no longer finite is told by the loss, as with every engine, and not by NumPy besides.
_QUIET = np.errstate(all="ignore")


class ReferenceEngine:
    """Computes networks by calling `forward` and `backward` of each operation in turn.

    dtype: the precision of all arithmetic; float64 serves to check gradients.
    """

    name = "reference"

    def __init__(self, dtype: type[np.floating] = np.float32) -> None:
        self.dtype = dtype

    def predictor(self, graph: Graph, parameters: Sequence[Array]) -> ReferencePredictor:
        """Prepare inference, as `Engine.predictor` says."""
        return ReferencePredictor(graph, parameters, self.dtype)

    def trainer(
        self,
        graph: Graph,
        parameters: Sequence[Array],
        loss: Loss,
        optimizer: Optimizer,
        slots: Sequence[Sequence[Array]],
        seed: int,
    ) -> ReferenceTrainer:
        """Prepare training, as `Engine.trainer` says."""
        return ReferenceTrainer(graph, parameters, loss, optimizer, slots, seed, self.dtype)


@dataclass(frozen=True)
class ReferencePredictor:
    """A network ready to answer."""

    graph: Graph
    parameters: Sequence[Array]
    dtype: type[np.floating]

    @_QUIET
    def run(self, images: Array) -> Array:
        """Outputs for images, as `Predictor.run` says."""
        parameters = _cast(self.parameters, self.dtype)
        starts = range(0, len(images), _SAMPLES_AT_ONCE)
        parts = (images[start : start + _SAMPLES_AT_ONCE].astype(self.dtype) for start in starts)
        return np.concatenate([forward(self.graph, parameters, part)[-1] for part in parts])


@dataclass(frozen=True)
class ReferenceTrainer:
    """A network, its loss and its optimizer ready to learn."""

    graph: Graph
    parameters: Sequence[Array]
    loss: Loss
    optimizer: Optimizer
    slots: Sequence[Sequence[Array]]
    seed: int
    dtype: type[np.floating]

    @_QUIET
    def run(
        self, images: Array, targets: Array, order: Array, batch_size: int, first_step: int
    ) -> Steps:
        """Train, as `Trainer.run` says."""
        steps = []
        for number, start in enumerate(range(0, len(order), batch_size), first_step):
            batch = order[start : start + batch_size]
            steps.append(self._step(images[batch].astype(self.dtype), targets[batch], number))
        losses, predictions = zip(*steps, strict=True)
        return Steps(np.concatenate(losses), np.concatenate(predictions))

    def _step(self, images: Array, targets: Array, number: int) -> Steps:
        """One update from one batch; what it yields is of the moment before the update."""
        graph, loss = logits(self.graph, self.loss)
        parameters = _cast(self.parameters, self.dtype)
        context = Context(training=True, seed=self.seed, step=number)
        values = forward(graph, parameters, images, context)
        gradients = backward(graph, parameters, values, loss.gradient(values[-1], targets), context)
        losses, predictions = loss.forward(values[-1], targets), values[-1]
        if graph is not self.graph:
            predictions = self.graph.nodes[-1].op.forward((predictions,), (), context)
        self._update(gradients, len(images), number)
        return Steps(losses, predictions)

    def _update(self, gradients: Sequence[Array], samples: int, number: int) -> None:
        """Let every trainable parameter follow its gradient of the mean loss."""
        scalars = self.optimizer.scalars(number)
        slots = iter(self.slots)
        triples = zip(self.graph.parameters, self.parameters, gradients, strict=True)
        for description, parameter, gradient in triples:
            if description.trainable:
                mean = (gradient * (1 / samples)).astype(parameter.dtype, copy=False)
                self.optimizer.update(parameter, mean, next(slots), scalars)


def forward(
    graph: Graph, parameters: Sequence[Array], images: Array, context: Context | None = None
) -> list[Array]:
    """All values of a network, (N, *shape) each: the input first, the output last."""
    context = context or Context()
    values = [images]
    for number, node in enumerate(graph.nodes):
        place = replace(context, node=number)
        values.append(
            node.op.forward(_pick(values, node.inputs), _pick(parameters, node.parameters), place)
        )
    return values


def backward(
    graph: Graph,
    parameters: Sequence[Array],
    values: Sequence[Array],
    gradient: Array,
    context: Context,
) -> list[Array]:
    """The gradient of a scalar by every parameter, given its gradient by the output.

    values: from `forward`, with the same context. A value that several nodes read gets the sum
    of what comes back from them, and so does a parameter that several nodes use.
    """
    by_value = [np.zeros_like(value) for value in values[:-1]] + [gradient]
    by_parameter = [np.zeros_like(parameter) for parameter in parameters]
    for number, node in reversed(list(enumerate(graph.nodes))):
        gradients = node.op.backward(
            by_value[number + 1],
            _pick(values, node.inputs),
            _pick(parameters, node.parameters),
            values[number + 1],
            replace(context, node=number),
        )
        for value, part in zip(node.inputs, gradients.inputs, strict=True):
            by_value[value] += part
        for parameter, part in zip(node.parameters, gradients.parameters, strict=True):
            by_parameter[parameter] += part
    return by_parameter


def _pick(arrays: Sequence[Array], numbers: Sequence[int]) -> tuple[Array, ...]:
    return tuple(arrays[number] for number in numbers)


def _cast(arrays: Sequence[Array], dtype: type[np.floating]) -> list[Array]:
    return [array.astype(dtype, copy=False) for array in arrays]
