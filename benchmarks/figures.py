"""All figures but the times against the peers: `python -m benchmarks.figures`.

Each is also a command of its own: startup, size, exactness, memory, training_memory, accuracy.
"""

from datetime import date

from benchmarks import accuracy, exactness, memory, size, startup, training_memory
from benchmarks.machine import describe
from benchmarks.report import keep

FIGURES = {
    "Start": startup.measure,
    "Installed size": size.measure,
    "Exactness": exactness.measure,
    "Memory": memory.measure,
    "Memory in training": training_memory.measure,
    "Accuracy of the demo": accuracy.measure,
}


def main() -> None:
    """Measure all, print the report and keep it."""
    parts = [
        f"# Figures, {date.today()}",
        "\n".join(f"- {name}: {fact}" for name, fact in describe().items()),
    ]
    for name, measure in FIGURES.items():
        parts.append(f"## {name}\n\n{measure()}")
        print(parts[-1], end="\n\n", flush=True)
    print(f"Kept in {keep(parts, 'figures')}")


if __name__ == "__main__":
    main()
