"""The accuracy of one recipe in Pellucid and in PyTorch: `python -m benchmarks.cifar10`.

The residual net of `benchmarks.networks` learns CIFAR-10 for ten epochs: pictures flipped left to
right and shifted at random, SGD with Nesterov's momentum and weight decay, a rate that rises and
falls once (`benchmarks/recipe.py` has the numbers). What is compared is the accuracy on the test
pictures. The times are told beside it; the two train one after the other.
"""

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.contest import available_cores, start
from benchmarks.machine import describe
from benchmarks.networks import RESIDUALS
from benchmarks.report import keep, table
from benchmarks.roster import PELLUCID, Entrant
from benchmarks.workers import WorkerError
from pellucid.datasets import cifar10

PYTORCH = "PyTorch channels-last"
ENTRANTS = (
    Entrant(PELLUCID, "benchmarks.peers.cifar10_pellucid", "main", ()),
    Entrant(PYTORCH, "benchmarks.peers.cifar10_pytorch", "torch", ()),
)


def main() -> None:
    """Train both, print the report and keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar10", description=__doc__)
    names = [entrant.name for entrant in ENTRANTS]
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", choices=RESIDUALS, default="residual")
    parser.add_argument("--only", choices=names, help="train this one alone, and keep nothing")
    parser.add_argument(
        "--limit", type=int, metavar="IMAGES", help="use only the first, and keep nothing"
    )
    options = parser.parse_args()
    try:
        parts = measure(options)
    except WorkerError as error:
        raise SystemExit(str(error)) from None
    print("\n\n".join(parts))
    if not options.only and not options.limit:
        print(f"Kept in {keep(parts, 'cifar10')}")


def measure(options: argparse.Namespace) -> list[str]:
    """The report, paragraph by paragraph."""
    request = {
        "network": options.network,
        "seed": options.seed,
        "limit": options.limit,
        "threads": options.threads,
    }
    replies = {}
    with TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        (x_train, y_train), (x_test, y_test) = cifar10.load_data()
        np.savez(arrays, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        for entrant in ENTRANTS:
            if options.only in (None, entrant.name):
                with start(entrant, options.threads, Path(folder)) as worker:
                    replies[entrant.name] = worker.ask("train", arrays=str(arrays), **request)
    versions = {name: v for reply in replies.values() for name, v in reply["versions"].items()}
    facts = describe() | {
        "threads": str(options.threads),
        "network": options.network,
        "seed": str(options.seed),
        "versions": ", ".join(f"{name} {v}" for name, v in sorted(versions.items())),
    }
    return [
        f"# Accuracy on CIFAR-10, {date.today()}",
        "\n".join(f"- {name}: {fact}" for name, fact in facts.items()),
        accuracy_table(replies),
    ]


def accuracy_table(replies: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each epoch, and one for the time that all of them took."""
    accuracies = [reply["accuracies"] for reply in replies.values()]
    rows = [
        [str(number), *(f"{accuracy:.2%}" for accuracy in epoch)]
        for number, epoch in enumerate(zip(*accuracies, strict=True), start=1)
    ]
    rows.append(["all, minutes", *(f"{reply['seconds'] / 60:.1f}" for reply in replies.values())])
    return table(["test accuracy after epoch", *replies], rows)


if __name__ == "__main__":
    main()
