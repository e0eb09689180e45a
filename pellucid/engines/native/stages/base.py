"""Stages: what the compiler emits for each step of a plan, and how the driver calls it.

`emit` makes a stage's kernels; `forward` and `backward` emit the calls, for some samples whose
numbers lie where `Call` says. Adding an operation to the engine means adding a stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from llvmlite import ir

from pellucid.engines.native.emit import POINTER, Emitter, Index, Module
from pellucid.engines.native.kernels import packing
from pellucid.engines.native.layout import Layout
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.plan import Step


def _no_key(node: int) -> ir.Value:
    raise AssertionError(f"Node {node} is random outside of training.")


@dataclass
class Call:
    """Where the numbers of some samples lie, while the driver is being emitted.

    By the number of a value: values, gradients (of those that need one): the address of the
    first sample's. By the number of a stage: winners, what its pooling has chosen; unpooled, the
    gradient before its pooling; packed, its transposed kernel; panels, its kernel cut into panels;
    scratch, its working memory; sums, what every sample adds to its statistics on the way forward
    and back; statistics, those of the batch. By the number of a parameter: partials, its gradient
    in this partition of the batch.
    parameter: emits the load of a parameter's address. key: of a node's random key.
    samples: how many there are. first: the number of the first one in the batch.
    """

    em: Emitter
    samples: ir.Value
    first: ir.Value
    parameter: Callable[[int], ir.Value]
    values: dict[int, ir.Value]
    gradients: dict[int, ir.Value] = field(default_factory=dict)
    winners: dict[int, ir.Value] = field(default_factory=dict)
    unpooled: dict[int, ir.Value] = field(default_factory=dict)
    packed: dict[int, ir.Value] = field(default_factory=dict)
    panels: dict[int, ir.Value] = field(default_factory=dict)
    scratch: dict[int, ir.Value] = field(default_factory=dict)
    sums: dict[int, ir.Value] = field(default_factory=dict)
    statistics: dict[int, ir.Value] = field(default_factory=dict)
    partials: dict[int, ir.Value] = field(default_factory=dict)
    key: Callable[[int], ir.Value] = _no_key

    @property
    def nothing(self) -> ir.Value:
        """An address for an argument that is not used."""
        return ir.Constant(POINTER, None)


@dataclass
class Stage:
    """One step with its place and layouts.

    inputs, output: numbers of the values that it reads and makes. sources: the layouts of the
    inputs. needed: of which inputs anything below learns, so that they need a gradient.
    accumulate: which of these gradients are added to what another reader of the value has put
    there. trainable: of each parameter, whether it learns.
    """

    place: int
    step: Step
    inputs: tuple[int, ...]
    output: int
    sources: tuple[Layout, ...]
    target: Layout
    needed: tuple[bool, ...]
    accumulate: tuple[bool, ...]
    trainable: tuple[bool, ...]
    functions: dict[str, ir.Function] = field(default_factory=dict)

    @property
    def source(self) -> Layout:
        """The layout of the first input."""
        return self.sources[0]

    @property
    def input_gradient(self) -> bool:
        """Whether the first input needs a gradient."""
        return self.needed[0]

    @property
    def learns(self) -> bool:
        """Whether anything here or below learns, so that gradients have to come this far."""
        return any(self.needed) or any(self.trainable)

    @property
    def parameters(self) -> tuple[int, ...]:
        """Numbers of the parameters, kernel first."""
        return self.step.parameters

    # What the driver has to know

    @property
    def is_view(self) -> bool:
        """Whether the output is the input under another shape."""
        return False

    @property
    def keeps(self) -> tuple[int, ...]:
        """The values that the way back reads, be they inputs or the output."""
        return (*self.inputs, self.output)

    @property
    def cheap(self) -> bool:
        """Whether to make the output again costs less than to keep it for the way back."""
        return False

    @property
    def on_rows(self) -> bool:
        """Whether input and output are single rows of numbers, one a sample."""
        layouts = (*self.sources, self.target)
        return all(layout.rows * layout.columns == 1 for layout in layouts)

    @property
    def weight_count(self) -> int:
        """Weights that every sample is multiplied by, if the stage is a matrix product."""
        return 0

    @property
    def winner_size(self) -> int:
        """Numbers a sample that the backward pass needs to know what a pooling chose."""
        return 0

    @property
    def unpooled_size(self) -> int:
        """Numbers a sample that the gradient before the pooling takes."""
        return 0

    @property
    def scratch_size(self) -> int:
        """Numbers of working memory that the backward pass needs, whatever the samples."""
        return 0

    @property
    def sums_size(self) -> int:
        """Numbers a sample that it adds to its statistics, on the way forward or back."""
        return 0

    @property
    def statistics_size(self) -> int:
        """Numbers that its statistics, or what it makes of its parameters, take."""
        return 0

    @property
    def packed_sizes(self) -> tuple[int, int, int] | None:
        """How the kernel is transposed for the backward pass: matrices, rows, columns."""
        return None

    @property
    def panel_sizes(self) -> tuple[int, int] | None:
        """Rows and columns of the kernel, if the forward pass needs it cut into panels."""
        return None

    @property
    def panel_parts(self) -> int:
        """Into how many parts the cutting into panels can be cut."""
        assert self.panel_sizes is not None
        return packing.parts(1, self.panel_sizes[0])

    @property
    def batch_gradient(self) -> bool:
        """Whether the kernel's gradient is summed over the whole batch at once."""
        return False

    @property
    def units(self) -> int:
        """Into how many parts one sample's forward pass can be cut."""
        return 1

    @property
    def prepares(self) -> bool:
        """Whether it makes something of its parameters before any sample comes."""
        return False

    # What it emits

    def emit(self, module: Module, machine: Machine, training: bool, block: int) -> None:
        """Emit the kernels."""
        raise NotImplementedError

    def prepare(self, call: Call) -> None:
        """Emit what fills `call.statistics` from the parameters, if the stage `prepares`."""

    def forward(self, call: Call, low: Index = 0, high: Index | None = None) -> None:
        """Emit the call of the forward kernel, for the units low … high of every sample."""
        raise NotImplementedError

    def begin_partition(self, call: Call) -> None:
        """Emit what comes before the first block of a partition of the batch."""

    def backward(self, call: Call) -> None:
        """Emit the calls of the backward kernels; only called if the stage `learns`."""

    def end_partition(self, call: Call) -> None:
        """Emit what comes after the last block of a partition of the batch."""

    def call(self, call: Call, what: str, *arguments: ir.Value | int) -> None:
        """Emit the call of one of this stage's kernels."""
        values = [call.em.integer(a) if isinstance(a, int) else a for a in arguments]
        call.em.builder.call(self.functions[what], values)


class GatheringStage(Stage):
    """A stage whose output depends on sums over the whole batch, on both ways.

    `measure` writes what each sample adds to `call.sums`; when all samples have been measured,
    `gather` sums that up, and only then `forward` runs. The same on the way back.
    adds: whether another stage with the same parameters has put its gradients there already.
    """

    adds = False

    def measure(self, call: Call) -> None:
        """Emit what every sample adds, from the input."""
        raise NotImplementedError

    def gather(self, call: Call) -> None:
        """Emit the sums over `call.samples` samples, which are all of the batch."""
        raise NotImplementedError

    def measure_back(self, call: Call) -> None:
        """Emit what every sample adds, from the gradient of the output."""
        raise NotImplementedError

    def gather_back(self, call: Call, gradients: dict[int, ir.Value]) -> None:
        """Emit these sums; `gradients` has the place of those of the parameters that learn."""
        raise NotImplementedError
