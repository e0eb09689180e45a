"""The callback that keeps models in files."""

from __future__ import annotations

import os
from pathlib import Path

from pellucid.errors import ArgumentError
from pellucid.training.callbacks.base import Logs
from pellucid.training.callbacks.monitor import Monitor


class ModelCheckpoint(Monitor):
    """Saves the model, or its weights, after epochs or after a number of batches.

    filepath: ends in `.keras`, or in `.weights.h5` with save_weights_only; `{epoch}` (from 1),
    `{batch}` (from 1, with a number as save_freq) and the names of figures are filled in, for
    instance 'best-{epoch:02d}-{val_loss:.3f}.keras'. monitor, mode: as for `Monitor`. verbose: 1
    tells of it. save_best_only: whether only a better figure than all before is saved.
    save_weights_only: whether the weights alone are saved. save_freq: 'epoch', or after how many
    batches. initial_value_threshold: a figure that the first one must be better than.

    Raises ArgumentError for another ending, or a name that no figure has.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self._epoch = self._batches = 0
        counts = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not counts:
            raise ArgumentError(
                "ModelCheckpoint: save_freq must be 'epoch' or a number of batches, got "
                f"{save_freq!r}."
            )
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            raise ArgumentError(
                f"ModelCheckpoint: filepath must end in {ending!r} with save_weights_only="
                f"{save_weights_only}, got {self.filepath!r}."
            )

    @property
    def every_batch(self) -> bool:
        """Whether batches are counted."""
        return self.save_freq != "epoch"

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch's number."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save, if so many batches have gone by."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches == self.save_freq:
            self._batches = 0
            self._save({"batch": batch + 1, **(logs or {})}, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, if epochs are what is counted."""
        if self.save_freq == "epoch":
            self._save(logs or {}, logs)

    def _save(self, figures: Logs, logs: Logs | None) -> None:
        if self.save_best_only and not self._is_best(logs):
            return
        try:
            path = Path(self.filepath.format(**{"epoch": self._epoch + 1, **figures}))
        except KeyError as error:
            raise ArgumentError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {error}, known are: epoch, "
                f"{', '.join(figures)}."
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: saved {path}")

    def _is_best(self, logs: Logs | None) -> bool:
        """Whether the figure is better than all before; also if there is none to compare."""
        value = self.current(logs)
        if value is None:
            return True
        if not self.improves(value, self.best):
            return False
        self.best = value
        return True
