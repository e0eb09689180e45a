"""Batches that can be gone through again and again, as training does once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from pellucid.layers.arguments import positive_integer


class Batches:
    """Something to iterate over, of a known length.

    iterate: starts from the beginning at every call. length: how many batches there are.
    """

    def __init__(self, iterate: Callable[[], Iterator[Any]], length: int) -> None:
        self._iterate = iterate
        self._length = length

    def __iter__(self) -> Iterator[Any]:
        return self._iterate()

    def __len__(self) -> int:
        return self._length

    def take(self, count: int) -> Batches:
        """The first `count` batches, or all if there are fewer."""
        positive_integer(count, "count")
        return Batches(lambda: islice(iter(self), count), min(count, self._length))

    def map(self, function: Callable[..., Any]) -> Batches:
        """The same batches, each as the function gives it: function(images, labels)."""

        def iterate() -> Iterator[Any]:
            for batch in self:
                yield function(*batch) if isinstance(batch, tuple) else function(batch)

        return Batches(iterate, self._length)
