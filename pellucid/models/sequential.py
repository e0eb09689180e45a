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
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.layers.walk import Walk
from pellucid.models import configuration
from pellucid.models.fitting import Fitting
from pellucid.models.model import Model, check_names, inside
from pellucid.models.structure import Structure
from pellucid.models.wiring import Wiring, wire
from pellucid.render.table import print_text
from pellucid.shapes import Shape

Element = Layer | SymbolicTensor


class Sequential(Model):
    """Layers one behind the other: `Sequential([Input((28, 28, 1)), Conv2D(32, 3), ...])`.

    layers: an Input first, or not: then the shape of the input comes from `build`, or from the
    data of the first `fit` or `predict`. name, engine: as for Model.

    Raises ShapeError if a layer cannot read what it gets, at construction if there is an Input.
    """

    def __init__(
        self,
        layers: Sequence[Element] | Element | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        engine: str | Engine | None = None,
    ) -> None:
        Layer.__init__(self, name=name, trainable=trainable, dtype=dtype)
        Fitting.__init__(self, engine)
        self.input_form = self.output_form = Structure(("x",))
        self._wiring: Wiring | None = None
        self._input: InputLayer | None = None
        self._stack: list[Layer] = []
        self._connected: list[Layer] = []  # what was called already, and what that gave
        self._tensors: list[SymbolicTensor] = []
        self._forget()
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

    def build_for(self, *sample_shapes: Shape) -> None:
        """Make the weights for samples of this shape, or check that those there are fit it."""
        if self._input is None:
            self.build((None, *sample_shapes[0]))
        super().build_for(*sample_shapes)

    def walk(
        self, walk: Walk, reads: tuple[int, ...], path: str = "", training: bool | None = None
    ) -> tuple[int, ...]:
        """Lead a walk through all layers, whether they are built or not."""
        for layer in self._stack:
            reads = layer.walk(walk, reads, inside(path, layer), training)
        return reads

    @property
    def wiring(self) -> Wiring:
        """The calls of the layers, one behind the other; ShapeError if the model is not built."""
        self._connect()
        return super().wiring

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

    def get_config(self) -> dict[str, Any]:
        """The name and the layers as plain JSON, without weights, in Keras's form."""
        start = [] if self._input is None else [self._input]
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "layers": [configuration.describe(layer) for layer in (*start, *self._stack)],
        }
        if self._input is not None:
            config["build_input_shape"] = [None, *self._input.shape]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The model whose `get_config` gave this; its weights start anew. Errors as for Model."""
        name, layers = configuration.read_layers(config)
        model = cls(layers, name=name, trainable=config.get("trainable", True))
        if model._input is None and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        return model

    def _append(self, layer: Element) -> None:
        if isinstance(layer, SymbolicTensor) and not layer.call.inputs:
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
        """Call all layers if the input is known; nothing is built if one of them cannot be."""
        if self._input is None or (self.built and self._connected == self._stack):
            return
        self._wiring = None
        self._forget()
        self.shapes_behind(self._input.shape)
        kept = _common(self._connected, self._stack)
        self._connected = self._stack[:kept]
        self._tensors = [self._input.output, *self._tensors[1 : kept + 1]]
        for layer in self._stack[kept:]:
            tensor, *others = layer.place([self._tensors[-1]])
            if others:
                raise ArgumentError(
                    f"Layer {layer.name} has {1 + len(others)} outputs; in a Sequential each has "
                    "one. Make a functional Model of it."
                )
            self._tensors.append(tensor)
            self._connected.append(layer)
        start, end = self._tensors[0], self._tensors[-1]
        self.input_form, self.output_form = Structure((start.name,)), Structure((end.name,))
        self._connect_to(wire([start], [end]))

    def _build_from(self, x: ArrayLike) -> None:
        """Build the network for samples such as these."""
        if self._input is None:
            self.build(_shape_of(x))


def _common(some: Sequence[Layer], others: Sequence[Layer]) -> int:
    """How many layers two lists have in common at their beginning."""
    pairs = enumerate(zip(some, others, strict=False))
    same = min(len(some), len(others))
    return next((place for place, (one, other) in pairs if one is not other), same)


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
