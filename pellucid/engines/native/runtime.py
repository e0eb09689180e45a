"""Predictor and trainer: the Python side of compiled programs."""

from __future__ import annotations

import ctypes
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np

from pellucid import random
from pellucid.engines.base import Steps
from pellucid.engines.native import cache
from pellucid.engines.native.frame import FIELDS
from pellucid.engines.native.jit import Library, compile_module
from pellucid.engines.native.kernels.optimizers import SLOTS
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.emission import Program
from pellucid.engines.native.programs.prediction import prediction
from pellucid.engines.native.programs.training import training
from pellucid.engines.native.synchronise import CONTROL_WORDS
from pellucid.engines.native.team import team, yield_address
from pellucid.graph import Graph
from pellucid.memory import aligned_zeros
from pellucid.ops.base import Array
from pellucid.ops.losses import Loss
from pellucid.ops.optimizers import Optimizer

PLACE = {name: place for place, name in enumerate(FIELDS)}


class _Compiled:
    """A program with its memory, ready to be called by all threads."""

    def __init__(
        self, description: str, emit: Callable[[], Program], machine: Machine, threads: int
    ) -> None:
        self.threads = threads
        found = cache.kept(description, machine, lambda: _packed(emit(), machine))
        sizes, code = found.split(b"\n", 1)
        self.program = emitted = Program(**json.loads(sizes))
        self.library = Library(code, machine)
        self._entry = self.library.address(emitted.entry)
        self._alone = self.library.function(emitted.entry, ctypes.c_void_p, ctypes.c_int64)
        self.frame = np.zeros(len(FIELDS), dtype=np.int64)
        self._frame_address = self.frame.ctypes.data
        self._control = aligned_zeros(CONTROL_WORDS, np.int64)
        self._memories: dict[str, Array] = {}
        self.lock = threading.Lock()
        self.frame[PLACE["control"]] = self._control.ctypes.data
        self.frame[PLACE["yield"]] = yield_address()
        self.take("arenas", emitted.arena * threads)
        self.take("packed", emitted.packed)

    def take(self, field: str, numbers: int) -> None:
        """Give a field of the frame a memory of so many float32 numbers, all zero."""
        self._memories[field] = aligned_zeros(max(1, numbers))
        self.point(field, self._memories[field])

    def point(self, field: str, array: Array) -> None:
        """Let a field of the frame point to an array, which the caller keeps alive."""
        self.frame[PLACE[field]] = array.ctypes.data

    def run(self, threads: int) -> None:
        """Run the program on so many threads."""
        self._control[0] = 0
        self.frame[PLACE["threads"]] = threads
        if threads == 1:
            self._alone(self._frame_address, 0)
        else:
            team(threads).run(self._entry, self._frame_address)


def _packed(program: Program, machine: Machine) -> bytes:
    """A program as it is kept: a line with its sizes, and its machine code."""
    sizes = json.dumps(asdict(replace(program, code="")))
    return sizes.encode() + b"\n" + compile_module(program.code, machine)


def _description(graph: Graph) -> str:
    """All of a graph that code depends on: not what its layers are called."""
    nodes = [(node.op, node.inputs, node.parameters) for node in graph.nodes]
    parameters = [replace(parameter, name="") for parameter in graph.parameters]
    return repr((graph.inputs, nodes, parameters, graph.outputs))


def _addresses(arrays: Sequence[Array | None]) -> Array:
    """Where arrays lie; 0 for None."""
    places = [0 if array is None else array.ctypes.data for array in arrays]
    return np.array(places or [0], dtype=np.int64)


class NativePredictor:
    """A compiled network that answers."""

    def __init__(
        self, graph: Graph, parameters: Sequence[Array], machine: Machine, threads: int
    ) -> None:
        self._compiled = _Compiled(
            f"predict {_description(graph)}",
            lambda: prediction(graph, machine),
            machine,
            threads,
        )
        self._parameters = list(parameters)
        self._table = _addresses(self._parameters)
        self._compiled.point("parameters", self._table)
        self._shapes = graph.output_shapes

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """See `pellucid.engines.base.Predictor`."""
        count = len(inputs[0])
        outputs = [np.empty((count, *shape), dtype=np.float32) for shape in self._shapes]
        compiled, frame = self._compiled, self._compiled.frame
        tables = {"inputs": _addresses(inputs), "outputs": _addresses(outputs)}
        with compiled.lock:
            for name, table in tables.items():
                compiled.point(name, table)
            frame[PLACE["samples"]] = count
            compiled.run(compiled.threads)
        return outputs


class NativeTrainer:
    """A compiled network that learns."""

    def __init__(
        self,
        graph: Graph,
        parameters: Sequence[Array],
        losses: Sequence[Loss],
        loss_weights: Sequence[float],
        optimizer: Optimizer,
        slots: Sequence[Sequence[Array]],
        seed: int,
        machine: Machine,
        threads: int,
    ) -> None:
        self._shapes = graph.output_shapes
        self._optimizer, self._seed = optimizer, seed
        # The learning rate is no part of the code: it comes with every step.
        fixed = {name: value for name, value in vars(optimizer).items() if name != "learning_rate"}
        aims = (list(losses), list(loss_weights), type(optimizer).__name__, fixed)
        self._compiled = _Compiled(
            f"train {_description(graph)} {aims}",
            lambda: training(graph, machine, losses, loss_weights, optimizer),
            machine,
            threads,
        )
        self._program = self._compiled.program
        self._compiled.take("partials", self._program.partials)
        self._compiled.take("whole", self._program.whole)
        self._parameters = list(parameters)
        self._slots = [list(kept) for kept in slots]
        self._tables = _addresses(self._parameters), self._slot_table(graph)
        self._compiled.point("parameters", self._tables[0])
        self._compiled.point("slots", self._tables[1])

    def _slot_table(self, graph: Graph) -> Array:
        """SLOTS addresses for each parameter; those that do not exist are never used."""
        table = np.zeros((len(graph.parameters), SLOTS), dtype=np.int64)
        trainable = [n for n, parameter in enumerate(graph.parameters) if parameter.trainable]
        for number, kept in zip(trainable, self._slots, strict=True):
            for place, slot in enumerate(kept):
                table[number, place] = slot.ctypes.data
        return table

    def run(
        self,
        inputs: Sequence[Array],
        targets: Sequence[Array],
        weights: Sequence[Array | None],
        order: Array,
        batch_size: int,
        first_step: int,
    ) -> Steps:
        """See `pellucid.engines.base.Trainer`."""
        count = len(order)
        steps = range(first_step, first_step + -(-count // batch_size))
        losses = [np.empty(count, dtype=np.float32) for _ in self._shapes]
        outputs = [np.empty((count, *shape), dtype=np.float32) for shape in self._shapes]
        arrays = {
            "inputs": _addresses(inputs),
            "targets": _addresses(targets),
            "weights": _addresses(weights),
            "order": order,
            "outputs": _addresses(outputs),
            "losses": _addresses(losses),
            "scalars": np.array([self._optimizer.scalars(n) for n in steps], dtype=np.float32),
            "keys": self._keys(steps),
        }
        compiled, frame = self._compiled, self._compiled.frame
        with compiled.lock:
            largest = min(batch_size, count)
            if largest > frame[PLACE["capacity"]]:
                compiled.take("shared", self._program.shared * largest)
                frame[PLACE["capacity"]] = largest
            for name, array in arrays.items():
                compiled.point(name, array)
            frame[PLACE["samples"]], frame[PLACE["batch"]] = count, batch_size
            compiled.run(compiled.threads)
        return Steps(losses, outputs)

    def _keys(self, steps: Sequence[int]) -> Array:
        """The random keys of each step: one for every random node."""
        keys = [
            random.hash32(self._seed if seed is None else seed, step, node)
            for step in steps
            for node, seed in self._program.random
        ]
        return np.array(keys, dtype=np.uint32)
