"""How far a long computation has come: a live bar in a terminal, and one line at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pellucid.errors import ArgumentError

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SECONDS_BETWEEN_DRAWINGS = 0.25


class Progress:
    """A context in which `show` is called now and then.

    title: what goes on, for instance "Epoch 1/5". samples: how many there are; None if nobody
    knows. verbose: 0 shows nothing; 2 one line at the end; 1 and 'auto' a live bar too, in a
    terminal or notebook. line: whether there is a line at the end.
    """

    def __init__(
        self, title: str, samples: int | None, verbose: int | str, *, line: bool = True
    ) -> None:
        self._title = title
        self._samples = samples
        self._done = 0
        self._line = line and check_verbose(verbose) != 0
        self._live = verbose in (1, "auto") and _is_live()
        self._bar: RichProgress | None = None
        self._logs: Mapping[str, float] = {}

    def __enter__(self) -> Self:
        self._began = self._drawn = self._shown = time.perf_counter()
        return self

    def show(self, done: int, logs: Mapping[str, float]) -> None:
        """Tell that so many samples are done, and the figures so far."""
        self._logs, self._done = logs, done
        now = self._shown = time.perf_counter()
        if self._live and now - self._drawn >= _SECONDS_BETWEEN_DRAWINGS:
            self._drawn = now
            self._draw(done, now - self._began)

    def add(self, logs: Mapping[str, float]) -> None:
        """Tell figures of what came afterwards, and took none of the time that is told."""
        self._logs = {**self._logs, **logs}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._line and kind is None:
            seconds = max(self._shown - self._began, 1e-9)
            parts = [
                self._title,
                f"{seconds:.1f} s",
                f"{self._done / seconds:,.0f} images/s",
                *_figures(self._logs),
            ]
            print(" - ".join(parts), flush=True)

    def _draw(self, done: int, seconds: float) -> None:
        if self._bar is None:
            self._bar = _new_bar()
            self._bar.add_task(self._title, total=self._samples, figures="")
            self._bar.start()
        figures = [*_figures(self._logs), f"{done / seconds:,.0f} images/s"]
        if self._samples is not None:
            figures.append(f"{seconds * (self._samples - done) / done:.0f} s left")
        self._bar.update(self._bar.task_ids[0], completed=done, figures="  ".join(figures))
        self._bar.refresh()


def check_verbose(verbose: int | str) -> int | str:
    """0, 1, 2 or 'auto'; ArgumentError for anything else."""
    if verbose not in (0, 1, 2, "auto"):
        raise ArgumentError(f"verbose must be 0, 1, 2 or 'auto', got {verbose!r}.")
    return verbose


def _figures(logs: Mapping[str, float]) -> list[str]:
    return [f"{name}: {value:.4f}" for name, value in logs.items()]


def _is_live() -> bool:
    return sys.stdout.isatty() or "ipykernel" in sys.modules


def _new_bar() -> RichProgress:
    """A bar that vanishes when it is done, drawn only when told: a timer would cost time."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}"),
        console=Console(),
        auto_refresh=False,
        transient=True,
        expand=True,
    )
