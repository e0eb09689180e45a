"""Check that all entrants compute the same function, before any of them is timed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.networks import Array
from benchmarks.roster import TRAIN, Entrant
from benchmarks.workers import Worker

BATCH_SIZE = 64
STEPS = 3
PREDICTION_TOLERANCE = 1e-5
"""Largest difference of a class probability."""

WEIGHT_TOLERANCE = 1e-3
"""Largest difference of a weight, as a share of the furthest way a weight of its array has moved.

Half precision (bfloat16) or another formula would show; another order of summing does not.
"""


class DisagreementError(RuntimeError):
    """Two entrants compute different functions, so their times cannot be compared."""


@dataclass
class Agreement:
    """The largest differences of one entrant from the reference; None: not compared."""

    name: str
    predictions: float
    sgd: float | None = None
    rmsprop: float | None = None


def validate(
    entrants: Sequence[Entrant],
    workers: Mapping[str, Worker],
    first_weights: Sequence[Array],
    scratch: Path,
) -> list[Agreement]:
    """Compare predictions, and weights after a few steps, with the first entrant that does both.

    Raises DisagreementError where a difference is too large.
    """
    agreements = {e.name: Agreement(e.name, 0.0) for e in entrants}
    trained = [e for e in entrants if TRAIN in e.tasks]
    sgd = {e.name: check(workers[e.name], "sgd", STEPS, scratch) for e in trained}
    rmsprop = {
        e.name: check(workers[e.name], "rmsprop", STEPS, scratch)
        for e in trained
        if e.keras_rmsprop
    }
    untrained = {
        e.name: check(workers[e.name], "rmsprop", 0, scratch)
        for e in entrants
        if TRAIN not in e.tasks
    }
    every = sgd | untrained
    reference = next(iter(every.values()))["predictions"]
    for name, arrays in every.items():
        count = min(len(reference), len(arrays["predictions"]))
        agreements[name].predictions = float(
            np.abs(arrays["predictions"][:count] - reference[:count]).max()
        )
    for name, arrays in sgd.items():
        agreements[name].sgd = weight_difference(arrays, next(iter(sgd.values())), first_weights)
    for name, arrays in rmsprop.items():
        agreements[name].rmsprop = weight_difference(
            arrays, next(iter(rmsprop.values())), first_weights
        )
    for agreement in agreements.values():
        judge(agreement)
    return list(agreements.values())


def check(worker: Worker, rule: str, steps: int, scratch: Path) -> dict[str, Array]:
    """A worker's predictions and, with steps > 0, its weights after them."""
    to = scratch / "check.npz"
    worker.ask("restart", rule=rule)
    worker.ask("check", batch_size=BATCH_SIZE, steps=steps, to=str(to))
    with np.load(to) as file:
        return dict(file)


def weight_difference(
    arrays: Mapping[str, Array], reference: Mapping[str, Array], first_weights: Sequence[Array]
) -> float:
    """The largest difference from the reference over how far the reference has moved."""
    shares = []
    for index, first in enumerate(first_weights):
        name = f"weight_{index:02}"
        moved = np.abs(reference[name] - first).max()
        shares.append(float(np.abs(arrays[name] - reference[name]).max() / moved))
    return max(shares)


def judge(agreement: Agreement) -> None:
    """Raise where a difference is too large (or not a number)."""
    limits = [
        ("predictions", agreement.predictions, PREDICTION_TOLERANCE),
        (f"weights after {STEPS} SGD steps", agreement.sgd, WEIGHT_TOLERANCE),
        (f"weights after {STEPS} RMSprop steps", agreement.rmsprop, WEIGHT_TOLERANCE),
    ]
    for what, difference, limit in limits:
        if difference is not None and not difference <= limit:
            raise DisagreementError(
                f"{agreement.name}: {what} differ from the reference's by {difference:.2g}, more "
                f"than {limit:g}; nothing was timed."
            )
