"""How arrays of weights start: as their initializers say or, if a file has them, as zeros."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pellucid.layers.initializers import Initializer
from pellucid.memory import aligned_zeros
from pellucid.ops.base import Array
from pellucid.shapes import Shape

_initialized = ContextVar("initialized", default=True)


@contextmanager
def left_at_zero() -> Iterator[None]:
    """Build layers whose weights come from a file: no random number is drawn for them.

    The system gives memory for zeros only where something is written, so that what a damaged file
    says of sizes costs nothing before it is held against the arrays that are there.
    """
    token = _initialized.set(False)
    try:
        yield
    finally:
        _initialized.reset(token)


def started(shape: Shape, initializer: Initializer) -> Array:
    """A new array of weights, float32, on a cache line."""
    array = aligned_zeros(shape)
    if _initialized.get():
        array[...] = initializer(shape)
    return array
