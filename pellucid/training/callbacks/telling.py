"""Callbacks that hand on what they are told: to a file, or to functions."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from pellucid.errors import ArgumentError
from pellucid.training.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """Writes the figures of every epoch to a file, one row an epoch, in alphabetical order.

    filename: where. separator: between the columns. append: whether to go on with a file that is
    there already; otherwise it is replaced. A figure that an epoch does not have is NA.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = Path(filename)
        self.separator = separator
        self.append = append
        self._file: TextIO | None = None
        self._columns: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self._close()
        self._columns = []
        self._file = self.filename.open("a" if self.append else "w", encoding="utf-8", newline="")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a row; in front of the first one the names, if the file is empty."""
        figures, file = logs or {}, self._file
        assert file is not None
        writer = csv.writer(file, delimiter=self.separator, lineterminator="\n")
        if not self._columns:
            self._columns = sorted(figures)
            if not any(name.startswith("val_") for name in figures):
                # A later epoch may be validated.
                self._columns += [f"val_{name}" for name in self._columns]
            if file.tell() == 0:
                writer.writerow(["epoch", *self._columns])
        writer.writerow([epoch, *(figures.get(name, "NA") for name in self._columns)])
        file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class LambdaCallback(Callback):
    """Calls functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))`.

    Each is named like the method of `Callback` that it stands for, and takes what that takes.
    With a function for batches the engine is given one batch at a time.

    Raises ArgumentError for a name that no method has.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **others: Callable[..., Any],
    ) -> None:
        named = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **others,
        }
        self._functions = {name: function for name, function in named.items() if function}
        for name, function in self._functions.items():
            if not (name.startswith("on_") and hasattr(Callback, name)):
                raise ArgumentError(f"LambdaCallback: there is no event {name!r}.")
            setattr(self, name, function)

    @property
    def every_batch(self) -> bool:
        """Whether there is a function for batches."""
        return any("batch" in name for name in self._functions)
