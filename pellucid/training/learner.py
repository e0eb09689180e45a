"""A network that is ready to learn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from pellucid.engines.base import Engine, Steps, Trainer
from pellucid.graph import Graph
from pellucid.layers.constraints import Constraint
from pellucid.ops.base import Array
from pellucid.ops.optimizers import Optimizer
from pellucid.training.objective import Objective
from pellucid.training.samples import Chunk
from pellucid.training.state import TrainingState


class Learner:
    """Joins a network with what it aims at, how it follows, and how far it has come.

    parameters: changed in place by every step, as are the state's slots and its step.
    constraints: by the numbers of parameters, what brings them back to where they may be.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: Sequence[Array],
        engine: Engine,
        objectives: Sequence[Objective],
        optimizer: Optimizer,
        state: TrainingState,
        constraints: dict[int, Constraint],
    ) -> None:
        self.graph = graph
        self.parameters = parameters
        self.engine = engine
        self.objectives = objectives
        self.optimizer = optimizer
        self.state = state
        self.constraints = constraints

    @property
    def step_by_step(self) -> bool:
        """Whether something is to be done around every step that an engine knows nothing of."""
        overwrites = self.optimizer.use_ema and self.optimizer.ema_overwrite_frequency is not None
        return bool(self.constraints) or overwrites or has_penalty(self.graph)

    def train(self, chunk: Chunk) -> Steps:
        """Go some steps; one, if the learner goes step by step."""
        state = self.state
        samples, order, size = chunk
        steps = self._trainer.run(
            samples.inputs, samples.targets, samples.weights, order, size, state.step
        )
        if self.optimizer.overwrites(state.step):
            self._take_averages()
        for number, constraint in self.constraints.items():
            self.parameters[number][...] = constraint(self.parameters[number])
        state.step += chunk.steps
        return steps

    def penalty(self) -> float:
        """What the parameters' penalties add to the loss."""
        return penalty(self.graph, self.parameters)

    def finish(self) -> None:
        """End a training: if averages are kept, they become the parameters."""
        if self.optimizer.use_ema and self.state.step:
            self._take_averages()

    def _take_averages(self) -> None:
        described = zip(self.graph.parameters, self.parameters, strict=True)
        followers = [array for description, array in described if description.trainable]
        for array, slots in zip(followers, self.state.slots, strict=True):
            array[...] = slots[-1]

    @cached_property
    def _trainer(self) -> Trainer:
        return self.engine.trainer(
            self.graph,
            self.parameters,
            [objective.loss for objective in self.objectives],
            [objective.loss_weight for objective in self.objectives],
            self.optimizer,
            self.state.slots,
            self.state.seed,
        )


def has_penalty(graph: Graph) -> bool:
    """Whether the size of a parameter that is trained is part of the loss."""
    return any(one.trainable and (one.l1 or one.l2) for one in graph.parameters)


def penalty(graph: Graph, parameters: Sequence[Array]) -> float:
    """The sum of the penalties of all parameters that are trained, in double precision."""
    total = 0.0
    for description, values in zip(graph.parameters, parameters, strict=True):
        if not description.trainable:
            continue
        if description.l1:
            total += description.l1 * float(np.abs(values).sum(dtype=np.float64))
        if description.l2:
            total += description.l2 * float(np.square(values, dtype=np.float64).sum())
    return total
