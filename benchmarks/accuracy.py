"""The demo's accuracy on the test digits, for several seeds: `python -m benchmarks.accuracy`."""

import json
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path
from statistics import mean

from benchmarks.report import table

SEEDS = range(5)
RECIPE = {
    "--data": "mnist",
    "--network": "textbook",
    "--epochs": "5",
    "--batch-size": "64",
    "--optimizer": "rmsprop",
}
"""What `make demo` trains."""


def measure() -> str:
    """A Markdown table of test accuracies, and their mean."""
    accuracies = [test_accuracy(seed) for seed in SEEDS]
    rows = [[str(seed), f"{a:.2%}"] for seed, a in zip(SEEDS, accuracies, strict=True)]
    return table(["seed", "test accuracy"], [*rows, ["mean", f"{mean(accuracies):.2%}"]])


def test_accuracy(seed: int) -> float:
    """Train the demo from the shell, and ask the finished run."""
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        options = RECIPE | {"--seed": str(seed), "--out": run}
        pellucid("train", "--quiet", *chain.from_iterable(options.items()))
        return float(json.loads(pellucid("evaluate", run, "--format", "json"))["accuracy"])


def pellucid(*arguments: str) -> str:
    """Run the command line; what it printed."""
    command = [sys.executable, "-m", "pellucid", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    print(measure())
