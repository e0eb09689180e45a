"""The one loop: over epochs and batches in training, over samples otherwise.

An engine is given many batches in one call. How many is a matter of time, so that progress can
be drawn and Ctrl-C is heard between calls, and never changes a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.engines.base import Predictor, Steps
from pellucid.errors import ArgumentError, TrainingError
from pellucid.layers.arguments import positive_integer
from pellucid.ops.base import Array
from pellucid.training.callbacks import Listeners, Logs, TerminateOnNaN
from pellucid.training.learner import Learner
from pellucid.training.objective import Objective
from pellucid.training.progress import Progress, check_verbose
from pellucid.training.samples import Chunk, Samples, Source
from pellucid.training.tally import Tally


@dataclass(frozen=True)
class Schedule:
    """How training goes over the data; ArgumentError for numbers that make no sense.

    batch_size: samples a step. epochs: the number of the last epoch, counted from
    `initial_epoch`, the whole epochs done before. validation_freq: after how many epochs
    validation data are looked at, or after which, counted from 1.
    """

    batch_size: int = 32
    epochs: int = 1
    initial_epoch: int = 0
    verbose: int | str = "auto"
    validation_freq: int | Sequence[int] = 1

    def __post_init__(self) -> None:
        positive_integer(self.batch_size, "batch_size")
        positive_integer(self.epochs, "epochs")
        check_verbose(self.verbose)
        if not isinstance(self.validation_freq, Sequence):
            positive_integer(self.validation_freq, "validation_freq")
        first = self.initial_epoch
        if not isinstance(first, int | np.integer) or not 0 <= first <= self.epochs:
            raise ArgumentError(
                f"initial_epoch must be a whole number from 0 to epochs ({self.epochs}), "
                f"got {first!r}."
            )

    def validates(self, epoch: int) -> bool:
        """Whether validation data are looked at after an epoch, counted from 0."""
        if isinstance(self.validation_freq, Sequence):
            return epoch + 1 in self.validation_freq
        return (epoch + 1) % self.validation_freq == 0


def fit(
    learner: Learner,
    source: Source,
    schedule: Schedule,
    listeners: Listeners,
    validate: Callable[[], Logs] | None = None,
) -> None:
    """Train for the epochs of the schedule, or until the model's `stop_training` is set.

    validate: gives the figures of validation data.

    Raises TrainingError as soon as a loss is not finite, unless a TerminateOnNaN listens. Ctrl-C
    takes effect after the engine's running call; what callbacks were told of earlier epochs stays.
    """
    logs: Logs = {}
    listeners.model.stop_training = False
    listeners.tell("on_train_begin", {})
    for epoch in range(schedule.initial_epoch, schedule.epochs):
        listeners.tell("on_epoch_begin", epoch, {})
        title = f"Epoch {epoch + 1}/{schedule.epochs}"
        with Progress(title, source.count, schedule.verbose) as progress:
            logs = _train_epoch(learner, source, epoch, listeners, progress)
            learner.state.epoch += 1
            if validate is not None and schedule.validates(epoch):
                figures = {f"val_{name}": value for name, value in validate().items()}
                logs |= figures
                progress.add(figures)
        listeners.tell("on_epoch_end", epoch, logs)
        if listeners.model.stop_training:
            break
    learner.finish()
    listeners.tell("on_train_end", logs)


def train_on_batch(learner: Learner, samples: Samples) -> Logs:
    """One step on these samples; their loss and metrics before it."""
    tally = Tally(learner.objectives)
    penalty = learner.penalty()
    steps = learner.train(Chunk(samples, np.arange(len(samples)), len(samples)))
    place = _not_finite(steps)
    if place is not None:
        raise _diverged(steps, place, 0, learner.state.epoch)
    tally.add(*steps, samples.targets, samples.weights, penalty)
    return tally.means()


def _train_epoch(
    learner: Learner, source: Source, epoch: int, listeners: Listeners, progress: Progress
) -> Logs:
    """Show every sample once; the figures on the way."""
    tally, state = Tally(learner.objectives), learner.state
    quiet = any(
        isinstance(callback, TerminateOnNaN) and not callback.raise_error
        for callback in listeners.callbacks
    )
    single = learner.step_by_step or listeners.need_every_batch
    batch, done = 0, 0
    logs: Logs = {}
    for chunk in source.chunks(state.seed, state.epoch, epoch, single):
        listeners.tell("on_train_batch_begin", batch, {})
        penalty = learner.penalty()
        steps = learner.train(chunk)
        place = _not_finite(steps)
        if place is not None and not quiet:
            raise _diverged(steps, place, batch + place // chunk.batch_size, epoch)
        tally.add(*steps, *chunk.judged(), penalty)
        done += len(chunk.order)
        logs = tally.means()
        progress.show(done, logs)
        last = chunk.steps - 1 if place is None else place // chunk.batch_size
        listeners.tell("on_train_batch_end", batch + last, logs)
        if listeners.model.stop_training:
            break
        batch += chunk.steps
    return logs


def evaluate(
    predictor: Predictor,
    objectives: Sequence[Objective],
    source: Source,
    verbose: int | str,
    penalty: float,
) -> Logs:
    """The losses and metrics over all samples, without training.

    penalty: what the parameters add to the loss.
    """
    tally = Tally(objectives)
    done = 0
    with Progress("Evaluation", source.count, verbose) as progress:
        for samples in source.parts():
            predictions = predictor.run(samples.inputs)
            losses = [
                _weighted(objective.loss.forward(prediction, target), weights)
                for objective, prediction, target, weights in zip(
                    objectives, predictions, samples.targets, samples.weights, strict=True
                )
            ]
            tally.add(losses, predictions, samples.targets, samples.weights, penalty)
            done += len(samples)
            progress.show(done, tally.means())
    return tally.means()


def predict(predictor: Predictor, source: Source, verbose: int | str) -> list[Array]:
    """The answers (N, *output shape) of each output to all samples."""
    answers: list[list[Array]] = []
    done = 0
    with Progress("Prediction", source.count, verbose, line=False) as progress:
        for samples in source.parts():
            answers.append(predictor.run(samples.inputs))
            done += len(samples)
            progress.show(done, {})
    return [np.concatenate(parts) for parts in zip(*answers, strict=True)]


def _weighted(losses: Array, weights: Array | None) -> Array:
    return losses if weights is None else losses * weights


def _not_finite(steps: Steps) -> int | None:
    """The first sample with a loss that is infinite or not a number; None if there is none."""
    places = [int(np.isfinite(losses).argmin()) for losses in steps.losses]
    wrong = [
        place
        for place, losses in zip(places, steps.losses, strict=True)
        if not np.isfinite(losses[place])
    ]
    return min(wrong, default=None)


def _diverged(steps: Steps, place: int, batch: int, epoch: int) -> TrainingError:
    values = [losses[place] for losses in steps.losses]
    value = next(value for value in values if not np.isfinite(value))
    return TrainingError(
        f"The loss became {value} in epoch {epoch + 1}, step "
        f"{batch + 1}: training cannot go on, and the model's weights are "
        "no longer of use. Make the model anew, or set its weights back, and try a learning rate "
        "ten times smaller; inputs between 0 and 1 (layers.Rescaling(1 / 255) for pixels); or, "
        "for targets that are large numbers, to divide them by their standard deviation."
    )
