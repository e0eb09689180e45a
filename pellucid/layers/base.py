"""What every layer is: a configuration and, once built, arrays of weights. No arithmetic."""

from __future__ import annotations

import inspect
from collections.abc import Sequence, Sized
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from pellucid.errors import ArgumentError, DataError, ShapeError, unknown_name
from pellucid.layers import arguments
from pellucid.layers.initializers import Initializer
from pellucid.layers.naming import given_or_unique
from pellucid.layers.stack import output_shapes
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.memory import aligned_zeros
from pellucid.ops.base import Array, Op
from pellucid.shapes import Shape


class Stage(NamedTuple):
    """One operation of a layer, and the names of the weights that it takes, in its order."""

    op: Op
    weights: tuple[str, ...] = ()


class Layer:
    """The root of all layers.

    A new kind of layer says in `lower` which operations it stands for and, if they take weights,
    in `initializer` how those start; `__init__` keeps each argument under its own name. All else
    follows: shapes, weights, costs, configuration. A class that is `abstract` holds what several
    kinds have in common, and is no kind of its own.

    name: made from the class and a number if None. input_shape: the shape of one sample, for the
    first layer of a Sequential without an Input.
    """

    classes: ClassVar[dict[str, type[Layer]]] = {}

    def __init_subclass__(cls, abstract: bool = False) -> None:
        if not abstract:
            Layer.classes[cls.__name__] = cls

    def __init__(
        self, *, name: str | None = None, input_shape: Sequence[int] | None = None
    ) -> None:
        self.name = given_or_unique(name, type(self).__name__)
        self.first_shape = (
            None if input_shape is None else arguments.sample_shape(input_shape, "input_shape")
        )
        self._weights: dict[str, Array] = {}
        self._shapes: tuple[Shape, Shape] | None = None

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The operations that this layer stands for, in order, for one sample of this shape.

        Raises ShapeError if the layer cannot read such a sample.
        """
        raise NotImplementedError

    def initializer(self, weight: str) -> Initializer:
        """How the weights of this name start."""
        raise NotImplementedError

    def shape_behind(self, sample_shape: Shape) -> Shape:
        """The shape of one output sample, given that of one input sample.

        Raises ShapeError if the layer cannot read such a sample.
        """
        for op, _ in self.lower(sample_shape):
            sample_shape = op.output_shape(sample_shape)
        return sample_shape

    def weight_shapes(self, sample_shape: Shape) -> dict[str, Shape]:
        """Names and shapes of the weights that the layer has for such input samples."""
        shapes: dict[str, Shape] = {}
        for op, weights in self.lower(sample_shape):
            shapes |= zip(weights, op.parameter_shapes(sample_shape), strict=True)
            sample_shape = op.output_shape(sample_shape)
        return shapes

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of this shape, batch first: (None, 28, 28, 1).

        The arrays are made once and never replaced. Building again for another input is allowed
        as long as the same weights fit it; otherwise ShapeError is raised.
        """
        sample_shape = arguments.batch_shape(input_shape)
        output_shape = self.shape_behind(sample_shape)
        shapes = self.weight_shapes(sample_shape)
        if self._shapes is None:
            for weight, shape in shapes.items():
                self._weights[weight] = aligned_zeros(shape)
                self._weights[weight][...] = self.initializer(weight)(shape)
        elif shapes != {weight: array.shape for weight, array in self._weights.items()}:
            raise ShapeError(
                f"Layer {self.name} has weights for inputs of the shape {self._shapes[0]}; "
                f"they do not fit inputs of the shape {sample_shape}. Make a new layer."
            )
        self._shapes = (sample_shape, output_shape)

    def __call__(self, inputs: SymbolicTensor) -> SymbolicTensor:
        """Put the layer behind what `pellucid.Input` or another layer gave.

        Raises ShapeError if the layer cannot read it; the error's `summary` is the table of the
        network up to here.
        """
        if not isinstance(inputs, SymbolicTensor):
            raise ArgumentError(
                f"Layer {self.name} is put behind pellucid.Input(...) or another layer's output, "
                f"got {type(inputs).__name__}. To compute something, make a Model and call "
                "predict."
            )
        start, *behind = inputs.path
        layers = [start.layer, *(tensor.layer for tensor in behind), self]
        output_shape = output_shapes(start.sample_shape, layers)[-1]
        self.build(inputs.shape)
        return SymbolicTensor(output_shape, self, inputs)

    @property
    def built(self) -> bool:
        """Whether the layer has its weights."""
        return self._shapes is not None

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of a batch of inputs; its size is None."""
        return (None, *self._built_shapes()[0])

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of a batch of outputs; its size is None."""
        return (None, *self._built_shapes()[1])

    @property
    def weights(self) -> list[Array]:
        """The very arrays of weights, in order: changing them changes the layer."""
        return list(self._weights.values())

    def get_weights(self) -> list[Array]:
        """Copies of the weights, in order."""
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Copy new values into the weights.

        Raises DataError if their number or a shape does not fit, or if a value is not finite.
        """
        copy_weights(f"Layer {self.name}", self.named_weights(), weights)

    def named_weights(self) -> dict[str, Array]:
        """The weights by full name, for instance conv2d/kernel."""
        self._built_shapes()
        return {f"{self.name}/{weight}": array for weight, array in self._weights.items()}

    def count_params(self) -> int:
        """How many single weights the layer has."""
        self._built_shapes()
        return sum(weight.size for weight in self.weights)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer again, as plain JSON."""
        names = inspect.signature(type(self)).parameters
        return {name: _plain(getattr(self, name)) for name in names if name != "input_shape"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer whose `get_config` gave this; its weights start anew."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _weight(self, name: str) -> Array:
        self._built_shapes()
        return self._weights[name]

    def _built_shapes(self) -> tuple[Shape, Shape]:
        if self._shapes is None:
            raise ShapeError(
                f"Layer {self.name} has no shape and no weights yet. It gets them when it is put "
                "behind an Input, or when its model is built: model.build((None, 28, 28, 1))."
            )
        return self._shapes


def layer_class(name: str) -> type[Layer]:
    """The class of layers of this name; UnknownNameError if there is none."""
    if name not in Layer.classes:
        raise unknown_name("layer", name, Layer.classes)
    return Layer.classes[name]


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


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, Initializer):
        return value.get_config()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
