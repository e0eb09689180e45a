"""Time Pellucid and its peers in one run: `python -m benchmarks.run` (see README.md).

Every entrant is a process that sleeps until it is asked. First all are held against each other;
then they are timed in rounds, one after another, so that a noisy machine is noisy to all alike.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.networks import NETWORKS, Array, Network
from benchmarks.report import Report, keep
from benchmarks.roster import ROSTER, Entrant
from benchmarks.timing import SCENARIOS, Scenario, time_scenario
from benchmarks.validate import DisagreementError, validate
from benchmarks.workers import Worker, WorkerError

IMAGES = 16384
"""Images in memory; no round uses more."""


def main() -> None:
    """Validate, time, print the report and keep it."""
    options = parse()
    if hasattr(os, "sched_setaffinity"):
        # Held to as many cores as threads, a library without a setting for threads complies too.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    entrants = [e for e in ROSTER if not options.only or e.name in options.only]
    try:
        parts = measure(options, entrants).parts()
    except (WorkerError, DisagreementError) as error:
        raise SystemExit(str(error)) from None
    print("\n\n".join(parts))
    if not options.smoke:
        print(f"Kept in {keep(parts, options.name or options.network)}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    names = [entrant.name for entrant in ROSTER]
    parser.add_argument("--network", choices=NETWORKS, default="textbook")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--scenarios",
        nargs="+",
        metavar="TASK-BATCH",
        help="such as train-64 predict-256 latency-1; all of them unless given",
    )
    parser.add_argument("--smoke", action="store_true", help="one short round, and keep nothing")
    parser.add_argument("--name", help="of the report; the network's unless given")
    return parser.parse_args()


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chosen(options: argparse.Namespace) -> list[Scenario]:
    """The scenarios asked for, an eighth as long for a smoke test."""
    wanted = options.scenarios or [f"{s.task}-{s.batch_size}" for s in SCENARIOS]
    known = {f"{s.task}-{s.batch_size}": s for s in SCENARIOS}
    if unknown := set(wanted) - set(known):
        raise SystemExit(f"No scenario {', '.join(unknown)}; there are: {', '.join(known)}")
    shorter = 8 if options.smoke else 1
    return [
        Scenario(s.task, s.batch_size, s.count // shorter) for s in map(known.__getitem__, wanted)
    ]


def measure(options: argparse.Namespace, entrants: Sequence[Entrant]) -> Report:
    """Start the workers, validate them, and time each scenario."""
    network = NETWORKS[options.network]
    weights = network.initial_weights(seed=0)
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arrays = scratch / "arrays.npz"
        write_arrays(arrays, network, weights)
        peak = stack.enter_context(start_peak(scratch))
        versions = dict(peak.ask("setup", threads=options.threads)["versions"])
        workers = {}
        for entrant in entrants:
            worker = stack.enter_context(start(entrant, options.threads, scratch))
            workers[entrant.name] = worker
            versions |= worker.ask(
                "setup", network=options.network, arrays=str(arrays), threads=options.threads
            )["versions"]
        agreements = validate(entrants, workers, weights, scratch)
        for worker in workers.values():
            worker.idle_cpu = 0.0
        began = perf_counter()
        rounds = 1 if options.smoke else options.rounds
        timings = [
            time_scenario(scenario, rounds, entrants, workers, peak) for scenario in chosen(options)
        ]
        idle = max(worker.idle_cpu for worker in workers.values()) / (perf_counter() - began)
    return Report(
        options.network,
        network,
        options.threads,
        rounds,
        load,
        versions,
        agreements,
        timings,
        idle,
    )


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


def start_peak(scratch: Path) -> Worker:
    """Start the worker that measures what the processor can do."""
    return Worker("FMA peak", "main", "benchmarks.peers.peak", scratch / "peak.log")


def write_arrays(path: Path, network: Network, weights: Sequence[Array]) -> None:
    """Write the weights and made-up images: a pattern for each class under as much noise.

    The images can be learnt, so that no gradient dies to zero or denormal numbers during the run.
    """
    random = np.random.default_rng(0)
    labels = random.integers(0, network.classes, IMAGES)
    patterns = random.random((network.classes, *network.input_shape), np.float32)
    images = random.random((IMAGES, *network.input_shape), np.float32)
    images = np.float32(0.5) * (images + patterns[labels])
    named = {f"weight_{i:02}": weight for i, weight in enumerate(weights)}
    np.savez(path, allow_pickle=False, images=images, labels=labels, **named)


if __name__ == "__main__":
    main()
