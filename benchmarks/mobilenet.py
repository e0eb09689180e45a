"""Layers of MobileNet against the peers: `python -m benchmarks.mobilenet` (see README.md).

Each is timed by itself, a few in a row: forward (prediction), and with gradients (training).
"""

import argparse
import os
from datetime import date
from statistics import median

from benchmarks.contest import Contest, available_cores, started
from benchmarks.machine import describe
from benchmarks.networks import MOBILENET_LAYERS
from benchmarks.report import FLOP_PER_MULTIPLY_ADD, TRAINING_PASSES, keep, table
from benchmarks.roster import PELLUCID, ROSTER, TRAIN
from benchmarks.timing import LAYER_SCENARIOS, Scenario, Timing
from benchmarks.validate import DisagreementError
from benchmarks.workers import WorkerError

HEADER = [
    "",
    "images/s",
    "of FMA peak",
    "fastest of the others",
    "its images/s",
    "Pellucid's speed over it",
]


def main() -> None:
    """Validate, time, print the report and keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mobilenet", description=__doc__)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--rounds", type=int, default=7)
    names = [entrant.name for entrant in ROSTER]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--layers", default="", metavar="TEXT", help="those with it in their name")
    parser.add_argument("--smoke", action="store_true", help="one round, and keep nothing")
    options = parser.parse_args()
    rounds = 1 if options.smoke else options.rounds
    try:
        parts = measure(options, rounds)
    except (WorkerError, DisagreementError) as error:
        raise SystemExit(str(error)) from None
    print("\n\n".join(parts))
    if not (options.smoke or options.layers or options.only):
        print(f"Kept in {keep(parts, 'mobilenet')}")


def measure(options: argparse.Namespace, rounds: int) -> list[str]:
    """The report, paragraph by paragraph."""
    load = os.getloadavg()[0]
    rows: dict[Scenario, list[list[str]]] = {scenario: [] for scenario in LAYER_SCENARIOS}
    entrants = [e for e in ROSTER if not options.only or e.name in options.only]
    names = [name for name in MOBILENET_LAYERS if options.layers in name]
    with started(entrants, options.threads) as contest:
        for name in names:
            for scenario, row in time_layer(contest, name, rounds).items():
                rows[scenario].append(row)
        versions = ", ".join(f"{name} {v}" for name, v in sorted(contest.versions.items()))
    facts = describe() | {
        "threads": str(options.threads),
        "load of the machine before": f"{load:.2f}",
        "rounds": f"{rounds}, interleaved, after one that warms up",
        "versions": versions,
    }
    parts = [
        f"# Layers of MobileNet, {date.today()}",
        "\n".join(f"- {name}: {fact}" for name, fact in facts.items()),
    ]
    for scenario, found in rows.items():
        task = "Forward and gradients" if scenario.task == TRAIN else "Forward"
        parts += [f"## {task}, batch {scenario.batch_size}", table(HEADER, found)]
    return parts


def time_layer(contest: Contest, name: str, rounds: int) -> dict[Scenario, list[str]]:
    """A row of the report for each scenario."""
    contest.prepare(name, images=max(scenario.count for scenario in LAYER_SCENARIOS))
    return {s: row(name, contest.time(s, rounds)) for s in LAYER_SCENARIOS}


def row(name: str, timing: Timing) -> list[str]:
    """Pellucid's median, and that of the fastest other."""
    rates = {entrant: median(found) for entrant, found in timing.rates.items()}
    ours = rates.pop(PELLUCID)
    fastest = max(rates, key=rates.__getitem__)
    passes = TRAINING_PASSES if timing.scenario.task == TRAIN else 1
    flop = FLOP_PER_MULTIPLY_ADD * MOBILENET_LAYERS[name].multiply_adds * passes
    share = ours * flop / median(timing.peak)
    theirs = rates[fastest]
    return [
        name,
        f"{ours:,.0f}",
        f"{share:.1%}",
        fastest,
        f"{theirs:,.0f}",
        f"{ours / theirs:.2f}",
    ]


if __name__ == "__main__":
    main()
