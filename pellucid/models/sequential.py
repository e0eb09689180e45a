"""The model whose layers stand one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError, DataError, ShapeError
from pellucid.layers.arguments import batch_shape
from pellucid.layers.base import Layer
from pellucid.layers.inputs import InputLayer
from pellucid.layers.stack import output_shapes
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.models import configuration
from pellucid.models.fitting import Network
from pellucid.models.model import Model, check_names
from pellucid.ops.base import Array
from pellucid.render.table import print_text
from pellucid.shapes import Shape

Element = Layer | SymbolicTensor


class Sequential(Model):
    """Layers one behind the other: `Sequential([Input((28, 28, 1)), Conv2D(32, 3), ...])`.

    layers: an Input first, or not: then the shape of the input comes from `build`, or from the
    data of the first `fit` or `predict`. name, engine: as for Model.

    Raises ShapeError if a layer cannot read what it gets, at construction if there is an Input.
    """

    kind = "Sequential"

    def __init__(
        self,
        layers: Sequence[Element] | Element | None = None,
        *,
        name: str | None = None,
        engine: str | Engine | None = None,
    ) -> None:
        self._start(name, engine)
        self._input: InputLayer | None = None
        self._stack: list[Layer] = []
        given = [layers] if isinstance(layers, Layer | SymbolicTensor) else layers
        for layer in given or ():
            self._append(layer)
        self._connect()

    def add(self, layer: Element) -> None:
        """Put a layer behind the last one.

        If it cannot read what it gets, ShapeError says why; it stays, so that `summary` can show
        the network, until `pop` removes it.
        """
        self._append(layer)
        self._connect()

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._stack:
            raise ArgumentError(f"Model {self.name} has no layers.")
        layer = self._stack.pop()
        self._connect()
        return layer

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for an input of this shape, batch first: (None, 28, 28, 1).

        Raises ShapeError if a layer cannot read what it gets, ArgumentError if the model was
        built for another shape.
        """
        shape = batch_shape(input_shape)
        if self._input is not None and self._input.shape != shape:
            raise ArgumentError(
                f"Model {self.name} has inputs of the shape {self._input.shape}; it cannot be "
                f"built again for {shape}. Make a new model."
            )
        if self._input is None:
            self._input = InputLayer(shape)
        self._connect()

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order, without the input."""
        return list(self._stack)

    def summary(
        self, line_length: int | None = None, *, print_fn: Callable[[str], object] | None = None
    ) -> None:
        """Print the table of layers, as Model does.

        For a network with a layer that cannot read what it gets: the table up to that layer, and
        why.
        """
        try:
            self._connect()
        except ShapeError as problem:
            (print_fn or print_text)(f"{problem.summary}\n\n{problem}")
        else:
            super().summary(line_length, print_fn=print_fn)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The model whose `get_config` gave this; its weights start anew. Errors as for Model."""
        name, layers = configuration.read_model(config)
        return cls(layers, name=name)

    def get_config(self) -> dict[str, Any]:
        """The name and the layers as plain JSON, without weights."""
        start = [] if self._input is None else [self._input]
        layers = configuration.describe_layers([*start, *self._stack])
        return {"name": self.name, "layers": layers}

    def _append(self, layer: Element) -> None:
        if isinstance(layer, SymbolicTensor) and layer.inputs is None:
            layer = layer.layer
        if isinstance(layer, InputLayer):
            if self._input is not None or self._stack:
                raise ArgumentError("An Input can only be the first element of a Sequential.")
            self._input = layer
            return
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"A Sequential takes layers, for instance layers.Conv2D(32, 3), got {layer!r}."
            )
        check_names([*self._stack, layer])
        if layer.first_shape is not None and self._input is None and not self._stack:
            self._input = InputLayer(layer.first_shape)
        self._stack.append(layer)

    def _connect(self) -> None:
        """Build all layers if the input is known; nothing is built if one of them cannot be."""
        if self._input is None or self._layers == [self._input, *self._stack]:
            return
        self._forget()
        self._shape, self._layers = None, []
        shape = self._input.shape
        shapes = [shape, *output_shapes(shape, self._stack)]
        for layer, before in zip(self._stack, shapes, strict=False):
            layer.build((None, *before))
        self._shape, self._layers = shape, [self._input, *self._stack]

    def _as_images(self, x: ArrayLike) -> Array:
        if self._input is None:
            self.build(_shape_of(x))
        return super()._as_images(x)

    def _lowered(self) -> Network:
        self._connect()
        return super()._lowered()


def _shape_of(x: ArrayLike) -> Shape:
    """The shape of data from which a model learns the shape of its input."""
    try:
        shape = np.shape(x)
    except ValueError:
        shape = ()
    if len(shape) < 2:
        raise DataError(
            "x must be an array of samples of one shape, for instance (sample, height, width, "
            f"channel); its shape is {shape or 'not the same for all samples'}."
        )
    return shape
