"""How a model learns and answers: with an engine, an objective and a state of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pellucid import engines, random
from pellucid.data.checks import as_images
from pellucid.engines.base import Engine, Predictor
from pellucid.errors import ArgumentError, TrainingError
from pellucid.graph import Graph
from pellucid.layers.arguments import positive_integer
from pellucid.layers.lowering import Network
from pellucid.ops.base import Array
from pellucid.ops.losses import Loss
from pellucid.ops.optimizers import Optimizer
from pellucid.shapes import Shape
from pellucid.training import lookup, loop
from pellucid.training.callbacks import Callback, History, checked
from pellucid.training.learner import Learner
from pellucid.training.lookup import LossLike, OptimizerLike
from pellucid.training.loop import Schedule
from pellucid.training.metrics import Metric
from pellucid.training.objective import Objective
from pellucid.training.progress import check_verbose
from pellucid.training.state import TrainingState

_FLOAT32 = np.dtype(np.float32)


class _Recipe(NamedTuple):
    """What `compile` was told."""

    optimizer: Optimizer
    loss: Loss
    metrics: tuple[str | Metric, ...]


class Fitting:
    """What every model can do with its network, whatever it is made of: learn and answer."""

    name: str

    def __init__(self, engine: str | Engine | None) -> None:
        self._engine: Engine | None = None if engine is None else engines.get(engine)
        self._recipe: _Recipe | None = None
        self._forget()
        self.history: History | None = None

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

    def _forget(self) -> None:
        """Drop all that was made for a network."""
        self._predictor: Predictor | None = None
        self._objective: Objective | None = None
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

    # Training

    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossLike | None = None,
        *,
        metrics: Sequence[str | Metric] | None = None,
        engine: str | Engine | None = None,
    ) -> None:
        """Say how to train. The state of an earlier training is dropped; the weights stay.

        optimizer: a name or an object of `pellucid.optimizers`. loss: a name or an object of
        `pellucid.losses`; needed. metrics: names or objects of `pellucid.metrics`, for instance
        ['accuracy']. engine: as for the model; None leaves the one it has.

        Raises UnknownNameError, with the nearest known name, for an unknown one.
        """
        if loss is None:
            known = ", ".join(sorted(lookup.LOSSES))
            raise ArgumentError(f"compile needs a loss, for instance loss='mse'. Known: {known}.")
        if isinstance(metrics, str | Metric):
            metrics = [metrics]
        self._recipe = _Recipe(
            lookup.get_optimizer(optimizer), lookup.get_loss(loss), tuple(metrics or ())
        )
        self._forget()  # whether layers are trainable is read anew
        if engine is not None:
            self.engine = engine
        # An unknown metric is told here already, even if the output's shape is not known yet.
        self._new_objective(self.graph.output_shapes[0] if self.built else (1,))

    @property
    def compiled(self) -> bool:
        """Whether the model knows how to train."""
        return self._recipe is not None

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` was told, as plain JSON; metrics by name."""
        recipe = self._compiled()
        return {
            "optimizer": lookup.serialize(recipe.optimizer),
            "loss": lookup.serialize(recipe.loss),
            "metrics": [getattr(metric, "name", metric) for metric in recipe.metrics],
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the model was whose `get_compile_config` gave this."""
        self.compile(config["optimizer"], config["loss"], metrics=config["metrics"])

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; its `learning_rate` may be set at any time."""
        return self._compiled().optimizer

    @property
    def loss(self) -> Loss:
        """The loss."""
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

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        *,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """Train the model.

        x: samples (N, *input shape), for instance images (N, height, width, channels). y: their
        targets, for instance class numbers (N,). batch_size: samples a step, 32 if None. epochs:
        the number of the last epoch, counted from `initial_epoch`. verbose: 0 silent, 2 a line
        an epoch, 1 and 'auto' a live bar too, in a terminal. shuffle: whether each epoch has its
        own order, which follows from `pellucid.set_seed`.

        Returns the history of loss and metrics. Raises TrainingError before `compile` or when the
        loss is no longer finite; DataError and ArgumentError for what cannot be used.
        """
        schedule = Schedule(
            32 if batch_size is None else batch_size, epochs, initial_epoch, shuffle, verbose
        )
        images = self._as_images(x)
        learner = self._learning()
        targets = learner.objective.as_targets(y, len(images))
        self.history = History()
        listeners = [self.history, *checked(callbacks)]
        for listener in listeners:
            listener.model = self
            listener.params = {
                "epochs": schedule.epochs,
                "steps": -(-len(images) // schedule.batch_size),
                "samples": len(images),
            }
        loop.fit(learner, images, targets, schedule, listeners)
        return self.history

    def train_on_batch(
        self, x: ArrayLike, y: ArrayLike, *, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """One step on one batch. Returns loss and metrics of the moment before the step."""
        images = self._as_images(x)
        learner = self._learning()
        targets = learner.objective.as_targets(y, len(images))
        return _figures(loop.train_on_batch(learner, images, targets), return_dict)

    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        *,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """The loss and the metrics on data, without training.

        Returns [loss, metric, ...], or the loss alone without metrics, or a dictionary. x, y,
        verbose and errors as for `fit`; batch_size: how many samples are computed at once at the
        least, which never changes the result.
        """
        check_verbose(verbose)
        batch_size = positive_integer(32 if batch_size is None else batch_size, "batch_size")
        images = self._as_images(x)
        objective = self._aiming()
        targets = objective.as_targets(y, len(images))
        logs = loop.evaluate(self._answering(), objective, images, targets, batch_size, verbose)
        return _figures(logs, return_dict)

    # Prediction

    def predict(
        self, x: ArrayLike, batch_size: int | None = None, verbose: int | str = "auto"
    ) -> Array:
        """The answers (N, *output shape), float32, to samples (N, *input shape).

        batch_size: how many samples are computed at once at the least, which never changes an
        answer. verbose: 0 silent, otherwise a live bar in a terminal.
        Raises DataError for what cannot be used.
        """
        check_verbose(verbose)
        batch_size = positive_integer(32 if batch_size is None else batch_size, "batch_size")
        images = self._as_images(x)
        predictor = self._answering()
        return loop.predict(predictor, images, self.graph.output_shapes[0], batch_size, verbose)

    def predict_on_batch(self, x: ArrayLike) -> Array:
        """The answers to a few samples with the least delay.

        A C-contiguous float32 array of the right shape goes to the engine as it is, if the sum of
        its squares is finite; anything else is checked and converted as in `predict`.
        """
        predictor = self._predictor
        if (
            predictor is not None
            and type(x) is np.ndarray
            and x.dtype == _FLOAT32
            and x.shape[1:] == self.graph.inputs[0]
            and x.flags.c_contiguous
            and len(x)
            and math.isfinite(np.vdot(x, x))
        ):
            return predictor.run([x])[0]
        images = self._as_images(x)
        return self._answering().run([images])[0]

    # What is made when it is first needed

    def _answering(self) -> Predictor:
        if self._predictor is None:
            graph, parameters = self._lowered()
            self._predictor = self.engine.predictor(graph, parameters)
        return self._predictor

    def _compiled(self) -> _Recipe:
        if self._recipe is None:
            raise TrainingError(
                f"Model {self.name} does not know yet how to train. Call model.compile("
                "optimizer='rmsprop', loss='sparse_categorical_crossentropy', "
                "metrics=['accuracy']) first."
            )
        return self._recipe

    def _aiming(self) -> Objective:
        if self._objective is None:
            self._objective = self._new_objective(self.graph.output_shapes[0])
        return self._objective

    def _new_objective(self, output_shape: Shape) -> Objective:
        recipe = self._compiled()
        return Objective(recipe.loss, recipe.metrics, output_shape)

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
        objective = self._aiming()
        return Learner(graph, parameters, self.engine, objective, self.optimizer, state)

    def _as_images(self, x: ArrayLike) -> Array:
        return as_images(x, self.graph.inputs[0])


def _figures(logs: dict[str, float], return_dict: bool) -> float | list[float] | dict[str, float]:
    """Loss and metrics as Keras returns them."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
