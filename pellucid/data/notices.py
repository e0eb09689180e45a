"""What the data room tells a person while it works: always on stderr, never on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def tell(message: str) -> None:
    """Write one line to stderr."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def transfer(label: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
    """Show a download's progress where somebody can watch it; yields `advance(bytes)`.

    Args:
        label: what is downloaded.
        done: the bytes that are there already.
        total: the bytes there will be, where the server told.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total, completed=done)
        yield lambda count: progress.advance(task, count)


@contextmanager
def busy(label: str) -> Iterator[None]:
    """Show that another program works, where somebody can watch it."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(label):
        yield
