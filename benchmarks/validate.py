"""Check that all entrants compute the same function, before any of them is timed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.description import Array, Network
from benchmarks.roster import Entrant
from benchmarks.workers import Worker

STEPS = 3
PREDICTION_TOLERANCE = 1e-5
"""Largest difference of a class probability."""


class DisagreementError(RuntimeError):
    """Two entrants compute different functions, so their times cannot be compared."""


@dataclass
class Agreement:
    """The largest differences of one entrant from the reference.

    weights: by the optimizer's rule; only those that can be compared. Of the array that is furthest
    off: the norm of the difference as a share of the norm of the way that it has moved.
    """

    name: str
    predictions: float
    weights: dict[str, float] = field(default_factory=dict)


def validate(
    entrants: Sequence[Entrant],
    workers: Mapping[str, Worker],
    network: Network,
    first_weights: Sequence[Array],
    scratch: Path,
) -> list[Agreement]:
    """Compare predictions, and weights after a few steps, with the first entrant that has them.

    Raises DisagreementError where a difference is too large.
    """
    agreements = []
    references: dict[str, dict[str, Array]] = {}
    for entrant in entrants:
        worker = workers[entrant.name]
        arrays = check(worker, "rmsprop", network.batch_size, train=False, scratch=scratch)
        reference = references.setdefault("predictions", arrays)
        difference = np.abs(arrays["predictions"] - reference["predictions"]).max()
        agreement = Agreement(entrant.name, float(difference))
        for rule in network.compared_rules:
            if rule not in entrant.comparable_rules:
                continue
            arrays = check(worker, rule, network.batch_size, train=True, scratch=scratch)
            reference = references.setdefault(rule, arrays)
            agreement.weights[rule] = weight_difference(arrays, reference, first_weights)
        judge(agreement, network.weight_tolerance)
        worker.ask("restart", rule="rmsprop")
        agreements.append(agreement)
    return agreements


def check(
    worker: Worker, rule: str, batch_size: int, *, train: bool, scratch: Path
) -> dict[str, Array]:
    """A worker's predictions and, if it is to train, its weights after them."""
    to = scratch / "check.npz"
    worker.ask("restart", rule=rule)
    worker.ask("check", count=STEPS * batch_size, batch_size=batch_size, train=train, to=str(to))
    with np.load(to) as file:
        return dict(file)


def weight_difference(
    arrays: Mapping[str, Array], reference: Mapping[str, Array], first_weights: Sequence[Array]
) -> float:
    """The largest difference of an array from the reference, over how far that has moved."""
    shares = []
    for index, first in enumerate(first_weights):
        name = f"weight_{index:02}"
        moved = np.linalg.norm(reference[name] - first)
        shares.append(float(np.linalg.norm(arrays[name] - reference[name]) / moved))
    return max(shares)


def judge(agreement: Agreement, weight_tolerance: float) -> None:
    """Raise where a difference is too large (or not a number)."""
    limits = [("predictions", agreement.predictions, PREDICTION_TOLERANCE)]
    for rule, difference in agreement.weights.items():
        limits.append((f"weights after {STEPS} steps of {rule}", difference, weight_tolerance))
    for what, difference, limit in limits:
        if not difference <= limit:
            raise DisagreementError(
                f"{agreement.name}: {what} differ from the reference's by {difference:.2g}, more "
                f"than {limit:g}; nothing was timed."
            )
