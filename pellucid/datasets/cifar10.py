"""CIFAR-10: 50,000 + 10,000 small pictures of ten kinds of things, 32×32 in color."""

from __future__ import annotations

import os

from pellucid.data.loader import Pair, load_data_set


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Load CIFAR-10 from `path`, the cache, or the first source that has it.

    Args, returns and errors are those of pellucid.data.load_data_set. The classes are airplane,
    automobile, bird, cat, deer, dog, frog, horse, ship and truck, numbered in this order.
    """
    return load_data_set("cifar10", path)
