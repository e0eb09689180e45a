"""Callbacks that end training before its last epoch."""

from __future__ import annotations

import math

from pellucid.ops.base import Array
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.callbacks.monitor import Monitor


class EarlyStopping(Monitor):
    """Stops training when a figure has not got better for some epochs.

    monitor, min_delta, mode: as for `Monitor`. patience: how many epochs without a better figure
    are taken. verbose: 1 tells of it. baseline: a figure that must be reached within the patience.
    restore_best_weights: whether training ends with the weights of its best epoch.
    start_from_epoch: the first epoch that is watched.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._start()

    def _start(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin to watch anew."""
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the best epoch, or stop."""
        current = self.current(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.improves(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back, if that is wanted."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"The weights are those of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()


class TerminateOnNaN(Callback):
    """Stops training quietly when the loss is no longer finite.

    Without this callback, or with raise_error, `fit` raises TrainingError.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stop, if the loss is not finite."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            print(f"Batch {batch}: the loss is no longer finite, training stops.")
            self.model.stop_training = True
