"""Losses, optimizers and schedules by name, with the names of Keras, and as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers.naming import snake_case
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from pellucid.ops.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from pellucid.ops.schedules import SCHEDULES, LearningRateSchedule

LossLike = str | dict[str, Any] | Loss
OptimizerLike = str | dict[str, Any] | Optimizer

LOSSES: dict[str, type[Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}

Kind = TypeVar("Kind", Loss, Optimizer)
Made = TypeVar("Made")


def get_loss(identifier: LossLike) -> Loss:
    """A loss from its name, its configuration, or itself.

    Names are Keras's: 'mse', 'mean_squared_error', 'MeanSquaredError', ...
    Raises UnknownNameError, with the nearest known name, for any other.
    """
    return _get("loss", identifier, Loss, LOSSES)


def get_optimizer(identifier: OptimizerLike) -> Optimizer:
    """An optimizer from its name ('rmsprop', 'RMSprop'), its configuration, or itself.

    Raises UnknownNameError, with the nearest known name, for any other.
    """
    return _get("optimizer", identifier, Optimizer, OPTIMIZERS)


def get_schedule(identifier: dict[str, Any] | LearningRateSchedule) -> LearningRateSchedule:
    """A learning-rate schedule from its configuration, or itself.

    Raises UnknownNameError, with the nearest known name, for one that does not exist.
    """
    if isinstance(identifier, LearningRateSchedule):
        return identifier
    name, config = identifier.get("class_name"), identifier.get("config", {})
    cls = SCHEDULES.get(str(name))
    if cls is None:
        raise unknown_name("learning-rate schedule", name, SCHEDULES)
    return _made(cls, config)


def serialize(thing: Loss | Optimizer | LearningRateSchedule) -> dict[str, Any]:
    """The class and its arguments as plain JSON, from which `get` makes it again."""
    config = asdict(thing) if isinstance(thing, Loss) else thing.get_config()  # type: ignore[call-overload]
    return {"class_name": type(thing).__name__, "config": config}


def _get(
    kind: str,
    identifier: str | dict[str, Any] | Kind,
    base: type[Kind],
    known: Mapping[str, type[Kind]],
) -> Kind:
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, base):
        raise ArgumentError(
            f"The {kind} is the class {identifier.__name__}, expected an object: write "
            f"{identifier.__name__}()."
        )
    name: Any = identifier
    config: dict[str, Any] = {}
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
    text = str(name)
    cls = known.get(text.lower()) or known.get(snake_case(text))
    if cls is None:
        raise unknown_name(kind, name, known)
    return _made(cls, config)


def _made(cls: type[Made], config: dict[str, Any]) -> Made:
    """An object of a class from its configuration, and a schedule in it from its own."""
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        config = {**config, "learning_rate": get_schedule(rate)}
    try:
        return cls(**config)
    except TypeError as error:
        raise ArgumentError(f"{cls.__name__} cannot be made from {config}: {error}.") from None
