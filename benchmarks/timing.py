"""What is timed, and the times found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.roster import LATENCY, PREDICT, TRAIN, Entrant
from benchmarks.workers import Worker

PEAK_SECONDS = 0.1
"""How long the processor's peak is measured in each round."""


@dataclass(frozen=True)
class Scenario:
    """One thing to time: `count` images in batches of `batch_size`."""

    task: str
    batch_size: int
    count: int


SCENARIOS = {
    "textbook": (
        Scenario(TRAIN, 64, 8192),
        Scenario(PREDICT, 256, 16384),
        Scenario(LATENCY, 1, 1024),
        Scenario(TRAIN, 1, 512),
        Scenario(TRAIN, 16, 2048),
        Scenario(TRAIN, 1024, 8192),
    ),
    "cats-and-dogs": (
        Scenario(TRAIN, 32, 256),
        Scenario(PREDICT, 32, 512),
        Scenario(LATENCY, 1, 32),
    ),
    "residual": (
        Scenario(TRAIN, 128, 1024),
        Scenario(PREDICT, 128, 2048),
        Scenario(LATENCY, 1, 64),
    ),
}
"""What is timed of each network; a round of any scenario takes seconds at most."""

LAYER_SCENARIOS = (Scenario(PREDICT, 32, 64), Scenario(TRAIN, 32, 64))
"""What is timed of each layer of MobileNet."""


@dataclass
class Timing:
    """What one scenario measured, round by round."""

    scenario: Scenario
    rates: dict[str, list[float]] = field(default_factory=dict)
    """Images per second of each entrant."""

    peak: list[float] = field(default_factory=list)
    """Floating-point operations per second that fused multiply-adds reach on all threads."""


def time_scenario(
    scenario: Scenario,
    rounds: int,
    entrants: Sequence[Entrant],
    workers: Mapping[str, Worker],
    peak: Worker,
) -> Timing:
    """Time every entrant in each round. The round before them warms up."""
    timing = Timing(scenario)
    running = [e.name for e in entrants if scenario.task in e.tasks]
    for round_number in range(rounds + 1):
        flop_rate = peak.ask("peak", seconds=PEAK_SECONDS)["flop_per_second"]
        rates = {name: scenario.count / seconds(workers[name], scenario) for name in running}
        if round_number == 0:
            continue
        timing.peak.append(flop_rate)
        for name, rate in rates.items():
            timing.rates.setdefault(name, []).append(rate)
    return timing


def seconds(worker: Worker, scenario: Scenario) -> float:
    """How long a worker takes for one round."""
    request = {"count": scenario.count}
    if scenario.task != LATENCY:
        request["batch_size"] = scenario.batch_size
    return float(worker.ask(scenario.task, **request)["seconds"])
