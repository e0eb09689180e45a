"""What callbacks that watch one figure have in common."""

from __future__ import annotations

import warnings

from pellucid.errors import ArgumentError
from pellucid.training.callbacks.base import Callback, Logs


class Monitor(Callback):
    """Watches one figure for getting better.

    monitor: its name in the logs. mode: 'min' or 'max', whether less or more is better; 'auto':
    less of a loss, more of everything else. min_delta: by how much at least it must get better.

    Raises ArgumentError for another mode.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(
                f"{type(self).__name__}: mode must be 'auto', 'min' or 'max', got {mode!r}."
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self._told = False

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another one; than none it always is."""
        if reference is None:
            return True
        falls = self.mode == "min" or (self.mode == "auto" and self.monitor.endswith("loss"))
        if falls:
            return value + self.min_delta < reference
        return value - self.min_delta > reference

    def current(self, logs: Logs | None) -> float | None:
        """The figure that is watched; None, with one warning, if it is not among the logs."""
        value = (logs or {}).get(self.monitor)
        if value is None and not self._told:
            self._told = True
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not among "
                f"{', '.join(logs or {})}. Give fit validation_data for figures that begin with "
                "val_, or name another one: monitor='loss'.",
                stacklevel=2,
            )
        return value
