"""Names for layers and models that nobody named: conv2d, conv2d_1, max_pooling2d, ..."""

from __future__ import annotations

import re
from collections import Counter

_given: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """The name of a class as Keras writes it for its layers: MaxPooling2D -> max_pooling2d."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def unique_name(class_name: str) -> str:
    """The next free name for a layer or model of this class."""
    base = snake_case(class_name)
    number = _given[base]
    _given[base] += 1
    return f"{base}_{number}" if number else base


def clear_session() -> None:
    """Start counting names anew, as in a fresh process. Existing layers keep their names."""
    _given.clear()
