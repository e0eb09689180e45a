"""Callbacks: what is told how training goes, and may stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.errors import ArgumentError

Logs = dict[str, float]


class Callback:
    """The root of all callbacks; a method that is not overridden does nothing.

    model: the model that is trained; `model.stop_training = True` ends `fit` after the batches
    that the engine was given. params: `epochs`, `steps` of an epoch (None if nobody knows),
    `verbose`.
    """

    model: Any = None
    params: Mapping[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Called before anything else, with the model that is trained or asked."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Called before anything else, with what `params` holds."""
        self.params = params

    @property
    def every_batch(self) -> bool:
        """Whether each batch must be told of: then the engine is given one at a time.

        So it is if `on_train_batch_begin` is overridden; a class that needs every
        `on_train_batch_end` says `every_batch = True`. Otherwise an engine is given as many
        batches in a call as take a moment, and of these only the last one is told.
        """
        kind = type(self)
        return (
            kind.on_train_batch_begin is not Callback.on_train_batch_begin
            or kind.on_batch_begin is not Callback.on_batch_begin
        )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch; they count from 0."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch; they count from 0 in each epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After some batches: of each call of the engine only the last batch is told.

        batch: its number in the epoch, from 0. logs: means over the epoch so far.
        """
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch. logs: means over the epoch, for instance `loss` and `val_loss`.

        What a callback adds to them, those behind it and the history get to see.
        """

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, with its logs; not after an error or Ctrl-C."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation, that of validation data included."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation, with its figures."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""


class History(Callback):
    """What `fit` returns: a list for each figure, with one number for each whole epoch.

    epoch: the numbers of the epochs. history: the lists by name, for instance `loss`.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the epoch's figures."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class Listeners:
    """All callbacks of a call of `fit`, `evaluate` or `predict`, told one after the other."""

    def __init__(
        self, callbacks: Sequence[Callback], model: Any, params: Mapping[str, Any]
    ) -> None:
        self.callbacks = callbacks
        self.model = model
        for callback in callbacks:
            callback.set_params(params)
            callback.set_model(model)

    def tell(self, event: str, *details: Any) -> None:
        """Call the method that is named like the event, with its details, on each of them."""
        for callback in self.callbacks:
            getattr(callback, event)(*details)

    @property
    def need_every_batch(self) -> bool:
        """Whether the engine may be given one batch at a time only."""
        return any(callback.every_batch for callback in self.callbacks)


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
