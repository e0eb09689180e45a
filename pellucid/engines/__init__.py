"""What computes a network: `reference` defines it, `native` makes it fast."""

from __future__ import annotations

from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError, unknown_name


def get(engine: str | Engine | None = None) -> Engine:
    """An engine by its name: 'native' (also None) or 'reference'; an engine comes back itself.

    Raises UnknownNameError for another name and ArgumentError for anything else.
    """
    if engine is None or engine == "native":
        from pellucid.engines.native import NativeEngine  # LLVM is slow to load

        return NativeEngine()
    if engine == "reference":
        from pellucid.engines.reference import ReferenceEngine

        return ReferenceEngine()
    if isinstance(engine, str):
        raise unknown_name("engine", engine, ("native", "reference"))
    if not (hasattr(engine, "predictor") and hasattr(engine, "trainer")):
        raise ArgumentError(f"An engine is a name or an Engine, got {engine!r}.")
    return engine
