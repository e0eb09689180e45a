"""How long Pellucid takes to start: `python -m benchmarks.startup`.

The import; the first training step with the process's own start in it; and by how much the first
step of a network of fifty layers is longer than its second, which is what it takes to compile it or
to read it from the cache. Each of the latter two from an empty cache of machine code, then from a
warm one. Every run is a new process; the file cache is warm.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.environments import ROOT
from benchmarks.report import table

RUNS = 7

IMPORT = """
from time import perf_counter
start = perf_counter()
import pellucid
print(perf_counter() - start)
"""

FIRST_STEP = """
import numpy as np
from pellucid.networks import textbook
model = textbook()
model.compile("rmsprop", "sparse_categorical_crossentropy")
random = np.random.default_rng(0)
images = random.random((64, 28, 28, 1), np.float32)
model.train_on_batch(images, random.integers(0, 10, 64))
print("done", flush=True)
"""

FIFTY_LAYERS = """
from time import perf_counter
import numpy as np
from pellucid.networks import resnet
model = resnet((32, 32, 3), depth=50)
model.compile("rmsprop", "sparse_categorical_crossentropy")
random = np.random.default_rng(0)
images = random.random((16, 32, 32, 3), np.float32)
labels = random.integers(0, 10, 16)
times = [perf_counter()]
for _ in range(2):
    model.train_on_batch(images, labels)
    times.append(perf_counter())
start, first, second = times
print(first - start - (second - first))
"""


def measure() -> str:
    """A Markdown table of medians and ranges in seconds."""
    figures: dict[str, list[float]] = {}
    import_seconds(ROOT)  # fills the file cache and compiles the modules to bytecode
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            for name, seconds in FIGURES.items():
                figures.setdefault(name, []).append(seconds(cache))
    rows = [
        [name, f"{median(values):.3f}", f"{min(values):.3f}–{max(values):.3f}"]
        for name, values in figures.items()
    ]
    return table([f"seconds, {RUNS} runs", "median", "min–max"], rows)


def import_seconds(cache: Path) -> float:
    """`import pellucid`, measured from inside."""
    return seconds_printed_by(IMPORT, cache)


def compile_seconds(cache: Path) -> float:
    """By how much the first step of fifty layers is longer than the second, from inside."""
    return seconds_printed_by(FIFTY_LAYERS, cache)


def seconds_printed_by(program: str, cache: Path) -> float:
    """Run a program in a new process, and take its word for the time."""
    output = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PELLUCID_CACHE": str(cache)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return float(output)


def first_step_seconds(cache: Path) -> float:
    """From the start of the process to the end of its first training step."""
    start = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", FIRST_STEP],
        cwd=ROOT,
        env=os.environ | {"PELLUCID_CACHE": str(cache)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        seconds = perf_counter() - start
    if not said:
        raise SystemExit("The first training step failed; see the error above.")
    return seconds


FIGURES: dict[str, Callable[[Path], float]] = {
    "import pellucid": import_seconds,
    "first step, empty cache": first_step_seconds,
    "first step, warm cache": first_step_seconds,
    "compiling fifty layers": compile_seconds,
    "fifty layers from the cache": compile_seconds,
}
"""In this order: the first of two steps fills the cache that the second finds."""

if __name__ == "__main__":
    print(measure())
