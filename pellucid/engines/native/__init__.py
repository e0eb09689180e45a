"""The native engine: networks compiled for exactly their shapes and for this CPU."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.engines.base import Predictor, Trainer
from pellucid.engines.native.machine import thread_count
from pellucid.graph import Graph
from pellucid.ops.base import Array
from pellucid.ops.losses import Loss
from pellucid.ops.optimizers import Optimizer


class NativeEngine:
    """Compiles networks to machine code through LLVM, and runs them on all cores.

    threads: how many to use; by default PELLUCID_THREADS, else every core. vector: float32 lanes
    of a vector, 4, 8 or 16; by default PELLUCID_VECTOR, else the widest that the CPU has. Neither
    changes a single bit of any result.

    Raises ArgumentError for numbers out of range.
    """

    name = "native"

    def __init__(self, threads: int | None = None, vector: int | None = None) -> None:
        self.threads = thread_count(threads)
        self.vector = vector

    def predictor(self, graph: Graph, parameters: Sequence[Array]) -> Predictor:
        """Compile the network for inference."""
        from pellucid.engines.native.machine import Machine
        from pellucid.engines.native.runtime import NativePredictor

        machine = Machine.detect(self.vector)
        return NativePredictor(graph, parameters, machine, self.threads)

    def trainer(
        self,
        graph: Graph,
        parameters: Sequence[Array],
        losses: Sequence[Loss],
        loss_weights: Sequence[float],
        optimizer: Optimizer,
        slots: Sequence[Sequence[Array]],
        seed: int,
    ) -> Trainer:
        """Compile the network, its loss and its optimizer for training."""
        from pellucid.engines.native.machine import Machine
        from pellucid.engines.native.runtime import NativeTrainer

        machine = Machine.detect(self.vector)
        return NativeTrainer(
            graph,
            parameters,
            losses,
            loss_weights,
            optimizer,
            slots,
            seed,
            machine,
            self.threads,
        )
