"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from pellucid.errors import ArgumentError
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.callbacks.monitor import Monitor


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    schedule: a function of the epoch, from 0, and perhaps of the rate so far, that returns the new
    rate. verbose: 1 tells of it. The logs get `learning_rate`.

    For a rate that changes with each step, and that a resumed training goes on with by itself,
    see `pellucid.optimizers.schedules`.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self._reads_rate = len(inspect.signature(schedule).parameters) > 1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate; ArgumentError if the function gives no number."""
        optimizer = self.model.optimizer
        known = [optimizer.learning_rate] if self._reads_rate else []
        rate = self.schedule(epoch, *known)
        try:
            optimizer.learning_rate = float(rate)
        except (TypeError, ValueError) as error:
            if isinstance(error, ArgumentError):
                raise
            raise ArgumentError(
                f"LearningRateScheduler: the schedule must return a number, got {rate!r} for epoch "
                f"{epoch}."
            ) from None
        if self.verbose:
            print(f"Epoch {epoch + 1}: the learning rate is {float(rate):g}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the learning rate to the logs."""
        _report(self.model, logs)


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by a factor when a figure has not got better for some epochs.

    monitor, mode, min_delta: as for `Monitor`. factor: less than 1. patience: how many epochs
    without a better figure are taken. verbose: 1 tells of it. cooldown: how many epochs after a
    change are not counted. min_lr: the rate never gets less. The logs get `learning_rate`, that
    of the epoch that has ended.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 < factor < 1:
            raise ArgumentError(
                f"ReduceLROnPlateau: factor must be between 0 and 1, got {factor!r}."
            )
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin to watch anew."""
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Count the epochs that were not better, and change the rate when they are too many."""
        _report(self.model, logs)
        current = self.current(logs)
        if current is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = optimizer.rate(self.model.training_state.step)
        if rate <= self.min_lr or math.isclose(rate, self.min_lr, rel_tol=1e-6):
            return
        optimizer.learning_rate = max(rate * self.factor, self.min_lr)
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: the learning rate is now {optimizer.learning_rate:g}.")


def _report(model: Any, logs: Logs | None) -> None:
    """Add the learning rate of the step to come to the logs."""
    if logs is not None:
        logs["learning_rate"] = model.optimizer.rate(model.training_state.step)
