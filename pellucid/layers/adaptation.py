"""Layers that look at data before training, and keep what they saw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from pellucid.errors import ArgumentError, DataError, ShapeError
from pellucid.layers import initializers
from pellucid.layers.base import Layer, Stage
from pellucid.layers.initializers import Initializer
from pellucid.ops.base import Array
from pellucid.ops.scaling import Normalization as NormalizationOp
from pellucid.shapes import Shape

_SAMPLES_AT_ONCE = 1024  # bounds the memory that looking at an array takes


class Moments(NamedTuple):
    """Mean and variance of the values seen so far, float64, and how many values they were of."""

    mean: Array
    variance: Array
    values: int

    @classmethod
    def of(cls, values: Array, axes: tuple[int, ...]) -> Self:
        """Over all axes but those given."""
        seen = tuple(axis for axis in range(values.ndim) if axis not in axes)
        many = math.prod(values.shape[axis] for axis in seen)
        return cls(values.mean(seen, np.float64), values.var(seen, np.float64), many)

    def and_of(self, other: Moments) -> Moments:
        """Of both together: Chan, Golub and LeVeque, "Updating formulae..." (1979)."""
        many = self.values + other.values
        share, distance = other.values / many, other.mean - self.mean
        variance = self.variance * (1 - share) + other.variance * share
        spread = distance * distance * (share * (1 - share))
        return Moments(self.mean + distance * share, variance + spread, many)


class Normalization(Layer):
    """Brings data to the mean 0 and the variance 1: (x - mean) / sqrt(variance).

    axis: the axes, counted as in a batch (0, the batch, is not among them), along which each
    place has a mean and a variance of its own; None for one of all values. mean, variance: if
    they are known, numbers or arrays that broadcast to the sizes of these axes; otherwise they
    are weights, 0 and 1 until `adapt` has seen data. invert: go back from normalized to original
    values. Raises ArgumentError for a mean without a variance, and for an axis that is none.
    """

    tracked_weights = frozenset({"mean", "variance", "count"})

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.axis = _axes(axis)
        if (mean is None) != (variance is None):
            raise ArgumentError("Give mean and variance together, or neither and call adapt.")
        self._given = (
            None if mean is None else (_numbers(mean, "mean"), _numbers(variance, "variance"))
        )
        self.invert = bool(invert)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The normalization."""
        axes = self._sample_axes(sample_shape)
        if self._given is None:
            return [Stage(NormalizationOp(axes, self.invert), ("mean", "variance"))]
        kept = tuple(sample_shape[axis] for axis in axes)
        try:
            mean, variance = (
                tuple(np.broadcast_to(moment, kept).ravel().tolist()) for moment in self._given
            )
        except ValueError:
            shapes = " and ".join(str(moment.shape) for moment in self._given)
            raise ShapeError(
                f"Layer {self.name} needs a mean and a variance that broadcast to {kept}, the "
                f"sizes of the axes {self.axis}; theirs are {shapes}."
            ) from None
        return [Stage(NormalizationOp(axes, self.invert, (mean, variance)))]

    def initializer(self, weight: str) -> Initializer:
        """A mean of 0 and a variance of 1, so that nothing changes before `adapt`."""
        return initializers.get("ones" if weight == "variance" else "zeros")

    def weight_shapes(self, *sample_shapes: Shape) -> dict[str, Shape]:
        """Mean, variance, and a number that Keras keeps in its files beside them, unused."""
        shapes = super().weight_shapes(*sample_shapes)
        return {**shapes, "count": ()} if shapes else {}

    def adapt(self, data: Any) -> None:
        """Let mean and variance be those of the data; what was seen before is forgotten.

        data: an array (N, ...), or an iterable of such arrays, the batches; of batches that are
        tuples (inputs, targets), the inputs count.
        Raises DataError for what is no array of finite numbers, or none at all; ShapeError if
        its shape does not fit; ArgumentError if mean and variance were given.
        """
        if self._given is not None:
            raise ArgumentError(
                f"Layer {self.name} was given its mean and variance; leave them out to adapt it."
            )
        seen: Moments | None = None
        for batch in _batches(data, self.name):
            self.build_for(batch.shape[1:])
            axes = tuple(axis + 1 for axis in self._sample_axes(batch.shape[1:]))
            moments = Moments.of(batch, axes)
            seen = moments if seen is None else seen.and_of(moments)
        if seen is None:
            raise DataError(f"Layer {self.name} has seen no batch to adapt to.")
        self.array("mean")[...] = seen.mean
        self.array("variance")[...] = seen.variance

    @property
    def mean(self) -> Array | None:
        """The mean in force, in the sizes of the axes; None before there is any."""
        return self._weights.get("mean") if self._given is None else self._given[0]

    @property
    def variance(self) -> Array | None:
        """The variance in force, in the sizes of the axes; None before there is any."""
        return self._weights.get("variance") if self._given is None else self._given[1]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer again; what it adapted to are its weights."""
        mean, variance = self._given or (None, None)
        given = {
            name: None if moment is None else moment.tolist()
            for name, moment in (("mean", mean), ("variance", variance))
        }
        return {**super().get_config(), **given}

    def _sample_axes(self, sample_shape: Shape) -> tuple[int, ...]:
        """The axes as those of a sample, in their order."""
        rank = len(sample_shape) + 1
        axes = {axis % rank for axis in self.axis if -rank <= axis < rank}
        if len(axes) < len(self.axis) or 0 in axes:
            raise ShapeError(
                f"Layer {self.name} has the axes {self.axis}, but batches of samples "
                f"{sample_shape} have the axes 1 to {rank - 1}, each named once."
            )
        return tuple(axis - 1 for axis in sorted(axes))


def _axes(axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """Axes as a tuple; ArgumentError unless they are whole numbers."""
    axes = () if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if any(isinstance(one, bool) or not isinstance(one, int | np.integer) for one in axes):
        raise ArgumentError(f"axis must be a whole number, several, or None; got {axis!r}.")
    return tuple(map(int, axes))


def _numbers(values: Any, name: str) -> Array:
    """Finite numbers as a float32 array; ArgumentError for anything else."""
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        array = np.full(1, np.nan, np.float32)
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} must be a finite number or an array of them, got {values!r}.")
    return array


def _batches(data: Any, name: str) -> Iterator[Array]:
    """The batches of an array, or of an iterable of them, one by one."""
    if isinstance(data, np.ndarray):
        parts: Iterable[Any] = (
            data[start : start + _SAMPLES_AT_ONCE]
            for start in range(0, len(data) if data.ndim else 1, _SAMPLES_AT_ONCE)
        )
    elif isinstance(data, Iterable):
        parts = data
    else:
        raise DataError(
            f"Layer {name} adapts to an array (sample, ...) or to an iterable of such batches, "
            f"got {type(data).__name__}."
        )
    for part in parts:
        batch = part[0] if isinstance(part, tuple) else part
        array = batch if isinstance(batch, np.ndarray) else np.empty(0)
        if array.dtype.kind not in "biuf" or array.ndim < 2 or not array.size:
            raise DataError(
                f"Layer {name} adapts to arrays of numbers (sample, ...); a batch was "
                f"{type(batch).__name__} of the shape {np.shape(batch)}."
            )
        if not np.isfinite(array).all():
            raise DataError(f"Layer {name} adapts to finite numbers; a batch has others.")
        yield array
