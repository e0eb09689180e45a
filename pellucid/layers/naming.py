"""Names for layers and models that nobody named: conv2d, conv2d_1, max_pooling2d, ..."""

from __future__ import annotations

import re
from collections import Counter

from pellucid.errors import ArgumentError

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


def given_or_unique(name: str | None, class_name: str) -> str:
    """The name that was given, or the next free one of the class.

    Raises ArgumentError for what cannot be a name. Full names of weights are layer/weight, so a
    layer's own has no "/".
    """
    if name is None:
        return unique_name(class_name)
    if not isinstance(name, str) or not name or "/" in name:
        raise ArgumentError(
            f"name must be a text without '/', for instance 'edges', got {name!r}. Leave it away "
            f"to have the {class_name} numbered."
        )
    return name


def clear_session() -> None:
    """Start counting names anew, as in a fresh process. Existing layers keep their names."""
    _given.clear()
