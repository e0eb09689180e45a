"""Where small pictures end: those that networks made for photographs would shrink to nothing."""

from __future__ import annotations

from collections.abc import Collection

from pellucid.errors import ArgumentError
from pellucid.shapes import Shape

PHOTOGRAPH = 64
"""The least height and width from which on a picture counts as a photograph."""


def is_small(input_shape: Shape) -> bool:
    """Whether pictures (height, width, channels) are like those of MNIST and CIFAR-10."""
    return min(input_shape[:2]) < PHOTOGRAPH


def known_depth(network: str, depth: int, known: Collection[int]) -> int:
    """The depth; ArgumentError if the network has no such variant."""
    if depth not in known:
        depths = ", ".join(map(str, known))
        raise ArgumentError(f"{network} has the depths {depths}; got depth={depth!r}.")
    return depth
