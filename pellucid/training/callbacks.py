"""Callbacks: what is told how training goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.errors import ArgumentError

Logs = Mapping[str, float]


class Callback:
    """The root of all callbacks; a method that is not overridden does nothing.

    model: the model that is trained. params: `epochs`, `steps` of an epoch, `samples`.
    """

    model: Any = None
    params: Mapping[str, int] = {}

    def on_train_begin(self) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch; they count from 0."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """After some batches: of each call of the engine only the last batch is told.

        batch: its number in the epoch, from 0. logs: means over the epoch so far.
        """

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch. logs: means over the epoch, for instance `loss` and `accuracy`."""

    def on_train_end(self) -> None:
        """After the last epoch; not after an error or Ctrl-C."""


class History(Callback):
    """What `fit` returns: a list for each figure, with one number for each whole epoch.

    epoch: the numbers of the epochs. history: the lists by name, for instance `loss`.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Add the epoch's figures."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


def checked(callbacks: Callback | Sequence[Callback] | None) -> list[Callback]:
    """The callbacks as a list; ArgumentError for anything else."""
    if callbacks is None:
        return []
    given = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks]
    for callback in given:
        if not isinstance(callback, Callback):
            raise ArgumentError(
                f"callbacks must be objects of pellucid.callbacks.Callback, got {callback!r}."
            )
    return given
