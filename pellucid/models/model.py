"""The model: layers put together from an input to an output."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError, ShapeError, suggestion
from pellucid.layers.base import Layer, copy_weights
from pellucid.layers.inputs import InputLayer
from pellucid.layers.naming import given_or_unique
from pellucid.layers.stack import lower
from pellucid.layers.summary import summary_table
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.models import configuration
from pellucid.models.fitting import Fitting, Network
from pellucid.ops.base import Array
from pellucid.render.table import print_table, table_text


class Model(Fitting):
    """A network from an input to an output: `Model(inputs, outputs)`.

    inputs: from `pellucid.Input`. outputs: what the last layer gave. name: made from the class
    and a number if None. engine: 'native' (also None), 'reference', or an Engine.

    Raises ArgumentError if the outputs do not come from the inputs.
    """

    kind: ClassVar[str] = "Functional"
    _layers: list[Layer]

    def __init__(
        self,
        inputs: SymbolicTensor,
        outputs: SymbolicTensor,
        name: str | None = None,
        *,
        engine: str | Engine | None = None,
    ) -> None:
        self._start(name, engine)
        for tensor in (inputs, outputs):
            if not isinstance(tensor, SymbolicTensor):
                raise ArgumentError(
                    "A Model takes one Input and one output of a layer, got "
                    f"{type(tensor).__name__}. Several inputs or outputs are not supported."
                )
        path = outputs.path
        if path[0] is not inputs:
            raise ArgumentError(
                f"The outputs, from layer {outputs.layer.name}, are not computed from the inputs "
                f"{inputs.layer.name}: they begin at {path[0].layer.name}."
            )
        self._layers = [tensor.layer for tensor in path]
        check_names(self._layers)
        self._shape = inputs.sample_shape

    def _start(self, name: str | None, engine: str | Engine | None) -> None:
        """What every kind of model begins with."""
        super().__init__(engine)
        self.name = given_or_unique(name, self.kind)
        self._layers, self._shape = [], None
        self._forget()

    def _forget(self) -> None:
        """Drop all that depends on the layers."""
        self._network: Network | None = None
        self._forget_network()

    # Structure

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or by its place among `layers`; -1 is the last one.

        Raises ArgumentError, with the names there are, if there is none.
        """
        layers = self.layers
        for place, layer in enumerate(layers):
            if layer.name == name or index in (place, place - len(layers)):
                return layer
        names = [layer.name for layer in layers]
        wanted = f"number {index}" if name is None else f"named {name!r}"
        nearest = "" if name is None else suggestion(name, names)
        raise ArgumentError(
            f"Model {self.name} has no layer {wanted}.{nearest} Its layers are: {', '.join(names)}."
        )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of a batch of inputs; its size is None."""
        return (None, *self.graph.inputs[0])

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of a batch of outputs; its size is None."""
        return (None, *self.graph.output_shapes[0])

    @property
    def weights(self) -> list[Array]:
        """The very arrays of weights, layer by layer: changing them changes the model."""
        return list(self._lowered().parameters)

    def count_params(self) -> int:
        """How many single weights the model has."""
        return sum(weight.size for weight in self.weights)

    def get_weights(self) -> list[Array]:
        """Copies of the weights, layer by layer: kernel, bias, kernel, bias, ..."""
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Copy new values into the weights, all or none.

        Raises DataError if their number or a shape does not fit, or if a value is not finite.
        """
        network = self._lowered()
        names = [parameter.name for parameter in network.graph.parameters]
        targets = dict(zip(names, network.parameters, strict=True))
        copy_weights(f"Model {self.name}", targets, weights)

    def summary(
        self, line_length: int | None = None, *, print_fn: Callable[[str], object] | None = None
    ) -> None:
        """Print the table of layers: their outputs, weights and multiply-adds.

        line_length: in characters; the terminal's own, or 80, if None. print_fn: is given the
        whole text instead.
        """
        table = summary_table(self.name, self._shape, self.layers)
        if print_fn is None:
            print_table(table, line_length)
        else:
            print_fn(table_text(table, line_length or 80))

    def get_config(self) -> dict[str, Any]:
        """The name and the layers as plain JSON, without weights."""
        return {"name": self.name, "layers": configuration.describe_layers(self._layers)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The model whose `get_config` gave this; its weights start anew.

        Raises UnknownNameError for a layer that does not exist, ArgumentError for a
        configuration that is not whole.
        """
        name, layers = configuration.read_model(config)
        start = layers[0] if layers else None
        if not isinstance(start, InputLayer):
            raise ArgumentError(f"Model {name} does not begin with an InputLayer.")
        inputs = outputs = SymbolicTensor(start.shape, start)
        for layer in layers[1:]:
            outputs = layer(outputs)
        return cls(inputs, outputs, name=name)

    def to_json(self) -> str:
        """The kind of model and its configuration; `models.model_from_json` reads it."""
        return json.dumps({"class_name": self.kind, "config": self.get_config()})

    def _lowered(self) -> Network:
        if self._network is None:
            if self._shape is None:
                raise ShapeError(
                    f"Model {self.name} does not know its input's shape yet. Begin it with "
                    "pellucid.Input((28, 28, 1)), call model.build((None, 28, 28, 1)), or fit it."
                )
            self._network = Network(*lower(self._shape, self._layers))
        return self._network

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def check_names(layers: Sequence[Layer]) -> None:
    """Raise ArgumentError if two layers of a model have one name, or one is there twice."""
    for name, count in Counter(layer.name for layer in layers).items():
        if count > 1:
            raise ArgumentError(
                f"The name {name} occurs {count} times in one model. Each layer needs its own "
                "name, and a layer can stand at one place only: make a new one for each place."
            )
