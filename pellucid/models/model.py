"""The model: layers put together from inputs to outputs."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError, ShapeError, suggestion
from pellucid.layers.base import Layer, out_of_a_list
from pellucid.layers.constraints import Constraint
from pellucid.layers.lowering import Network, lower
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.layers.walk import Walk
from pellucid.layers.weights import Variable
from pellucid.models import configuration, restoring, saving
from pellucid.models.fitting import Fitting
from pellucid.models.structure import Structure
from pellucid.models.table import model_table
from pellucid.models.wiring import Wiring, wire
from pellucid.render.table import print_table, table_text
from pellucid.shapes import Shape

Shapes = Any


class Model(Layer, Fitting, kind="Functional"):
    """A network from inputs to outputs: `Model(inputs, outputs)`. It is a layer, too.

    inputs: from `pellucid.Input`; or outputs of layers, which the model then begins at. outputs:
    what layers gave. Each is one tensor, a list, or a dictionary by name. name: made from the
    class and a number if None. trainable: whether training changes anything. engine: 'native'
    (also None), 'reference', or an Engine.

    Raises ArgumentError if the outputs do not come from the inputs.
    """

    word: ClassVar[str] = "Model"

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        *,
        trainable: bool = True,
        engine: str | Engine | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        Fitting.__init__(self, engine)
        starts, self.input_form = Structure.of(inputs)
        ends, self.output_form = Structure.of(outputs)
        _check_tensors(starts, ends)
        self._connect_to(wire(starts, ends))
        check_names(self._layers)

    # Structure

    @property
    def layers(self) -> list[Layer]:
        """The layers, in Keras's order."""
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
    def built(self) -> bool:
        """Whether the shapes of the inputs are known, so that there are weights."""
        return self._wiring is not None

    @property
    def wiring(self) -> Wiring:
        """The calls of layers that the model is made of; ShapeError if it is not built."""
        if self._wiring is None:
            raise ShapeError(
                f"Model {self.name} does not know its input's shape yet. Begin it with "
                "pellucid.Input((28, 28, 1)), call model.build((None, 28, 28, 1)), or fit it."
            )
        return self._wiring

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The inputs in order; those of a dictionary in the order of its keys, sorted."""
        return list(self.wiring.inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The outputs in order; those of a dictionary in the order of its keys, sorted."""
        return list(self.wiring.outputs)

    @property
    def input(self) -> Any:
        """The inputs as they were given: one tensor, a list, or a dictionary."""
        return self.input_form.pack(self.inputs)

    @property
    def output(self) -> Any:
        """The outputs as they were given: one tensor, a list, or a dictionary."""
        return self.output_form.pack(self.outputs)

    @property
    def input_names(self) -> list[str]:
        """What data for each input may be called: the names of the Inputs, or the keys given."""
        _ = self.wiring
        return list(self.input_form.names)

    @property
    def output_names(self) -> list[str]:
        """What targets of each output may be called: the names of layers, or the keys given."""
        _ = self.wiring
        return list(self.output_form.names)

    @property
    def input_shape(self) -> Any:
        """The shape of a batch of inputs; its size is None. A list for several inputs."""
        return out_of_a_list([tensor.shape for tensor in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of a batch of outputs; its size is None. A list for several outputs."""
        return out_of_a_list([tensor.shape for tensor in self.outputs])

    def summary(
        self, line_length: int | None = None, *, print_fn: Callable[[str], object] | None = None
    ) -> None:
        """Print the table of layers: their outputs, weights and multiply-adds.

        For a network that is no chain, what each layer is connected to, besides. line_length: in
        characters; the terminal's own, or 80, if None. print_fn: is given the whole text instead.
        """
        table = model_table(self.name, self.layers, self._wiring)
        if print_fn is None:
            print_table(table, line_length)
        else:
            print_fn(table_text(table, line_length or 80))

    def get_config(self) -> dict[str, Any]:
        """The name, the layers and how they are joined, as plain JSON in Keras's form."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            **configuration.describe_wiring(self.wiring, self.input_form, self.output_form),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The model whose `get_config` gave this; its weights start anew.

        Raises UnknownNameError for a layer that does not exist, ArgumentError for a
        configuration that is not whole.
        """
        name, inputs, outputs = configuration.read_wiring(config)
        return cls(inputs, outputs, name, trainable=config.get("trainable", True))

    def to_json(self) -> str:
        """The kind of model and its configuration; `models.model_from_json` reads it."""
        return json.dumps({"class_name": self.kind, "config": self.get_config()})

    # Files

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Save all of the model as one .keras file; see `pellucid.saving.save_model`."""
        saving.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Save the weights as one .weights.h5 file; see `pellucid.saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Take over the weights in a file; see `pellucid.saving.load_weights`."""
        restoring.load_weights(self, filepath)

    # As a layer

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Put the model behind other layers' outputs, or compute it, as for any layer.

        Inputs and outputs have the form that the model was made with; inputs may also be given
        by name.
        """
        values = self.input_form.take(inputs, f"Model {self.name}")
        return self.output_form.pack(self.apply(values, training))

    def walk(
        self, walk: Walk, reads: tuple[int, ...], path: str = "", training: bool | None = None
    ) -> tuple[int, ...]:
        """Lead a walk through all layers that the outputs need."""
        wiring = self.wiring
        self.check_inputs(len(reads))
        values = dict(zip(wiring.inputs, reads, strict=True))
        for call in wiring.calls:
            if call.inputs:
                made = call.layer.walk(
                    walk,
                    tuple(values[tensor] for tensor in call.inputs),
                    inside(path, call.layer),
                    training if call.training is None else call.training,
                )
                values |= zip(call.outputs, made, strict=True)
        return tuple(values[tensor] for tensor in wiring.outputs)

    def shapes_behind(self, *sample_shapes: Shape) -> tuple[Shape, ...]:
        """The shapes of one sample of every output; ShapeError says which layer does not fit."""
        walk = Walk(len(sample_shapes))
        outputs = self.walk(walk, tuple(range(len(sample_shapes))))
        shapes = walk.shapes(sample_shapes)
        return tuple(shapes[output] for output in outputs)

    def build_for(self, *sample_shapes: Shape) -> None:
        """Check that every layer's weights fit such samples."""
        walk = Walk(len(sample_shapes))
        self.walk(walk, tuple(range(len(sample_shapes))))
        shapes = walk.shapes(sample_shapes)
        for visit in walk.visits:
            visit.layer.build_for(*(shapes[value] for value in visit.reads))

    def packed(self, inputs: Sequence[Any]) -> Any:
        """What `__call__` takes, out of the inputs one by one."""
        return self.input_form.pack(inputs)

    def check_inputs(self, count: int) -> None:
        """Raise ArgumentError if the model does not read so many inputs."""
        if count != len(self.input_form.names):
            raise ArgumentError(
                f"Model {self.name} reads {len(self.input_form.names)} inputs, got {count}."
            )

    # Weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; read at `compile`. Set, it is set of all layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers:
            layer.trainable = value

    def variables(self, path: str = "") -> list[Variable]:
        """The weights layer by layer, each array once."""
        self._check_built()
        found: dict[int, Variable] = {}
        for layer in self.layers:
            for variable in layer.variables(inside(path, layer)):
                found.setdefault(id(variable.array), variable)
        return list(found.values())

    # What is made when it is first needed

    def _connect_to(self, wiring: Wiring) -> None:
        """Be made of these calls; all that depended on others is dropped."""
        self._wiring: Wiring | None = wiring
        self._layers: Sequence[Layer] = wiring.layers
        shapes = [tensor.sample_shape for tensor in wiring.inputs]
        self.first_shape = shapes[0] if len(shapes) == 1 else None
        self._forget()

    def _forget(self) -> None:
        """Drop all that was made for a network, and the network."""
        super()._forget()
        self._network: Network | None = None

    def _check_built(self) -> None:
        _ = self.wiring

    def _lowered(self) -> Network:
        if self._network is None:
            wiring = self.wiring
            self._network = lower(self, [tensor.sample_shape for tensor in wiring.inputs])
        return self._network

    def _constraints(self) -> dict[int, Constraint]:
        graph, arrays = self._lowered()
        numbers = {id(array): number for number, array in enumerate(arrays)}
        found: dict[int, Constraint] = {}
        for variable in self.variables():
            number = numbers.get(id(variable.array))
            constraint = variable.layer.constraint(variable.name)
            if number is not None and constraint and graph.parameters[number].trainable:
                found[number] = constraint
        return found


def check_names(layers: Iterable[Layer]) -> None:
    """Raise ArgumentError if two layers of a model have one name."""
    for name, count in Counter(layer.name for layer in layers).items():
        if count > 1:
            raise ArgumentError(
                f"The name {name} occurs {count} times in one model. Each layer needs its own "
                "name, and stands in the list once."
            )


def _check_tensors(inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Raise ArgumentError for what no model can be made of."""
    for tensor in (*inputs, *outputs):
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(
                "A Model goes from what pellucid.Input gave to what layers gave: one of them, a "
                f"list, or a dictionary by name; got {type(tensor).__name__}."
            )
    if not inputs or not outputs or len(set(inputs)) < len(inputs):
        raise ArgumentError("A Model needs at least one input and one output, each input once.")


def inside(path: str, layer: Layer) -> str:
    """The path of a layer in a model that has this path; a model on its own has none."""
    return f"{path}/{layer.name}" if path else layer.name
