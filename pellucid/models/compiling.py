"""How a model is told to train: with an engine, objectives and a state of training."""

from __future__ import annotations

from typing import Any

from pellucid import engines, random
from pellucid.engines.base import Engine, Predictor
from pellucid.errors import ArgumentError, TrainingError
from pellucid.graph import Graph
from pellucid.layers.constraints import Constraint
from pellucid.layers.lowering import Network
from pellucid.models.structure import Structure
from pellucid.ops.optimizers import Optimizer
from pellucid.training import lookup
from pellucid.training.learner import Learner
from pellucid.training.lookup import OptimizerLike
from pellucid.training.metrics import Metric
from pellucid.training.objective import Objective, Recipe, is_one
from pellucid.training.state import TrainingState


class Compiling:
    """What every model knows of its training, whatever it is made of.

    input_form, output_form: how inputs and outputs are handed over.
    """

    name: str
    input_form: Structure
    output_form: Structure

    def __init__(self, engine: str | Engine | None) -> None:
        self._engine: Engine | None = None if engine is None else engines.get(engine)
        self._recipe: Recipe | None = None
        self._forget()

    @property
    def built(self) -> bool:
        """Whether there is a network already."""
        raise NotImplementedError

    @property
    def graph(self) -> Graph:
        """The operations that the layers stand for; ShapeError if the model is not built."""
        return self._lowered().graph

    def _lowered(self) -> Network:
        """The network as it is now."""
        raise NotImplementedError

    def _constraints(self) -> dict[int, Constraint]:
        """What holds weights that are trained where they may be, by their number."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Drop all that was made for a network."""
        self._predictor: Predictor | None = None
        self._objectives: list[Objective] | None = None
        self._learner: Learner | None = None

    # Engine

    @property
    def engine(self) -> Engine:
        """What computes the model. May be set to 'native', 'reference', or an Engine."""
        if self._engine is None:
            self._engine = engines.get(None)
        return self._engine

    @engine.setter
    def engine(self, engine: str | Engine | None) -> None:
        self._engine = engines.get(engine)
        self._predictor = None
        if self._learner is not None:
            self._learner = self._new_learner(self._learner.state)

    # Compilation

    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: Any = None,
        *,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        engine: str | Engine | None = None,
    ) -> None:
        """Say how to train. The state of an earlier training is dropped; the weights stay.

        optimizer: a name or an object of `pellucid.optimizers`. loss: a name or an object of
        `pellucid.losses`; needed. metrics: names or objects of `pellucid.metrics`, for instance
        ['accuracy']; samples count alike in them, and by their weights in weighted_metrics.
        loss_weights: what the loss of each output is multiplied by in the sum that is trained; 1
        if None. engine: as for the model; None leaves the one it has.

        With several outputs, loss, metrics and loss_weights are lists in the order of the outputs
        or dictionaries by their names, with a list of metrics for each.

        Raises UnknownNameError, with the nearest known name, for an unknown one; ArgumentError for
        what does not fit the outputs.
        """
        if loss is None:
            known = ", ".join(sorted(lookup.LOSSES))
            raise ArgumentError(f"compile needs a loss, for instance loss='mse'. Known: {known}.")
        if is_one(loss):
            loss = lookup.get_loss(loss)
        if isinstance(metrics, str | Metric):
            metrics = [metrics]
        self._recipe = Recipe(
            lookup.get_optimizer(optimizer), loss, loss_weights, metrics or [], weighted_metrics
        )
        self._forget()  # whether layers are trainable is read anew
        if engine is not None:
            self.engine = engine
        # An unknown metric is told here already, even if the output's shape is not known yet.
        if self.built:
            self._aiming()
        else:
            self._recipe.objectives(["output"], [(1,)])

    @property
    def compiled(self) -> bool:
        """Whether the model knows how to train."""
        return self._recipe is not None

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` was told, as plain JSON."""
        return self._compiled().get_config()

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the model was whose `get_compile_config` gave this."""
        self.compile(
            config["optimizer"],
            config["loss"],
            loss_weights=config.get("loss_weights"),
            metrics=config["metrics"],
            weighted_metrics=config.get("weighted_metrics"),
        )

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; its `learning_rate` may be set at any time, if it is a number."""
        return self._compiled().optimizer

    @property
    def loss(self) -> Any:
        """The loss; as `compile` was told, if there are several outputs."""
        return self._compiled().loss

    @property
    def training_state(self) -> TrainingState:
        """Steps and epochs so far, the seed and the optimizer's memory.

        Setting it copies another state's numbers, so that training goes on from there; DataError
        if that belongs to another network or optimizer.
        """
        return self._learning().state

    @training_state.setter
    def training_state(self, state: TrainingState) -> None:
        learner = self._learning()
        learner.state.copy_from(state)
        self._learner = self._new_learner(learner.state)

    # What is made when it is first needed

    def _answering(self) -> Predictor:
        if self._predictor is None:
            graph, parameters = self._lowered()
            self._predictor = self.engine.predictor(graph, parameters)
        return self._predictor

    def _compiled(self) -> Recipe:
        if self._recipe is None:
            raise TrainingError(
                f"Model {self.name} does not know yet how to train. Call model.compile("
                "optimizer='rmsprop', loss='sparse_categorical_crossentropy', "
                "metrics=['accuracy']) first."
            )
        return self._recipe

    def _aiming(self) -> list[Objective]:
        if self._objectives is None:
            recipe, shapes = self._compiled(), self.graph.output_shapes
            self._objectives = recipe.objectives(self.output_form.names, shapes)
        return self._objectives

    def _learning(self) -> Learner:
        if self._learner is None:
            optimizer = self._compiled().optimizer
            parameters = self._lowered().graph.parameters
            self._learner = self._new_learner(
                TrainingState.start(random.current_seed(), optimizer, parameters)
            )
        return self._learner

    def _new_learner(self, state: TrainingState) -> Learner:
        graph, parameters = self._lowered()
        return Learner(
            graph,
            parameters,
            self.engine,
            self._aiming(),
            self.optimizer,
            state,
            self._constraints(),
        )
