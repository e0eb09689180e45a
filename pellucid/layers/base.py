"""What every layer is: a configuration and, once built, arrays of weights. No arithmetic."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from pellucid.errors import ArgumentError, ShapeError, unknown_name
from pellucid.layers import arguments
from pellucid.layers.initializers import Initializer
from pellucid.layers.naming import given_or_unique
from pellucid.layers.starting import started
from pellucid.layers.symbolic import Call, SymbolicTensor, upstream
from pellucid.layers.walk import Walk
from pellucid.layers.weights import Variable, Weighted
from pellucid.ops.base import Array, Op
from pellucid.shapes import Shape


class Stage(NamedTuple):
    """One operation of a layer, and the names of the weights that it takes, in its order."""

    op: Op
    weights: tuple[str, ...] = ()


class Layer(Weighted):
    """The root of all layers.

    A new kind of layer says in `lower` which operations it stands for and, if they take weights,
    in `initializer` how those start; `__init__` keeps each argument under its own name. All else
    follows: shapes, weights, costs, configuration. A class that is `abstract` holds what several
    kinds have in common, and is no kind of its own.

    name: made from the class and a number if None. trainable: whether training changes its
    weights. dtype: 'float32', or None for the same. input_shape: the shape of one sample, for the
    first layer of a Sequential without an Input.

    inference_when_frozen: whether it does what it does outside of training as soon as
    `trainable` is False. active_when_called: whether it does what it does in training when it is
    called on arrays and nothing is said.
    """

    classes: ClassVar[dict[str, type[Layer]]] = {}
    kind: ClassVar[str]
    inference_when_frozen: ClassVar[bool] = False
    active_when_called: ClassVar[bool] = False

    def __init_subclass__(cls, abstract: bool = False, kind: str | None = None) -> None:
        cls.kind = kind or cls.__name__
        if not abstract:
            Layer.classes[cls.kind] = cls

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(given_or_unique(name, self.kind), trainable)
        self.dtype = arguments.float32(dtype)
        self.first_shape = (
            None if input_shape is None else arguments.sample_shape(input_shape, "input_shape")
        )
        self._shapes: tuple[tuple[Shape, ...], Shape] | None = None
        self._first_call: Call | None = None
        self._computed = 0

    # What a kind of layer says of itself

    def lower(self, *sample_shapes: Any, **_: Any) -> list[Stage]:
        """The operations that this layer stands for, in order, for one sample of each input.

        The first reads all inputs, each of the others what the one before it makes. A layer with
        one input takes one shape. Raises ShapeError if it cannot read such samples.
        """
        raise NotImplementedError

    def initializer(self, weight: str) -> Initializer:
        """How the weights of this name start."""
        raise NotImplementedError

    # What follows: shapes and weights

    def stages_at(self, *sample_shapes: Shape) -> list[tuple[Stage, tuple[Shape, ...]]]:
        """The operations for such samples, each with the shapes that it reads."""
        stages = []
        for stage in self.lower(*sample_shapes):
            stages.append((stage, sample_shapes))
            sample_shapes = (stage.op.output_shape(*sample_shapes),)
        return stages

    def shape_behind(self, *sample_shapes: Shape) -> Shape:
        """The shape of one output sample, given those of one sample of each input.

        Raises ShapeError if the layer cannot read such samples.
        """
        for stage in self.lower(*sample_shapes):
            sample_shapes = (stage.op.output_shape(*sample_shapes),)
        (shape,) = sample_shapes
        return shape

    def shapes_behind(self, *sample_shapes: Shape) -> tuple[Shape, ...]:
        """The shapes of one sample of every output; only models have several."""
        return (self.shape_behind(*sample_shapes),)

    def weight_shapes(self, *sample_shapes: Shape) -> dict[str, Shape]:
        """Names and shapes of the weights for such samples, those that only track last."""
        shapes: dict[str, Shape] = {}
        for stage, read in self.stages_at(*sample_shapes):
            shapes |= zip(stage.weights, stage.op.parameter_shapes(*read), strict=True)
        return dict(sorted(shapes.items(), key=lambda item: item[0] in self.tracked_weights))

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the weights for inputs of this shape, batch first: (None, 28, 28, 1).

        For several inputs, a list of such shapes. The arrays are made once and never replaced.
        Building again for another input is allowed as long as the same weights fit it; otherwise
        ShapeError is raised.
        """
        several = isinstance(input_shape, list | tuple) and all(
            isinstance(shape, list | tuple) for shape in input_shape
        )
        self.build_for(*map(arguments.batch_shape, input_shape if several else [input_shape]))

    def build_for(self, *sample_shapes: Shape) -> None:
        """Make the weights for samples of these shapes, as `build` says."""
        output_shape = self.shape_behind(*sample_shapes)
        shapes = self.weight_shapes(*sample_shapes)
        if self._shapes is None:
            for weight, shape in shapes.items():
                self._weights[weight] = started(shape, self.initializer(weight))
            self._shapes = (sample_shapes, output_shape)
        elif shapes != {weight: array.shape for weight, array in self._weights.items()}:
            raise ShapeError(
                f"Layer {self.name} has weights for inputs of the shape {self._shapes[0][0]}; "
                f"they do not fit inputs of the shape {sample_shapes[0]}. Make a new layer."
            )

    def walk(
        self, walk: Walk, reads: tuple[int, ...], path: str = "", training: bool | None = None
    ) -> tuple[int, ...]:
        """Lead a walk through the layer; returns the numbers of its outputs.

        path: the names of the models around it and its own, '/' between them. training: as in
        `Call`.
        """
        self.check_inputs(len(reads))
        return walk.visit(self, path or self.name, reads, training)

    def variables(self, path: str = "") -> list[Variable]:
        """All weights, each once; `path` as for `walk`."""
        path = path or self.name
        return [
            Variable(f"{path}/{name}", self, name, array) for name, array in self._weights.items()
        ]

    def array(self, weight: str) -> Array:
        """The very array of the weights of this name."""
        self._check_built()
        return self._weights[weight]

    # Uses of the layer

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Put the layer behind another one's output, or compute it.

        inputs: what `pellucid.Input` or another layer gave, or several of it in a list; returns
        a SymbolicTensor. Or arrays (N, ...): returns the array of outputs, float32, as the
        reference engine computes it.
        training: of a SymbolicTensor, False says that the layer stands outside of training here
        whatever the network does. Of an array, whether to compute what it does in training; None
        is False but for augmentation, and a model's layers then do as each of them does.

        Raises ShapeError if the layer cannot read the inputs; for a SymbolicTensor the error's
        `summary` is the table of the network up to here.
        """
        outputs = self.apply(in_a_list(inputs), training)
        return outputs[0]

    def apply(self, inputs: Sequence[Any], training: bool | None) -> Sequence[Any]:
        """All outputs for all inputs, as `__call__` says."""
        symbolic = [isinstance(tensor, SymbolicTensor) for tensor in inputs]
        if symbolic and all(symbolic):
            return self.place(inputs, training)
        if any(symbolic):
            raise ArgumentError(
                f"Layer {self.name} was called on arrays and outputs of layers together. Give it "
                "either arrays, or what pellucid.Input and layers gave."
            )
        return self.compute(inputs, training)

    def place(
        self, inputs: Sequence[SymbolicTensor], training: bool | None = None
    ) -> tuple[SymbolicTensor, ...]:
        """Put the layer behind the outputs of other layers; errors as `__call__` says."""
        if training:
            raise ArgumentError(
                f"Layer {self.name} cannot be put into a network with training=True: whether it "
                "trains is for fit and predict to say. Call model(images, training=True) to "
                "compute what the network does in training."
            )
        shapes = [tensor.sample_shape for tensor in inputs]
        self.check_inputs(len(shapes))
        try:
            output_shapes = self.shapes_behind(*shapes)
        except ShapeError:
            _check_network(inputs, self)
            raise
        self.build_for(*shapes)
        call = Call(self, inputs, output_shapes, training)
        self._first_call = self._first_call or call
        return call.outputs

    def compute(self, arrays: Sequence[Any], training: bool | None = None) -> list[Array]:
        """Compute the outputs for arrays, as `__call__` says."""
        from pellucid.layers.eager import compute

        self._computed += 1
        return compute(self, arrays, training, self._computed - 1)

    def packed(self, inputs: Sequence[Any]) -> Any:
        """What `__call__` takes, out of the inputs one by one."""
        return out_of_a_list(inputs)

    def check_inputs(self, count: int) -> None:
        """Raise ArgumentError if the layer does not read so many inputs."""
        parameters = inspect.signature(self.lower).parameters.values()
        if count != 1 and not any(one.kind is one.VAR_POSITIONAL for one in parameters):
            raise ArgumentError(
                f"Layer {self.name} ({self.kind}) reads one input, got {count}. To join several, "
                "put layers.Concatenate() or layers.Add() before it."
            )

    @property
    def input(self) -> Any:
        """What it was called on first: a SymbolicTensor, or a list of several."""
        return out_of_a_list(self._called().inputs)

    @property
    def output(self) -> Any:
        """What its first call gave; `Model(inputs, layer.output)` ends there."""
        return out_of_a_list(self._called().outputs)

    def _called(self) -> Call:
        if self._first_call is None:
            raise ArgumentError(
                f"Layer {self.name} has no input and no output yet: it was never put behind "
                "another layer or an Input."
            )
        return self._first_call

    # State

    @property
    def built(self) -> bool:
        """Whether the layer has its weights."""
        return self._shapes is not None

    @property
    def input_shape(self) -> Any:
        """The shape of a batch of inputs; its size is None. A list for several inputs."""
        return out_of_a_list([(None, *shape) for shape in self._built_shapes()[0]])

    @property
    def output_shape(self) -> Any:
        """The shape of a batch of outputs; its size is None."""
        return (None, *self._built_shapes()[1])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer again, as plain JSON, in Keras's form."""
        first = ["name", "trainable", "dtype"]
        names = [*first, *inspect.signature(type(self)).parameters]
        return {name: _plain(getattr(self, name)) for name in names if name != "input_shape"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer whose `get_config` gave this; its weights start anew."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _check_built(self) -> None:
        self._built_shapes()

    def _built_shapes(self) -> tuple[tuple[Shape, ...], Shape]:
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


def in_a_list(inputs: Any) -> list[Any]:
    """What a layer is called on, one by one: a list of tensors or arrays, or a single one."""
    several = isinstance(inputs, list | tuple) and len(inputs) > 0
    if several and all(isinstance(one, SymbolicTensor | np.ndarray) for one in inputs):
        return list(inputs)
    return [inputs]


def out_of_a_list(values: Sequence[Any]) -> Any:
    """The one value of a list, or a list of several."""
    return values[0] if len(values) == 1 else list(values)


def _check_network(inputs: Sequence[SymbolicTensor], layer: Layer) -> None:
    """Raise ShapeError, with the whole network before it, if a layer cannot be put there."""
    calls = upstream(inputs)
    starts = [call.outputs[0] for call in calls if not call.inputs]
    walk = Walk(len(starts), [start.name for start in starts])
    values = {start: number for number, start in enumerate(starts)}
    for call in calls:
        if call.inputs:
            reads = tuple(values[tensor] for tensor in call.inputs)
            made = call.layer.walk(walk, reads, call.layer.name, call.training)
            values |= zip(call.outputs, made, strict=True)
    layer.walk(walk, tuple(values[tensor] for tensor in inputs), layer.name)
    walk.shapes([start.sample_shape for start in starts])


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.get_config() if hasattr(value, "get_config") else value
