"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 28×28 grey values, ten classes."""

from __future__ import annotations

import os

from pellucid.data.loader import Pair, load_data_set


def load_data(path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Load Fashion-MNIST from `path`, the cache, or the first source that has it.

    Args, returns and errors are those of pellucid.data.load_data_set.
    """
    return load_data_set("fashion_mnist", path)
