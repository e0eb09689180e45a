"""The engine that a command computes with."""

from __future__ import annotations

from pellucid import engines
from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError


def choose_engine(name: str | None, threads: int | None) -> Engine:
    """An engine by name, native if None.

    Raises ArgumentError for threads of an engine that has none to choose.
    """
    if threads is None:
        return engines.get(name)
    if name not in ("native", None):
        raise ArgumentError(
            f"The engine {name} runs in one thread: leave --threads out, or use --engine native."
        )
    from pellucid.engines.native import NativeEngine

    return NativeEngine(threads=threads)
