"""A network that is ready to learn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pellucid.engines.base import Engine, Steps, Trainer
from pellucid.graph import Graph
from pellucid.ops.base import Array
from pellucid.ops.optimizers import Optimizer
from pellucid.training.objective import Objective
from pellucid.training.state import TrainingState


class Learner:
    """Joins a network with what it aims at, how it follows, and how far it has come.

    parameters: changed in place by every step, as are the state's slots and its step.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: Sequence[Array],
        engine: Engine,
        objective: Objective,
        optimizer: Optimizer,
        state: TrainingState,
    ) -> None:
        self.graph = graph
        self.parameters = parameters
        self.engine = engine
        self.objective = objective
        self.optimizer = optimizer
        self.state = state

    def train(self, images: Array, targets: Array, order: Array, batch_size: int) -> Steps:
        """Go some steps: on the samples that `order` numbers, `batch_size` of them a step."""
        state = self.state
        steps = self._trainer.run([images], [targets], [None], order, batch_size, state.step)
        state.step += -(-len(order) // batch_size)
        return steps

    @cached_property
    def _trainer(self) -> Trainer:
        return self.engine.trainer(
            self.graph,
            self.parameters,
            [self.objective.loss],
            [1.0],
            self.optimizer,
            self.state.slots,
            self.state.seed,
        )
