"""Time Pellucid and its peers in one run: `python -m benchmarks.run` (see README.md).

Every entrant is a process that sleeps until it is asked. First all are held against each other;
then they are timed in rounds, one after another, so that a noisy machine is noisy to all alike.
"""

import argparse
import os
from collections.abc import Sequence
from time import perf_counter

from benchmarks.contest import available_cores, started
from benchmarks.networks import NETWORKS
from benchmarks.report import Report, keep
from benchmarks.roster import ROSTER, Entrant
from benchmarks.timing import SCENARIOS, Scenario
from benchmarks.validate import DisagreementError
from benchmarks.workers import WorkerError


def main() -> None:
    """Validate, time, print the report of each network and keep it."""
    options = parse()
    entrants = [e for e in ROSTER if not options.only or e.name in options.only]
    for network in options.network:
        try:
            parts = measure(network, options, entrants).parts()
        except (WorkerError, DisagreementError) as error:
            raise SystemExit(str(error)) from None
        print("\n\n".join(parts))
        if not options.smoke:
            print(f"Kept in {keep(parts, network)}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    names = [entrant.name for entrant in ROSTER]
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
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
    return parser.parse_args()


def chosen(network: str, options: argparse.Namespace) -> list[Scenario]:
    """The scenarios asked for, an eighth as long for a smoke test."""
    known = {f"{s.task}-{s.batch_size}": s for s in SCENARIOS[network]}
    wanted = options.scenarios or list(known)
    if unknown := set(wanted) - set(known):
        raise SystemExit(
            f"No scenario {', '.join(unknown)} for {network}; there are: {', '.join(known)}"
        )
    shorter = 8 if options.smoke else 1
    return [
        Scenario(s.task, s.batch_size, s.count // shorter) for s in map(known.__getitem__, wanted)
    ]


def measure(network: str, options: argparse.Namespace, entrants: Sequence[Entrant]) -> Report:
    """Start the workers, validate them, and time each scenario."""
    load = os.getloadavg()[0]
    scenarios = chosen(network, options)
    rounds = 1 if options.smoke else options.rounds
    with started(entrants, options.threads) as contest:
        agreements = contest.prepare(network, images=max(s.count for s in scenarios))
        for worker in contest.workers.values():
            worker.idle_cpu = 0.0
        began = perf_counter()
        timings = [contest.time(scenario, rounds) for scenario in scenarios]
        burnt = max(worker.idle_cpu for worker in contest.workers.values())
        idle = burnt / (perf_counter() - began)
    return Report(
        network,
        NETWORKS[network],
        options.threads,
        rounds,
        load,
        contest.versions,
        agreements,
        timings,
        idle,
    )


if __name__ == "__main__":
    main()
