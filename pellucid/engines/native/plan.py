"""From a graph to a plan: which operations run together, and where their numbers lie.

A plan is a row of steps, each in one stage; its values are numbered as those of a graph are:
first the inputs, then the output of each step. Planning decides three things: what is fused into
one step, which part of each value anything can see (its live region), and how wide a border of
zeros each value needs for the padding of whoever reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from pellucid.engines.native.layout import Layout
from pellucid.graph import Graph, Node
from pellucid.ops.activations import (
    ClippedRelu,
    Elu,
    Gelu,
    HardSigmoid,
    HardSilu,
    LeakyRelu,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.dropout import Dropout, SpatialDropout2D
from pellucid.ops.merging import Add, Average, Maximum, Minimum, Multiply, Subtract
from pellucid.ops.noise import GaussianNoise
from pellucid.ops.normalization import BatchNormalization
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Reshape
from pellucid.ops.scaling import Rescaling
from pellucid.ops.transposed import Conv2DTranspose
from pellucid.shapes import Pair, Shape, live_range, reach

FUSED: frozenset[type[Op]] = frozenset(
    {Relu, ClippedRelu, LeakyRelu, Elu, Selu, Sigmoid, HardSigmoid, Tanh, Softplus}
)
"""Activations that are taken into the step before them: their slope follows from their output."""
GATES: frozenset[type[Op]] = frozenset({Gelu, Silu, HardSilu})
"""Activations whose slope follows from their input, so that it has to be kept."""
PLACE_BY_PLACE: frozenset[type[Op]] = (
    FUSED
    | GATES
    | {
        Add,
        Average,
        BatchNormalization,
        Dense,
        Dropout,
        GaussianNoise,
        Maximum,
        Minimum,
        Multiply,
        Rescaling,
        Softmax,
        SpatialDropout2D,
        Subtract,
    }
)
"""Operations that read of each input the place (row, column) that they make."""
WINDOWED: frozenset[type[Op]] = frozenset({Conv2D, DepthwiseConv2D, MaxPooling2D, AveragePooling2D})
"""Operations that make every place of a window around it; any others make all places or none."""


@dataclass(frozen=True)
class Step:
    """The nodes that one stage computes together.

    node: what it does first; its number in the graph is `number`. inputs: the values that it
    reads. scaling: a batch normalization with fixed statistics behind it. addend: a value that is
    added then. activation, pool: what comes last.
    """

    node: Node
    number: int
    inputs: tuple[int, ...]
    scaling: Node | None = None
    addend: int | None = None
    activation: Op | None = None
    pool: MaxPooling2D | None = None

    @property
    def reads(self) -> tuple[int, ...]:
        """All values that it reads."""
        return self.inputs if self.addend is None else (*self.inputs, self.addend)

    @property
    def parameters(self) -> tuple[int, ...]:
        """The numbers of all parameters that it uses."""
        more = self.scaling.parameters if self.scaling else ()
        return (*self.node.parameters, *more)


@dataclass(frozen=True)
class Plan:
    """Steps, with the shape and the layout of every value, and the numbers of the outputs."""

    inputs: int
    steps: tuple[Step, ...]
    shapes: tuple[Shape, ...]
    layouts: tuple[Layout, ...]
    outputs: tuple[int, ...]
    training: bool

    def value(self, place: int) -> int:
        """The number of the value that step `place` makes."""
        return self.inputs + place


def make_plan(graph: Graph, training: bool = False) -> Plan:
    """Fuse, then find live regions and borders backwards from the outputs."""
    plan = _Fusion(graph, training).plan()
    layouts: list[Layout | None] = [None] * len(plan.shapes)
    for value in plan.outputs:
        layouts[value] = plain_layout(plan.shapes[value])
    for place in reversed(range(len(plan.steps))):
        step, made = plan.steps[place], plan.value(place)
        target = layouts[made]
        assert target is not None, "a value that nothing reads"
        if not _makes_some_places(plan, step):
            target = layouts[made] = _both(target, plain_layout(plan.shapes[made]))
        for value in step.reads:
            needed = _input_layout(plan, step, value, target)
            known = layouts[value]
            layouts[value] = needed if known is None else _both(known, needed)
    whole = [
        layout or plain_layout(shape) for layout, shape in zip(layouts, plan.shapes, strict=True)
    ]
    return replace(plan, layouts=tuple(whole))


def plain_layout(shape: Shape) -> Layout:
    """A whole value without a border; fewer than three axes lie in the last ones."""
    *rest, columns, channels = (1, 1, *shape)
    return Layout(math.prod(rest), columns, channels)


def computed_size(step: Step, target: Layout) -> tuple[int, int]:
    """How many rows and columns a convolution computes, before its pooling."""
    if step.pool is None:
        return target.rows, target.columns
    return target.rows * step.pool.pool_size[0], target.columns * step.pool.pool_size[1]


class _Fusion:
    """Takes operations into the steps before them, where nobody else reads what lies between."""

    def __init__(self, graph: Graph, training: bool) -> None:
        self.graph = graph
        self.training = training
        self.steps: list[Step] = []
        self.shapes: list[Shape] = list(graph.inputs)
        # By the number of a value of the graph: its number in the plan.
        self.values: dict[int, int] = {value: value for value in range(len(graph.inputs))}

    def plan(self) -> Plan:
        """All steps; layouts are still to be found."""
        graph = self.graph
        for number, node in enumerate(graph.nodes):
            self._take(number, node)
        outputs = tuple(self._answer(value) for value in graph.outputs)
        return Plan(
            len(graph.inputs), tuple(self.steps), tuple(self.shapes), (), outputs, self.training
        )

    def _answer(self, value: int) -> int:
        """The plan's value of an output: a copy if anything else reads it, or wants a border."""
        alone = self.graph.readers[value] == 1 and value >= len(self.graph.inputs)
        if not alone:
            shape = self.graph.shapes[value]
            copy = Node(Reshape(shape), (value,), (), "output")
            self._append(Step(copy, len(self.graph.nodes), (self.values[value],)), shape)
            return self._value(len(self.steps) - 1)
        return self.values[value]

    def _value(self, place: int) -> int:
        return len(self.graph.inputs) + place

    def _append(self, step: Step, shape: Shape) -> None:
        self.steps.append(step)
        self.shapes.append(shape)

    def _replace(self, place: int, step: Step, made: int) -> None:
        """Let a step go as far as a value of the graph."""
        self.steps[place] = step
        self.values[made] = self._value(place)
        self.shapes[self._value(place)] = self.graph.shapes[made]

    def _take(self, number: int, node: Node) -> None:
        """Fuse a node into a step before it, or make it a step of its own."""
        made = self.graph.value(number)
        rules: dict[type[Op], Callable[[Step, Node], Step | None]] = {
            BatchNormalization: self._scaled,
            MaxPooling2D: _pooled,
            **dict.fromkeys(FUSED, _activated),
        }
        if isinstance(node.op, Add) and len(node.inputs) == 2 and self._add(node, made):
            return
        rule = rules.get(type(node.op))
        place = self._only_read_here(node.inputs[0])
        if rule and place is not None:
            fused = rule(self.steps[place], node)
            if fused:
                self._replace(place, fused, made)
                return
        inputs = tuple(self.values[value] for value in node.inputs)
        self.values[made] = self._value(len(self.steps))
        self._append(Step(node, number, inputs), self.graph.shapes[made])

    def _only_read_here(self, value: int) -> int | None:
        """The place of the step whose output this is, if it is read once."""
        place = self.values[value] - len(self.graph.inputs)
        return place if place >= 0 and self.graph.readers[value] == 1 else None

    def _scaled(self, step: Step, node: Node) -> Step | None:
        """A convolution takes the scaling of its channels behind it, when answering."""
        if self.training or not isinstance(step.node.op, Conv2D | DepthwiseConv2D):
            return None
        nothing_between = step.scaling is None and step.addend is None
        unchanged = step.activation is None and step.pool is None
        return replace(step, scaling=node) if nothing_between and unchanged else None

    def _add(self, node: Node, made: int) -> bool:
        """The later of two addends takes the sum, if it is a convolution or a normalization."""
        addends = sorted(node.inputs, key=lambda value: self.values[value])
        shapes = self.graph.shapes_read(node)
        if addends[0] == addends[1] or shapes[0] != shapes[1]:
            return False
        place = self._only_read_here(addends[1])
        if place is None:
            return False
        step = self.steps[place]
        takes = isinstance(step.node.op, BatchNormalization) or (
            isinstance(step.node.op, Conv2D) and not self.training
        )
        if not takes or step.addend is not None or step.activation or step.pool:
            return False
        self._replace(place, replace(step, addend=self.values[addends[0]]), made)
        return True


def _activated(step: Step, node: Node) -> Step | None:
    """A convolution, a dense layer or a normalization takes the activation behind it."""
    takes = isinstance(
        step.node.op, Conv2D | DepthwiseConv2D | Conv2DTranspose | Dense | BatchNormalization
    )
    if not takes or step.activation or step.pool:
        return None
    return replace(step, activation=node.op)


def _pooled(step: Step, node: Node) -> Step | None:
    """A convolution takes a pooling that can be done in the registers that hold its sums."""
    pool = node.op
    assert isinstance(pool, MaxPooling2D)
    small = math.prod(pool.pool_size) <= 9
    exact = pool.strides == pool.pool_size and pool.padding == ((0, 0), (0, 0))
    cheap = step.activation in (None, Relu()) and step.addend is None
    alone = step.pool is None and isinstance(step.node.op, Conv2D)
    return replace(step, pool=pool) if small and exact and cheap and alone else None


def _both(a: Layout, b: Layout) -> Layout:
    """What both readers of a value need. Where one needs a border behind, it reads to the end."""
    assert a.channels == b.channels
    return Layout(
        max(a.rows, b.rows),
        max(a.columns, b.columns),
        a.channels,
        max(a.top, b.top),
        max(a.bottom, b.bottom),
        max(a.left, b.left),
        max(a.right, b.right),
    )


def _makes_some_places(plan: Plan, step: Step) -> bool:
    """Whether a step can make some places of its output without the others."""
    return type(step.node.op) in WINDOWED or _reads_its_places(plan, step)


def _reads_its_places(plan: Plan, step: Step) -> bool:
    """Whether a step reads of each input just the places (row, column) that it makes."""
    op = step.node.op
    if isinstance(op, BatchNormalization) and plan.training and not op.frozen:
        return False  # the statistics are those of all places
    alike = len({plan.shapes[value][:-1] for value in step.reads}) == 1
    return type(op) in PLACE_BY_PLACE and alike


def _input_layout(plan: Plan, step: Step, value: int, target: Layout) -> Layout:
    """What a step reads of one of its values, given what is read of its output."""
    op = step.node.op
    full = plain_layout(plan.shapes[value])
    if value == step.addend and value not in step.inputs:
        return Layout(*computed_size(step, target), full.channels)
    if isinstance(op, Conv2D | DepthwiseConv2D):
        rows, columns = computed_size(step, target)
        windows = list(zip(op.kernel_size, op.strides, op.dilation, op.padding, strict=True))
        down, across = (
            _read(rows, full.rows, *windows[0]),
            _read(columns, full.columns, *windows[1]),
        )
        live = down.live, across.live, full.channels
        return Layout(*live, down.before, down.after, across.before, across.after)
    if isinstance(op, MaxPooling2D | AveragePooling2D):
        (top, _), (left, _) = op.padding
        _, rows = live_range(0, target.rows, full.rows, op.pool_size[0], op.strides[0], 1, top)
        _, columns = live_range(
            0, target.columns, full.columns, op.pool_size[1], op.strides[1], 1, left
        )
        return Layout(rows, columns, full.channels)
    if _reads_its_places(plan, step):
        return Layout(target.rows, target.columns, full.channels)
    return full


class _Read(NamedTuple):
    """Along one axis: live inputs, and places of padding before and after them."""

    live: int
    before: int
    after: int


def _read(outputs: int, size: int, kernel: int, stride: int, dilation: int, padding: Pair) -> _Read:
    """What the first outputs read of an input of this size."""
    before, _ = padding
    _, end = live_range(0, outputs, size, kernel, stride, dilation, before)
    live = max(1, end)  # windows that lie in padding alone still need a place to start from
    after = max(0, reach(outputs, kernel, stride, dilation) - before - live)
    return _Read(live, before, after)
