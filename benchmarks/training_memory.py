"""The most memory that training takes, against PyTorch: `python -m benchmarks.training_memory`.

Every entrant trains for a few steps in a process of its own. What counts is the most that the whole
process ever had; beside it, by how much that exceeds what it had before its first step.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.contest import available_cores, start, write_arrays
from benchmarks.networks import NETWORKS
from benchmarks.report import table
from benchmarks.roster import PELLUCID, ROSTER, Entrant

STEPS = 4
HEADER = ["", "most, MB", "Pellucid's share", "more than before, MB", "Pellucid's share"]


def measure() -> str:
    """A Markdown table for each network."""
    return "\n\n".join(f"### {name}\n\n{compare(name)}" for name in NETWORKS)


def compare(name: str) -> str:
    """A row for each way of using PyTorch, and for Pellucid before and after it has compiled."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        network = NETWORKS[name]
        weights = network.initial_weights(seed=0)
        write_arrays(scratch / "arrays.npz", network, weights, STEPS * network.batch_size)
        found = {e.name: train(e, name, scratch) for e in entrants(scratch)}
    ours = found[PELLUCID]
    rows = []
    for entrant, figures in found.items():
        cells = [
            [f"{size / 1e6:,.0f}", f"{our_size / size:.2f}"]
            for size, our_size in zip(figures, ours, strict=True)
        ]
        rows.append([entrant, *cells[0], *cells[1]])
    return table(HEADER, rows)


def entrants(scratch: Path) -> list[Entrant]:
    """Pellucid with an empty cache of machine code, then with a full one, and PyTorch."""
    pellucid = next(entrant for entrant in ROSTER if entrant.name == PELLUCID)
    pellucid = replace(pellucid, variables={"PELLUCID_CACHE": str(scratch / "cache")})
    compiled = replace(pellucid, name=f"{PELLUCID}, compiled before")
    return [pellucid, compiled, *(e for e in ROSTER if e.module == "benchmarks.peers.pytorch")]


def train(entrant: Entrant, name: str, scratch: Path) -> tuple[int, int]:
    """Train for a few steps; the most memory, and by how much it exceeds that before them."""
    threads = available_cores()
    batch_size = NETWORKS[name].batch_size
    with start(entrant, threads, scratch) as worker:
        worker.ask("setup", network=name, arrays=str(scratch / "arrays.npz"), threads=threads)
        before = worker.ask("memory")["now"]
        worker.ask("train", count=STEPS * batch_size, batch_size=batch_size)
        most = worker.ask("memory")["most"]
    return most, most - before


if __name__ == "__main__":
    print(measure())
