"""Programs: whole networks as compiled functions that every worker thread calls once.

`prediction` runs blocks of samples through all stages, each block by whichever thread comes first.
`training` runs whole steps: transpose the weights, then blocks forward and back, then sum the
partial gradients and take the optimizer's step; a barrier stands between these phases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pellucid.engines.native import synchronise
from pellucid.engines.native.emit import F32, I32, I64, POINTER, Emitter, Index
from pellucid.engines.native.frame import entry, field
from pellucid.engines.native.kernels import convolution, elementwise, losses, optimizers, packing
from pellucid.engines.native.layout import Layout
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.memory import Buffer, Memory, block_size
from pellucid.engines.native.plan import make_plan
from pellucid.engines.native.stages import (
    Call,
    DropoutStage,
    Stage,
    ViewStage,
    make_stages,
)
from pellucid.graph import Graph, logits
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from pellucid.ops.optimizers import Optimizer
from pellucid.shapes import Shape

LARGEST_PARTITION_COUNT = 16
PARTIAL_NUMBERS = 2**26  # partial gradients should stay within 256 MB
CHUNK = 8192  # numbers of a parameter that one ticket updates


@dataclass(frozen=True)
class Program:
    """Emitted code and what its caller has to provide: sizes in float32 numbers.

    entry: the function's name. block: samples that run together. arena: a worker's memory.
    shared: a batch's memory for each sample. partial: one partition of gradients. partitions: the
    most there are. packed: transposed weights. dropouts: nodes in the order of the keys.
    """

    code: str
    entry: str
    block: int
    arena: int
    shared: int = 0
    partial: int = 0
    partitions: int = 1
    packed: int = 0
    dropouts: tuple[int, ...] = ()


def image_layout(shape: Shape) -> tuple[int, int]:
    """(size, row): distances between images, and between rows of an image, in a plain array."""
    *_, columns, channels = (1, 1, *shape)
    size = 1
    for axis in shape:
        size *= axis
    return size, columns * channels


class _Emission:
    """What both programs share: the module, the plan, its stages and the places of its values."""

    def __init__(self, graph: Graph, machine: Machine, training: bool) -> None:
        self.machine = machine
        self.module = ir.Module(name="pellucid")
        self.plan = make_plan(graph)
        trainable = tuple(parameter.trainable for parameter in graph.parameters)
        self.stages = make_stages(self.plan, trainable)
        self.training = training
        self.arena = Memory()
        self.shared = Memory()

    def emitter(self, name: str, arguments: Sequence[ir.Type]) -> Emitter:
        """A new function of the module."""
        return Emitter(self.module, self.machine.vector, name, arguments)

    def emit_stages(self, block: int) -> None:
        """Emit the kernels of every stage."""
        for stage in self.stages:
            stage.emit(self.module, self.machine, self.training, block)

    def is_view(self, value: int) -> bool:
        """Whether a value is the one before it under another shape."""
        return value > 0 and isinstance(self.stages[value - 1], ViewStage)

    def address(
        self, em: Emitter, frame: ir.Value, buffer: Buffer, arena: ir.Value, first: Index
    ) -> ir.Value:
        """Where the numbers of a block's first sample lie; `first` is its number in the batch."""
        if not buffer.shared:
            return em.at(arena, buffer.offset)
        # The shared buffers lie one after the other, each with room for the whole batch.
        start = em.multiply(field(em, frame, "batch"), buffer.offset)
        return em.at(field(em, frame, "shared"), start, em.multiply(first, buffer.stride))


def prediction(graph: Graph, machine: Machine) -> Program:
    """The program that answers: predict(frame, worker)."""
    emission = _Emission(graph, machine, training=False)
    stages, layouts = emission.stages, emission.plan.layouts
    block = block_size(sum(layout.stride for layout in layouts))
    emission.emit_stages(block)
    places = [
        emission.arena.take(layout.stride * block) if not emission.is_view(value) else -1
        for value, layout in enumerate(layouts)
    ]
    size, row = image_layout(graph.input_shape)
    gather = elementwise.gather(emission.module, machine.vector, "gather", layouts[0], False)
    scatter = _scatter(emission, layouts[-1])
    barrier = synchronise.barrier(emission.module, machine.vector)

    em = emission.emitter("predict", [POINTER, I64])
    frame, worker = em.arguments
    samples, table = field(em, frame, "samples"), field(em, frame, "parameters")
    images, outputs = field(em, frame, "images"), field(em, frame, "outputs")
    control, threads = field(em, frame, "control"), field(em, frame, "threads")
    wait = [control, threads, field(em, frame, "yield")]
    blocks = em.integer(em.quotient(em.add(samples, block - 1), block))
    few = em.less(blocks, threads)
    # Few samples: all threads work in the first one's arena.
    mine = em.builder.select(few, em.integer(0), worker)
    arena = em.at(field(em, frame, "arenas"), em.multiply(mine, emission.arena.size))
    values: list[ir.Value] = []
    for place in places:
        values.append(values[-1] if place < 0 else em.at(arena, place))

    def block_call(number: Index) -> Call:
        first = em.multiply(number, block)
        return Call(
            em,
            values,
            gradients=[None] * len(values),
            winners=[None] * len(values),
            unpooled=[None] * len(values),
            parameter=lambda number: entry(em, table, number),
            partial=lambda number: arena,
            packed=lambda place: arena,
            scratch=lambda place: arena,
            samples=em.integer(em.minimum(em.subtract(samples, first), block)),
            first=em.integer(first),
            key=lambda node: ir.Constant(I32, 0),
        )

    def load(call: Call) -> None:
        numbers = [call.first, call.samples, em.integer(size), em.integer(row)]
        em.builder.call(gather, [images, images, values[0], *numbers])

    def unload(call: Call) -> None:
        em.builder.call(scatter, [values[-1], outputs, call.first, call.samples])

    def alone(number: ir.Value) -> None:
        """One thread runs a block through the whole network."""
        call = block_call(number)
        load(call)
        for stage in stages:
            stage.forward(call)
        unload(call)

    def together(number: Index) -> None:
        """All threads share the units of each stage, and wait for each other in between."""
        call = block_call(number)
        em.choose(em.equal(worker, 0), lambda: load(call))
        em.builder.call(barrier, wait)
        for stage in stages:
            if stage.units > 1:
                bounds = [
                    em.builder.udiv(em.integer(em.multiply(part, stage.units)), threads)
                    for part in (worker, em.add(worker, 1))
                ]
                stage.forward(call, *bounds)
            else:
                em.choose(em.equal(worker, 0), lambda stage=stage: stage.forward(call))
            em.builder.call(barrier, wait)
        em.choose(em.equal(worker, 0), lambda: unload(call))

    em.choose(
        few,
        lambda: em.loop(0, blocks, together),
        lambda: synchronise.tickets(em, control, blocks, alone),
    )
    em.finish()
    return Program(str(emission.module), "predict", block, emission.arena.size)


def _scatter(emission: _Emission, source: Layout) -> ir.Function:
    """Copy a block of outputs into the caller's array. Emits scatter(source, outputs, first, samples)."""
    em = emission.emitter("scatter", [POINTER, POINTER, I64, I64])
    x, outputs, first, samples = em.arguments

    def sample(number: Index) -> None:
        start = em.multiply(em.add(first, number), source.size)

        def copy(c: Index, lanes: int) -> None:
            value = em.load(x, em.multiply(number, source.stride), c, lanes=lanes)
            em.store(value, outputs, start, c, lanes=lanes)

        losses.for_channels(em, source.size, copy, [])

    em.loop(0, samples, sample)
    return em.finish()


def training(graph: Graph, machine: Machine, loss: Loss, optimizer: Optimizer) -> Program:
    """The program that learns: train(frame, worker)."""
    return _Training(graph, machine, loss, optimizer).program()


@dataclass(frozen=True)
class _Numbers:
    """Which samples a block has.

    step: of this call. start: the number of the batch's first sample among all. first: of the
    block's first in the batch. count: samples in the block.
    """

    step: ir.Value
    start: ir.Value
    first: ir.Value
    count: ir.Value


class _Training(_Emission):
    """Emits the training program, phase by phase."""

    def __init__(self, graph: Graph, machine: Machine, loss: Loss, optimizer: Optimizer) -> None:
        self.graph, self.loss = logits(graph, loss)
        super().__init__(self.graph, machine, training=True)
        self.pair_is_whole = self.graph is graph
        self.optimizer = optimizer
        self.dropouts = tuple(
            stage.step.number for stage in self.stages if isinstance(stage, DropoutStage)
        )
        self._place_values()
        self.partial_memory = Memory()
        self.partials = {
            number: self.partial_memory.take(_size(parameter.shape))
            for number, parameter in enumerate(graph.parameters)
            if parameter.trainable
        }
        self.packed_memory = Memory()
        self.packed = {
            stage.place: self.packed_memory.take(_product(stage.packed_sizes))
            for stage in self.stages
            if stage.packed_sizes
        }
        fitting = PARTIAL_NUMBERS // max(1, self.partial_memory.size)
        self.partitions = max(4, min(LARGEST_PARTITION_COUNT, fitting))

    def _place_values(self) -> None:
        """Decide the block size, and where values, gradients, winners and the like lie."""
        layouts, stages = self.plan.layouts, self.stages
        numbers = 2 * sum(layout.stride for layout in layouts)
        numbers += sum(s.winner_bytes // 4 + s.unpooled_size for s in stages)
        self.scratch = {s.place: self.arena.take(s.scratch_size) for s in stages if s.scratch_size}
        self.block = block_size(numbers)
        shared_values = {s.place for s in stages if s.batch_gradient}
        shared_gradients = {s.place + 1 for s in stages if s.batch_gradient}
        needed = {s.place for s in stages if s.input_gradient} | {len(stages)}
        self.values = self._buffers(shared_values, set(range(len(layouts))))
        self.gradients = self._buffers(shared_gradients, needed)
        self.winners = {
            s.place: Buffer(self.arena.take(-(-s.winner_bytes // 4) * self.block), s.winner_bytes)
            for s in stages
            if s.winner_bytes
        }
        self.unpooled = {
            s.place: Buffer(self.arena.take(s.unpooled_size * self.block), s.unpooled_size)
            for s in stages
            if s.unpooled_size
        }

    def _buffers(self, shared: set[int], needed: set[int]) -> dict[int, Buffer]:
        """A buffer for every needed value; views share theirs, and are shared if either is."""
        buffers: dict[int, Buffer] = {}
        layouts = self.plan.layouts
        for value, layout in enumerate(layouts):
            if value not in needed:
                continue
            if self.is_view(value) and value - 1 in buffers:
                buffers[value] = buffers[value - 1]
                continue
            following = value
            whole_batch = value in shared
            while following + 1 < len(layouts) and self.is_view(following + 1):
                following += 1
                whole_batch = whole_batch or following in shared
            if whole_batch:
                buffers[value] = Buffer(self.shared.take(layout.stride), layout.stride, True)
            else:
                offset = self.arena.take(layout.stride * self.block)
                buffers[value] = Buffer(offset, layout.stride)
        return buffers

    def program(self) -> Program:
        """Emit everything."""
        self.emit_stages(self.block)
        self.barrier = synchronise.barrier(self.module, self.machine.vector)
        self.gather = elementwise.gather(
            self.module, self.machine.vector, "gather", self.plan.layouts[0], True
        )
        self.transposes = {
            stage.place: packing.transpose(
                self.module, self.machine.vector, stage.name("transpose"), *stage.packed_sizes[1:]
            )
            for stage in self.stages
            if stage.packed_sizes
        }
        self.loss_function, self.loss_sizes = self._emit_loss()
        self.update = optimizers.update(self.module, self.machine.vector, "update", self.optimizer)
        self.samples_function = self._emit_samples()
        self._emit_entry()
        return Program(
            str(self.module),
            "train",
            self.block,
            self.arena.size,
            self.shared.size,
            self.partial_memory.size,
            self.partitions,
            self.packed_memory.size,
            self.dropouts,
        )

    def _emit_loss(self) -> tuple[ir.Function, losses.LossSizes]:
        output = self.plan.layouts[-1]
        place = len(self.stages)
        sizes = losses.LossSizes(
            output.rows * output.columns,
            output.channels,
            self.values[place].stride,
            self.gradients[place].stride,
            isinstance(self.loss, SparseCategoricalCrossentropy),
        )
        row_loss: losses.RowLoss
        if isinstance(self.loss, SparseCategoricalCrossentropy | CategoricalCrossentropy):
            from_logits = self.loss.from_logits
            row_loss = (
                losses.categorical_of_logits if from_logits else losses.categorical_of_probabilities
            )
        elif isinstance(self.loss, BinaryCrossentropy):
            from_logits = self.loss.from_logits
            row_loss = losses.binary_of_logits if from_logits else losses.binary_of_probabilities
        else:
            assert isinstance(self.loss, MeanSquaredError)
            from_logits, row_loss = False, losses.squared
        if from_logits and self.pair_is_whole:
            row_loss = losses.showing_logits(row_loss)
        return losses.loss(self.module, self.machine.vector, "loss", sizes, row_loss), sizes

    def _call(
        self, em: Emitter, frame: ir.Value, arena: ir.Value, partial: ir.Value, numbers: _Numbers
    ) -> Call:
        """Where the numbers of a block of samples lie."""
        parameters, packed = field(em, frame, "parameters"), field(em, frame, "packed")

        def addresses(buffers: dict[int, Buffer]) -> list[ir.Value | None]:
            places = range(len(self.stages) + 1)
            return [
                self.address(em, frame, buffers[place], arena, numbers.first)
                if place in buffers
                else None
                for place in places
            ]

        def key(node: int) -> ir.Value:
            number = em.multiply(numbers.step, len(self.dropouts))
            place = em.add(number, self.dropouts.index(node))
            keys = field(em, frame, "keys")
            return em.builder.load(em.at(keys, place, kind=I32), typ=I32, align=4)

        return Call(
            em,
            [value for value in addresses(self.values) if value is not None],
            addresses(self.gradients),
            addresses(self.winners),
            addresses(self.unpooled),
            parameter=lambda number: entry(em, parameters, number),
            partial=lambda number: em.at(partial, self.partials[number]),
            packed=lambda place: em.at(packed, self.packed[place]),
            scratch=lambda place: em.at(arena, self.scratch[place]),
            samples=numbers.count,
            first=numbers.first,
            key=key,
        )

    def _emit_samples(self) -> ir.Function:
        """samples(frame, arena, partial, step, start, first, count): some samples, there and back."""
        em = self.emitter("samples", [POINTER] * 3 + [I64] * 4)
        frame, arena, partial, *rest = em.arguments
        numbers = _Numbers(*rest)
        call = self._call(em, frame, arena, partial, numbers)
        size, row = image_layout(self.graph.input_shape)
        images, order = field(em, frame, "images"), field(em, frame, "order")
        number = em.integer(em.add(numbers.start, numbers.first))
        place = [number, numbers.count, em.integer(size), em.integer(row)]
        em.builder.call(self.gather, [images, order, call.values[0], *place])
        for stage in self.stages:
            stage.forward(call)
        results = [field(em, frame, name) for name in ("losses", "outputs")]
        targets, gradient = field(em, frame, "targets"), call.gradients[-1]
        assert gradient is not None
        arguments = [call.values[-1], targets, order, *results, gradient, number, numbers.count]
        em.builder.call(self.loss_function, arguments)
        for stage in reversed(self.stages):
            stage.backward(call)
        return em.finish()

    def _emit_entry(self) -> None:
        em = self.emitter("train", [POINTER, I64])
        frame, worker = em.arguments
        samples, batch = field(em, frame, "samples"), field(em, frame, "batch")
        arena = em.at(field(em, frame, "arenas"), em.multiply(worker, self.arena.size))
        control = field(em, frame, "control")
        wait = [control, field(em, frame, "threads"), field(em, frame, "yield")]
        steps = em.builder.udiv(
            em.builder.sub(em.builder.add(samples, batch), ir.Constant(I64, 1)), batch
        )

        def step(number: Index) -> None:
            start = em.multiply(number, batch)
            count = em.integer(em.minimum(em.subtract(samples, start), batch))
            self._phase(em, control, *self._transposing(em, frame))
            em.builder.call(self.barrier, wait)
            self._learning(em, frame, arena, number, start, count)
            em.builder.call(self.barrier, wait)
            self._phase(em, control, *self._updating(em, frame, number, count))
            em.builder.call(self.barrier, wait)

        em.loop(0, steps, step)
        em.finish()

    def _phase(
        self,
        em: Emitter,
        control: ir.Value,
        counts: list[int],
        bodies: list[Callable[[Index], None]],
    ) -> None:
        """Several kinds of work in one row of tickets: `counts[i]` tickets run `bodies[i]`."""

        def run(ticket: ir.Value) -> None:
            def choose(kind: int, before: int) -> None:
                mine = em.subtract(ticket, before)
                if kind == len(bodies) - 1:
                    bodies[kind](mine)
                    return
                em.choose(
                    em.less(mine, counts[kind]),
                    lambda: bodies[kind](mine),
                    lambda: choose(kind + 1, before + counts[kind]),
                )

            choose(0, 0)

        if bodies:
            synchronise.tickets(em, control, sum(counts), run)

    def _transposing(
        self, em: Emitter, frame: ir.Value
    ) -> tuple[list[int], list[Callable[[Index], None]]]:
        """One ticket for each matrix that the backward pass needs transposed."""
        table, packed = field(em, frame, "parameters"), field(em, frame, "packed")
        counts, bodies = [], []
        for stage in self.stages:
            if not stage.packed_sizes:
                continue

            def matrix(number: Index, stage: Stage = stage) -> None:
                source = entry(em, table, stage.parameters[0])
                target = em.at(packed, self.packed[stage.place])
                bounds = [em.integer(number), em.integer(em.add(number, 1))]
                em.builder.call(self.transposes[stage.place], [source, target, *bounds])

            counts.append(stage.packed_sizes[0])
            bodies.append(matrix)
        return counts, bodies

    def _learning(
        self,
        em: Emitter,
        frame: ir.Value,
        arena: ir.Value,
        step: Index,
        start: Index,
        count: ir.Value,
    ) -> None:
        """Blocks of samples, in partitions that depend on the batch only, not on the threads."""
        control, partials = field(em, frame, "control"), field(em, frame, "partials")
        blocks = em.integer(em.quotient(em.add(count, self.block - 1), self.block))
        partitions = em.minimum(blocks, self.partitions)

        def partition(number: ir.Value) -> None:
            partial = em.at(partials, em.multiply(number, self.partial_memory.size))
            convolution.clear(em, partial, self.partial_memory.size)
            zero = em.integer(0)
            whole = _Numbers(em.integer(step), em.integer(start), zero, zero)
            call = self._call(em, frame, arena, partial, whole)
            for stage in self.stages:
                stage.begin_partition(call)

            def bound(place: Index) -> ir.Value:
                return em.builder.udiv(
                    em.integer(em.multiply(place, blocks)), em.integer(partitions)
                )

            def block(place: Index) -> None:
                first = em.multiply(place, self.block)
                many = em.minimum(em.subtract(count, first), self.block)
                numbers = [em.integer(n) for n in (step, start, first, many)]
                em.builder.call(self.samples_function, [frame, arena, partial, *numbers])

            em.loop(bound(number), bound(em.add(number, 1)), block)
            for stage in self.stages:
                stage.end_partition(call)

        synchronise.tickets(em, control, partitions, partition)

    def _updating(
        self, em: Emitter, frame: ir.Value, step: Index, count: ir.Value
    ) -> tuple[list[int], list[Callable[[Index], None]]]:
        """Tickets for chunks of every parameter: finish its gradient, take the optimizer's step."""
        blocks = em.integer(em.quotient(em.add(count, self.block - 1), self.block))
        partitions = em.integer(em.minimum(blocks, self.partitions))
        counts: list[int] = []
        bodies: list[Callable[[Index], None]] = []
        whole = {
            number: stage
            for stage in self.stages
            if stage.batch_gradient
            for number in stage.parameters
        }
        for number in self.partials:
            size = _size(self.graph.parameters[number].shape)
            stage = whole.get(number)
            row = self.graph.parameters[number].shape[-1] if stage else 1
            rows = max(1, CHUNK // row)
            chunk = rows * row

            def update(
                ticket: Index,
                number: int = number,
                size: int = size,
                stage: Stage | None = stage,
                rows: int = rows,
                chunk: int = chunk,
            ) -> None:
                low = em.multiply(ticket, chunk)
                many = em.minimum(em.subtract(size, low), chunk)
                if stage is not None:
                    self._sum_batch(
                        em, frame, stage, number, em.multiply(ticket, rows), rows, count
                    )
                parts = ir.Constant(I64, 1) if stage is not None else partitions
                self._call_update(em, frame, number, low, many, step, count, parts)

            counts.append(-(-size // chunk))
            bodies.append(update)
        return counts, bodies

    def _sum_batch(
        self,
        em: Emitter,
        frame: ir.Value,
        stage: Stage,
        number: int,
        row: Index,
        rows: int,
        count: ir.Value,
    ) -> None:
        """The gradient of some rows of a dense layer's kernel, or of its bias, over the batch."""
        shared, partials = field(em, frame, "shared"), field(em, frame, "partials")
        target = em.at(partials, self.partials[number])
        slopes = self.address(em, frame, self.gradients[stage.place + 1], shared, 0)
        if number != stage.parameters[0]:
            em.builder.call(stage.functions["bias"], [slopes, target, count])
            return
        inputs = self.address(em, frame, self.values[stage.place], shared, 0)
        high = em.minimum(em.add(row, rows), self.graph.parameters[number].shape[0])
        bounds = [em.integer(row), em.integer(high)]
        em.builder.call(stage.functions["kernel"], [inputs, slopes, target, count, *bounds])

    def _call_update(
        self,
        em: Emitter,
        frame: ir.Value,
        number: int,
        low: Index,
        many: Index,
        step: Index,
        count: ir.Value,
        partitions: ir.Value,
    ) -> None:
        parameters, slots = field(em, frame, "parameters"), field(em, frame, "slots")
        kept = [
            em.at(entry(em, slots, number * optimizers.SLOTS + slot), low)
            for slot in range(optimizers.SLOTS)
        ]
        gradients = em.at(field(em, frame, "partials"), self.partials[number], low)
        width = len(self.optimizer.scalars(0))
        scalars = em.at(field(em, frame, "scalars"), em.multiply(step, width))
        one = ir.Constant(F32, 1.0)
        scale = em.builder.fdiv(one, em.builder.sitofp(count, F32))
        em.builder.call(
            self.update,
            [
                em.at(entry(em, parameters, number), low),
                *kept,
                gradients,
                partitions,
                ir.Constant(I64, self.partial_memory.size),
                scalars,
                scale,
                em.integer(many),
            ],
        )


def _size(shape: Shape) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def _product(sizes: tuple[int, int, int] | None) -> int:
    return sizes[0] * sizes[1] * sizes[2] if sizes else 0
