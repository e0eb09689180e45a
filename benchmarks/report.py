"""The report of a run, as plain Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.description import Network
from benchmarks.machine import describe
from benchmarks.roster import LATENCY, PELLUCID, RMSPROP, SGD, TRAIN
from benchmarks.timing import Timing
from benchmarks.validate import STEPS, Agreement

RESULTS = Path(__file__).parent / "results"
FLOP_PER_MULTIPLY_ADD = 2
TRAINING_PASSES = 3
"""Forward, the gradient of the input, and the gradient of the weights: each costs as much."""


@dataclass(frozen=True)
class Report:
    """All that a run found."""

    network_name: str
    network: Network
    threads: int
    rounds: int
    load: float
    """How many threads wanted to run in the minute before, on average."""

    versions: Mapping[str, str]
    agreements: Sequence[Agreement]
    timings: Sequence[Timing]
    idle: float
    """The largest share of a core that any entrant burnt while it was another's turn."""

    def parts(self) -> list[str]:
        """The whole report, in Markdown, paragraph by paragraph."""
        flop = FLOP_PER_MULTIPLY_ADD * self.network.multiply_adds
        facts = describe() | {
            "threads": str(self.threads),
            "load of the machine before": f"{self.load:.2f}",
            "rounds": f"{self.rounds}, interleaved, after one that warms up",
            "versions": ", ".join(f"{name} {v}" for name, v in sorted(self.versions.items())),
            "idle entrants": f"none burnt more than {self.idle:.2%} of a core out of turn",
            "nominal work": f"{flop / 1e6:.2f} Mflop an image forward, {TRAINING_PASSES} times "
            "that in training",
        }
        parts = [
            f"# {self.network_name}, {date.today()}",
            "\n".join(f"- {name}: {fact}" for name, fact in facts.items()),
            "## Validation",
            "Largest differences from the first row: of a probability; of weights after "
            f"{STEPS} training steps, over how far their array has moved (by their norms).",
            validation_table(self.agreements),
        ]
        for timing in self.timings:
            parts += [f"## {title(timing)}", timing_table(timing, flop), verdict(timing)]
        return parts


def keep(parts: Sequence[str], name: str) -> Path:
    """Keep a report in results/, under today's date, and say where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{date.today()}-{name}.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path.relative_to(RESULTS.parent.parent)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def validation_table(agreements: Sequence[Agreement]) -> str:
    """How far each entrant is from the reference."""

    def shown(difference: float | None) -> str:
        return "–" if difference is None else f"{difference:.1e}"

    rows = [
        [a.name, shown(a.predictions), *(shown(a.weights.get(rule)) for rule in (SGD, RMSPROP))]
        for a in agreements
    ]
    return table(["", "predictions", "SGD", "RMSprop"], rows)


def title(timing: Timing) -> str:
    """What was timed, in words."""
    scenario = timing.scenario
    if scenario.task == LATENCY:
        return "Latency of one image"
    task = "Training" if scenario.task == TRAIN else "Prediction"
    return f"{task}, batch {scenario.batch_size}"


def timing_table(timing: Timing, forward_flop: int) -> str:
    """One row an entrant, and one for the peak of the processor."""
    passes = TRAINING_PASSES if timing.scenario.task == TRAIN else 1
    peak = median(timing.peak)
    ours = median(timing.rates[PELLUCID]) if PELLUCID in timing.rates else None
    rows = []
    for name, rates in timing.rates.items():
        rate = median(rates)
        ratio = "–" if ours is None else f"{ours / rate:.2f}"
        rows.append(
            [name, *spread(timing, rates), ratio, f"{rate * passes * forward_flop / peak:.1%}"]
        )
    best = [rate / passes / forward_flop for rate in timing.peak]
    rows.append(["(FMA peak)", *spread(timing, best), "", f"{peak / 1e9:.0f} Gflop/s"])
    unit = "µs" if timing.scenario.task == LATENCY else "images/s"
    return table(
        ["", f"{unit}, median", "min–max", "Pellucid's speed over it", "of FMA peak"], rows
    )


def spread(timing: Timing, rates: Sequence[float]) -> list[str]:
    """Median and range: images a second, or for latency microseconds an image."""
    values = [1e6 / rate for rate in rates] if timing.scenario.task == LATENCY else list(rates)
    digits = 1 if timing.scenario.task == LATENCY else 0
    low, middle, high = min(values), median(values), max(values)
    return [f"{middle:,.{digits}f}", f"{low:,.{digits}f}–{high:,.{digits}f}"]


def verdict(timing: Timing) -> str:
    """Who of the others is fastest, and how Pellucid compares."""
    others = {name: median(r) for name, r in timing.rates.items() if name != PELLUCID}
    if not others or PELLUCID not in timing.rates:
        return "Pellucid was not compared in this run."
    fastest = max(others, key=others.__getitem__)
    ratio = median(timing.rates[PELLUCID]) / others[fastest]
    return f"Fastest of the others: {fastest}. Pellucid's speed over it: **{ratio:.2f}**."
