"""The reference engine: the graph read aloud in NumPy. Small, slow, and the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pellucid.engines.base import Steps
from pellucid.graph import Graph, Parameter, Trained, logits
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
        losses: Sequence[Loss],
        loss_weights: Sequence[float],
        optimizer: Optimizer,
        slots: Sequence[Sequence[Array]],
        seed: int,
    ) -> ReferenceTrainer:
        """Prepare training, as `Engine.trainer` says."""
        trained = logits(graph, losses)
        return ReferenceTrainer(
            trained, parameters, loss_weights, optimizer, slots, seed, self.dtype
        )


@dataclass(frozen=True)
class ReferencePredictor:
    """A network ready to answer."""

    graph: Graph
    parameters: Sequence[Array]
    dtype: type[np.floating]

    @_QUIET
    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Outputs, as `Predictor.run` says."""
        parameters = _cast(self.parameters, self.dtype)
        parts = []
        for start in range(0, len(inputs[0]), _SAMPLES_AT_ONCE):
            part = [array[start : start + _SAMPLES_AT_ONCE] for array in inputs]
            values = forward(self.graph, parameters, _cast(part, self.dtype))
            parts.append(_pick(values, self.graph.outputs))
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


@dataclass(frozen=True)
class ReferenceTrainer:
    """A network, its losses and its optimizer ready to learn."""

    trained: Trained
    parameters: Sequence[Array]
    loss_weights: Sequence[float]
    optimizer: Optimizer
    slots: Sequence[Sequence[Array]]
    seed: int
    dtype: type[np.floating]

    @_QUIET
    def run(
        self,
        inputs: Sequence[Array],
        targets: Sequence[Array],
        weights: Sequence[Array | None],
        order: Array,
        batch_size: int,
        first_step: int,
    ) -> Steps:
        """Train, as `Trainer.run` says."""
        steps = []
        for number, start in enumerate(range(0, len(order), batch_size), first_step):
            batch = order[start : start + batch_size]
            images = _cast([array[batch] for array in inputs], self.dtype)
            counts = [_weights(array, batch, self.dtype) for array in weights]
            steps.append(self._step(images, [array[batch] for array in targets], counts, number))
        losses, predictions = (
            [np.concatenate(parts) for parts in zip(*kind, strict=True)]
            for kind in zip(*steps, strict=True)
        )
        return Steps(losses, predictions)

    def _step(
        self, images: list[Array], targets: list[Array], weights: list[Array], number: int
    ) -> Steps:
        """One update from one batch; what it yields is of the moment before the update."""
        graph, losses, finishing = self.trained
        parameters = _cast(self.parameters, self.dtype)
        context = Context(training=True, seed=self.seed, step=number)
        values = forward(graph, parameters, images, context)
        outputs = _pick(values, graph.outputs)
        slopes = [
            loss.gradient(output, target) * (weight * share).reshape(-1, *[1] * (output.ndim - 1))
            for loss, output, target, weight, share in zip(
                losses, outputs, targets, weights, self.loss_weights, strict=True
            )
        ]
        gradients = backward(graph, parameters, values, slopes, context)
        told = [
            loss.forward(output, target) * weight
            for loss, output, target, weight in zip(losses, outputs, targets, weights, strict=True)
        ]
        predictions = [
            output if last is None else last.forward((output,), (), context)
            for output, last in zip(outputs, finishing, strict=True)
        ]
        track(graph, self.parameters, values, context)
        self._update(gradients, len(images[0]), number)
        return Steps(told, predictions)

    def _update(self, gradients: Sequence[Array], samples: int, number: int) -> None:
        """Let every trainable parameter follow its gradient of the mean loss."""
        scalars = self.optimizer.scalars(number)
        triples = zip(self.trained.graph.parameters, self.parameters, gradients, strict=True)
        followers, means = [], []
        for description, parameter, gradient in triples:
            if description.trainable:
                mean = (gradient * (1 / samples)).astype(parameter.dtype, copy=False)
                means.append(mean + penalty_gradient(description, parameter))
                followers.append(parameter)
        clipped = self.optimizer.clip(means)
        for parameter, mean, slots in zip(followers, clipped, self.slots, strict=True):
            self.optimizer.update(parameter, mean, slots, scalars)


def penalty_gradient(description: Parameter, values: Array) -> Array | float:
    """The gradient of a parameter's penalty; 0 without one."""
    if not (description.l1 or description.l2):
        return 0.0
    kind = values.dtype.type
    return np.sign(values) * kind(description.l1) + values * kind(2 * description.l2)


def forward(
    graph: Graph,
    parameters: Sequence[Array],
    inputs: Sequence[Array],
    context: Context | None = None,
) -> list[Array]:
    """All values of a network, (N, *shape) each: the inputs first, then that of each node."""
    context = context or Context()
    values = list(inputs)
    for number, node in enumerate(graph.nodes):
        place = replace(context, node=number)
        values.append(
            node.op.forward(_pick(values, node.inputs), _pick(parameters, node.parameters), place)
        )
    return values


def track(
    graph: Graph, parameters: Sequence[Array], values: Sequence[Array], context: Context
) -> None:
    """Let the parameters that operations track follow a batch, in place.

    values: from `forward`, with the same context.
    """
    for number, node in enumerate(graph.nodes):
        if not node.op.tracked:
            continue
        news = node.op.track(
            _pick(values, node.inputs),
            _pick(parameters, node.parameters),
            replace(context, node=number),
        )
        for parameter, new in zip(node.parameters[-node.op.tracked :], news, strict=True):
            parameters[parameter][...] = new


def backward(
    graph: Graph,
    parameters: Sequence[Array],
    values: Sequence[Array],
    slopes: Sequence[Array],
    context: Context,
) -> list[Array]:
    """The gradient of a scalar by every parameter, given its gradients by the outputs.

    values: from `forward`, with the same context. A value that several nodes read gets the sum
    of what comes back from them, and so does a parameter that several nodes use.
    """
    by_value = [np.zeros_like(value) for value in values]
    for value, slope in zip(graph.outputs, slopes, strict=True):
        by_value[value] += slope
    by_parameter = [np.zeros_like(parameter) for parameter in parameters]
    for number, node in reversed(list(enumerate(graph.nodes))):
        value = graph.value(number)
        gradients = node.op.backward(
            by_value[value],
            _pick(values, node.inputs),
            _pick(parameters, node.parameters),
            values[value],
            replace(context, node=number),
        )
        for read, part in zip(node.inputs, gradients.inputs, strict=True):
            by_value[read] += part
        learned = node.parameters[: len(node.parameters) - node.op.tracked]
        for parameter, part in zip(learned, gradients.parameters, strict=True):
            by_parameter[parameter] += part
    return by_parameter


def _pick(arrays: Sequence[Array], numbers: Sequence[int]) -> tuple[Array, ...]:
    return tuple(arrays[number] for number in numbers)


def _cast(arrays: Sequence[Array], dtype: type[np.floating]) -> list[Array]:
    return [array.astype(dtype, copy=False) for array in arrays]


def _weights(weights: Array | None, batch: Array, dtype: type[np.floating]) -> Array:
    """How much each sample of a batch counts."""
    return np.ones(len(batch), dtype) if weights is None else weights[batch].astype(dtype)
