"""The one loop: over epochs and batches in training, over samples otherwise.

An engine is given many batches in one call. How many is a matter of time, so that progress can
be drawn and Ctrl-C is heard between calls, and never changes a result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid import random
from pellucid.engines.base import Predictor
from pellucid.errors import ArgumentError, TrainingError
from pellucid.layers.arguments import positive_integer
from pellucid.ops.base import Array
from pellucid.shapes import Shape
from pellucid.training.callbacks import Callback
from pellucid.training.learner import Learner
from pellucid.training.objective import Objective, Tally
from pellucid.training.progress import Progress, check_verbose

_SECONDS_PER_CALL = 0.075


@dataclass(frozen=True)
class Schedule:
    """How training goes over the data; ArgumentError for numbers that make no sense.

    batch_size: samples a step. epochs: the number of the last epoch, counted from
    `initial_epoch`, the whole epochs done before. shuffle: whether each epoch has its own order.
    """

    batch_size: int = 32
    epochs: int = 1
    initial_epoch: int = 0
    shuffle: bool = True
    verbose: int | str = "auto"

    def __post_init__(self) -> None:
        positive_integer(self.batch_size, "batch_size")
        positive_integer(self.epochs, "epochs")
        check_verbose(self.verbose)
        first = self.initial_epoch
        if not isinstance(first, int | np.integer) or not 0 <= first <= self.epochs:
            raise ArgumentError(
                f"initial_epoch must be a whole number from 0 to epochs ({self.epochs}), "
                f"got {first!r}."
            )


def fit(
    learner: Learner,
    images: Array,
    targets: Array,
    schedule: Schedule,
    callbacks: Sequence[Callback],
) -> None:
    """Train for the epochs of the schedule.

    Raises TrainingError as soon as a loss is not finite. Ctrl-C takes effect after the engine's
    running call; what callbacks were told of earlier epochs stays.
    """
    for callback in callbacks:
        callback.on_train_begin()
    for epoch in range(schedule.initial_epoch, schedule.epochs):
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        logs = _train_epoch(learner, images, targets, schedule, epoch, callbacks)
        learner.state.epoch += 1
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs)
    for callback in callbacks:
        callback.on_train_end()


def train_on_batch(learner: Learner, images: Array, targets: Array) -> dict[str, float]:
    """One step on these samples; their loss and metrics before it."""
    tally = Tally(learner.objective, len(images))
    steps = learner.train(images, targets, np.arange(len(images)), len(images))
    (losses,), (predictions,) = steps
    _check_finite(losses, 0, len(images), learner.state.epoch)
    tally.add(losses, predictions, targets)
    return tally.means()


def _train_epoch(
    learner: Learner,
    images: Array,
    targets: Array,
    schedule: Schedule,
    epoch: int,
    callbacks: Sequence[Callback],
) -> dict[str, float]:
    """Show every sample once; the means of loss and metrics on the way."""
    samples, batch_size = len(images), schedule.batch_size
    order = np.arange(samples)
    if schedule.shuffle:
        order = random.permutation(learner.state.seed, learner.state.epoch, samples)
    tally = Tally(learner.objective, samples)
    title = f"Epoch {epoch + 1}/{schedule.epochs}"
    with Progress(title, samples, schedule.verbose) as progress:
        for part in _paced(samples, batch_size):
            steps = learner.train(images, targets, order[part], batch_size)
            (losses,), (predictions,) = steps
            _check_finite(losses, part.start, batch_size, epoch)
            tally.add(losses, predictions, targets[order[part]])
            logs = tally.means()
            progress.show(part.stop, logs)
            for callback in callbacks:
                callback.on_train_batch_end((part.stop - 1) // batch_size, logs)
    return logs


def evaluate(
    predictor: Predictor,
    objective: Objective,
    images: Array,
    targets: Array,
    batch_size: int,
    verbose: int | str,
) -> dict[str, float]:
    """The means of loss and metrics over all samples, without training."""
    tally = Tally(objective, len(images))
    with Progress("Evaluation", len(images), verbose) as progress:
        for part in _paced(len(images), batch_size):
            (predictions,) = predictor.run([images[part]])
            losses = objective.loss.forward(predictions, targets[part])
            tally.add(losses, predictions, targets[part])
            progress.show(part.stop, tally.means())
    return tally.means()


def predict(
    predictor: Predictor, images: Array, output_shape: Shape, batch_size: int, verbose: int | str
) -> Array:
    """The answers (N, *output_shape) to all samples."""
    answers = np.empty((len(images), *output_shape), np.float32)
    with Progress("Prediction", len(images), verbose, line=False) as progress:
        for part in _paced(len(images), batch_size):
            (answers[part],) = predictor.run([images[part]])
            progress.show(part.stop, {})
    return answers


def _paced(samples: int, batch_size: int) -> Iterator[slice]:
    """All samples in slices of whole batches, one batch first, then as many as time allows."""
    start, batches = 0, 1
    while start < samples:
        part = slice(start, min(samples, start + batches * batch_size))
        began = time.perf_counter()
        yield part
        seconds = max(time.perf_counter() - began, 1e-9)
        start = part.stop
        batches = max(1, min(4 * batches, int(batches * _SECONDS_PER_CALL / seconds)))


def _check_finite(losses: Array, first: int, batch_size: int, epoch: int) -> None:
    """Raise TrainingError if a loss is infinite or not a number."""
    finite = np.isfinite(losses)
    if finite.all():
        return
    place = int(finite.argmin())
    raise TrainingError(
        f"The loss became {losses[place]} in epoch {epoch + 1}, step "
        f"{(first + place) // batch_size + 1}: training cannot go on, and the model's weights are "
        "no longer of use. Make the model anew, or set its weights back, and try a learning rate "
        "ten times smaller; inputs between 0 and 1 (layers.Rescaling(1 / 255) for pixels); or, "
        "for targets that are large numbers, to divide them by their standard deviation."
    )
