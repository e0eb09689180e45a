"""The weights of a layer or model: arrays by name, and what training does with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from pellucid.errors import DataError
from pellucid.ops.base import Array

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


class Variable(NamedTuple):
    """One array of weights: the layer that it belongs to, and its name there.

    path: the names of the models that the layer stands in, the layer's, and the weight's, with
    '/' between them: conv2d/kernel.
    """

    path: str
    layer: Layer
    name: str
    array: Array

    @property
    def trainable(self) -> bool:
        """Whether a gradient changes it."""
        return self.layer.learns(self.name)


class Weighted:
    """What has weights.

    word: what messages call it. tracked_weights: the names of those weights that follow the data
    instead of a gradient. regularizers, constraints: by the names of weights.
    """

    word: ClassVar[str] = "Layer"
    tracked_weights: ClassVar[frozenset[str]] = frozenset()
    regularizers: Mapping[str, Any] = MappingProxyType({})
    constraints: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, name: str, trainable: bool) -> None:
        self.name = name
        self._trainable = bool(trainable)
        self._weights: dict[str, Array] = {}

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. A compiled model reads it at `compile`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    def learns(self, weight: str) -> bool:
        """Whether a gradient changes the weights of this name."""
        return self.trainable and weight not in self.tracked_weights

    def penalty(self, weight: str) -> tuple[float, float]:
        """(l1, l2): what l1 * sum(|w|) + l2 * sum(w * w) of these weights adds to the loss."""
        regularizer = self.regularizers.get(weight)
        return (0.0, 0.0) if regularizer is None else (regularizer.l1, regularizer.l2)

    def constraint(self, weight: str) -> Any:
        """What these weights are held to after every step, or None."""
        return self.constraints.get(weight)

    def variables(self) -> list[Variable]:
        """All weights, each once."""
        raise NotImplementedError

    def _check_built(self) -> None:
        """Raise ShapeError if there are no weights yet."""
        raise NotImplementedError

    @property
    def weights(self) -> list[Array]:
        """The very arrays of weights, in order: changing them changes the layer."""
        return [variable.array for variable in self.variables()]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those of `weights` that a gradient changes; none if `trainable` is False."""
        return [one.array for one in self.variables() if self.trainable and one.trainable]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """Those of `weights` that no gradient changes."""
        return [one.array for one in self.variables() if not (self.trainable and one.trainable)]

    def get_weights(self) -> list[Array]:
        """Copies of the weights, in order."""
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Copy new values into the weights.

        Raises DataError if their number or a shape does not fit, or if a value is not finite.
        """
        copy_weights(f"{self.word} {self.name}", self.named_weights(), weights)

    def named_weights(self) -> dict[str, Array]:
        """The weights by full name, for instance conv2d/kernel."""
        self._check_built()
        return {variable.path: variable.array for variable in self.variables()}

    def count_params(self) -> int:
        """How many single weights there are."""
        return sum(weight.size for weight in self.named_weights().values())


def copy_weights(owner: str, targets: dict[str, Array], values: Sequence[Array]) -> None:
    """Copy values into named arrays, all or none; DataError if they do not fit."""
    given = len(values) if isinstance(values, Sized) else type(values).__name__
    if given != len(targets):
        raise DataError(f"{owner} has {len(targets)} arrays of weights, got {given}.")
    arrays = [np.asarray(value) for value in values]
    for (name, target), array in zip(targets.items(), arrays, strict=True):
        if array.shape != target.shape:
            raise DataError(f"{name} has the shape {target.shape}, got {array.shape}.")
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise DataError(f"{name} needs finite real numbers; what was given has others.")
    for target, array in zip(targets.values(), arrays, strict=True):
        target[...] = array
