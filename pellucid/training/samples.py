"""Samples, their targets and their weights, as engines read them; and where they come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from pellucid import random
from pellucid.errors import DataError
from pellucid.ops.base import Array

_SECONDS_PER_CALL = 0.075


@dataclass(frozen=True)
class Samples:
    """Arrays for each input and each output of a network, all as long.

    weights: how much each sample counts in the loss of an output; None for 1.
    """

    inputs: list[Array]
    targets: list[Array]
    weights: list[Array | None]

    def __len__(self) -> int:
        return len(self.inputs[0])

    def at(self, place: slice) -> Samples:
        """Some of them; no copy is made."""
        return Samples(
            [array[place] for array in self.inputs],
            [array[place] for array in self.targets],
            [None if array is None else array[place] for array in self.weights],
        )


class Chunk(NamedTuple):
    """What an engine is given in one call: numbers of samples, `batch_size` of them a step."""

    samples: Samples
    order: Array
    batch_size: int

    @property
    def steps(self) -> int:
        """How many steps these are."""
        return -(-len(self.order) // self.batch_size)

    def judged(self) -> tuple[list[Array], list[Array | None]]:
        """The targets and the weights of these samples, in their order."""
        samples, order = self.samples, self.order
        return (
            [array[order] for array in samples.targets],
            [None if array is None else array[order] for array in samples.weights],
        )


class Source(Protocol):
    """Where samples come from.

    steps: how many batches an epoch has; count: how many samples. None if nobody knows.
    """

    steps: int | None
    count: int | None

    def chunks(self, seed: int, number: int, epoch: int, single: bool) -> Iterator[Chunk]:
        """All samples of an epoch.

        seed, number: what their order follows from. epoch: counted from 0 in this training.
        single: whether each chunk is one batch.
        """
        ...

    def parts(self) -> Iterator[Samples]:
        """All samples once, in their own order, for asking."""
        ...


class ArraySource:
    """Samples that lie in memory.

    shuffle: whether each time through has its own order. steps: how many batches an epoch has, if
    it is not all of them: then an epoch begins where the one before has ended.
    """

    def __init__(
        self, samples: Samples, batch_size: int, shuffle: bool = False, steps: int | None = None
    ) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.shuffle = shuffle
        self._batches = -(-len(samples) // batch_size)
        self._steps = self._batches if steps is None else steps
        self.steps: int | None = self._steps
        self.count: int | None = len(samples) if self._steps == self._batches else None
        self._parts = len(samples) if steps is None else min(len(samples), steps * batch_size)

    def chunks(self, seed: int, number: int, epoch: int, single: bool) -> Iterator[Chunk]:
        """All samples of an epoch, as `Source.chunks` says."""
        count, size = len(self.samples), self.batch_size
        first, last = epoch * self._steps, (epoch + 1) * self._steps
        while first < last:
            time_through, start = divmod(first, self._batches)
            end = min(self._batches, start + last - first)
            order = np.arange(count)
            if self.shuffle:
                order = random.permutation(seed, number - epoch + time_through, count)
            order = order[start * size : end * size]
            for part in paced(len(order), size, single):
                yield Chunk(self.samples, order[part], size)
            first += end - start

    def parts(self) -> Iterator[Samples]:
        """All samples once, as `Source.parts` says."""
        for part in paced(self._parts, self.batch_size):
            yield self.samples.at(part)


class StreamSource:
    """Samples that come in batches, from anything that can be iterated over.

    read: makes Samples of a batch. steps: how many batches an epoch has; all if None. With it, an
    epoch begins where the one before has ended, and the batches begin anew when they are through.
    """

    def __init__(
        self, batches: Iterable[Any], read: Callable[[Any], Samples], steps: int | None = None
    ) -> None:
        self._batches = batches
        self._read = read
        self._steps = steps
        self._iterator: Iterator[Any] | None = None
        length = len(batches) if hasattr(batches, "__len__") else None  # type: ignore[arg-type]
        self.steps: int | None = length if steps is None else steps
        self.count: int | None = None

    def chunks(self, seed: int, number: int, epoch: int, single: bool) -> Iterator[Chunk]:
        """All batches of an epoch, one a chunk, in the order in which they come."""
        for samples in self.parts():
            yield Chunk(samples, np.arange(len(samples)), len(samples))

    def parts(self) -> Iterator[Samples]:
        """All batches of an epoch; DataError if there is none, or fewer than `steps`."""
        seen = 0
        if self._steps is None or self._iterator is None:
            self._iterator = iter(self._batches)
        while self._steps is None or seen < self._steps:
            batch = next(self._iterator, None)
            if (
                batch is None
                and self._steps is not None
                and iter(self._batches) is not self._batches
            ):
                self._iterator = iter(self._batches)
                batch = next(self._iterator, None)
            if batch is None:
                break
            seen += 1
            yield self._read(batch)
        if seen < (self._steps or 1):
            raise DataError(
                f"The data ran out after {seen} batches of this epoch. A generator can be gone "
                "through once: give one that never ends, together with steps_per_epoch, or an "
                "object whose __iter__ begins anew."
            )


def paced(count: int, batch_size: int, single: bool = False) -> Iterator[slice]:
    """All samples in slices of whole batches, one batch first, then as many as time allows.

    single: one batch always.
    """
    start, batches = 0, 1
    while start < count:
        part = slice(start, min(count, start + batches * batch_size))
        began = time.perf_counter()
        yield part
        seconds = max(time.perf_counter() - began, 1e-9)
        start = part.stop
        if not single:
            batches = max(1, min(4 * batches, int(batches * _SECONDS_PER_CALL / seconds)))
