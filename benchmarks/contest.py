"""Pellucid and its peers, each in a process of its own, on the same arrays and the same threads."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.description import Array, Network
from benchmarks.networks import find
from benchmarks.roster import Entrant
from benchmarks.timing import Scenario, Timing, time_scenario
from benchmarks.validate import STEPS, Agreement, validate
from benchmarks.workers import Worker


@dataclass
class Contest:
    """The started workers, and what they have been given."""

    entrants: Sequence[Entrant]
    threads: int
    workers: dict[str, Worker]
    peak: Worker
    scratch: Path
    versions: dict[str, str] = field(default_factory=dict)

    def prepare(self, name: str, images: int) -> list[Agreement]:
        """Have every entrant build a network, with images in memory, and hold them to each other.

        Raises DisagreementError where they compute different functions.
        """
        network = find(name)
        weights = network.initial_weights(seed=0)
        arrays = self.scratch / "arrays.npz"
        write_arrays(arrays, network, weights, max(images, STEPS * network.batch_size))
        for worker in self.workers.values():
            self.versions |= worker.ask(
                "setup", network=name, arrays=str(arrays), threads=self.threads
            )["versions"]
        return validate(self.entrants, self.workers, network, weights, self.scratch)

    def time(self, scenario: Scenario, rounds: int) -> Timing:
        """Time every entrant that has this scenario's task."""
        return time_scenario(scenario, rounds, self.entrants, self.workers, self.peak)


@contextmanager
def started(entrants: Sequence[Entrant], threads: int) -> Iterator[Contest]:
    """Start a worker for each entrant, and the one that measures what the processor can do."""
    if hasattr(os, "sched_setaffinity"):
        # Held to as many cores as threads, a library without a setting for threads complies too.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = scratch / "peak.log"
        peak = stack.enter_context(Worker("FMA peak", "main", "benchmarks.peers.peak", log))
        workers = {e.name: stack.enter_context(start(e, threads, scratch)) for e in entrants}
        contest = Contest(entrants, threads, workers, peak, scratch)
        contest.versions |= peak.ask("setup", threads=threads)["versions"]
        yield contest


def start(entrant: Entrant, threads: int, scratch: Path) -> Worker:
    """Start an entrant's worker, its libraries told how many threads to use."""
    count = str(threads)
    variables = {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "PELLUCID_THREADS": count,
    }
    return Worker(
        entrant.name,
        entrant.environment,
        entrant.module,
        scratch / f"{entrant.name}.log",
        entrant.arguments,
        variables | entrant.variables,
    )


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def write_arrays(path: Path, network: Network, weights: Sequence[Array], count: int) -> None:
    """Write the weights and made-up images: a pattern for each class under as much noise.

    The images can be learnt, so that no gradient dies to zero or denormal numbers during the run.
    """
    random = np.random.default_rng(0)
    labels = random.integers(0, network.classes, count)
    patterns = random.random((network.classes, *network.input_shape), np.float32)
    images = random.random((count, *network.input_shape), np.float32)
    images = np.float32(0.5 * network.brightest) * (images + patterns[labels])
    named = {f"weight_{i:02}": weight for i, weight in enumerate(weights)}
    np.savez(path, allow_pickle=False, images=images, labels=labels, **named)
