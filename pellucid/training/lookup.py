"""Losses and optimizers by name, with the names that Keras knows, and as plain JSON."""

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


def serialize(thing: Loss | Optimizer) -> dict[str, Any]:
    """The class and its arguments as plain JSON, from which `get` makes it again."""
    return {"class_name": type(thing).__name__, "config": asdict(thing)}  # type: ignore[call-overload]


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
    try:
        return cls(**config)
    except TypeError as error:
        raise ArgumentError(f"{cls.__name__} cannot be made from {config}: {error}.") from None
