"""Pictures in files as batches that are decoded ahead of use."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.batches import Batches
from pellucid.data.pictures import MODES, Float32Array, read_picture
from pellucid.ops.resizing import Resizing
from pellucid.random import permutation

Labels = NDArray[Any]

AHEAD = 2
"""How many batches are decoded before they are asked for."""


@dataclass(frozen=True)
class Reading:
    """How pictures become arrays.

    color_mode: one of `pictures.MODES`. batch_size: None for single samples without a batch axis.
    seed: of the order of samples, another one in every pass; None leaves them as they are.
    """

    color_mode: str
    resizing: Resizing
    batch_size: int | None
    seed: int | None


class PictureFolder(Batches):
    """The pictures of a folder, in batches `(images, labels)`, or `images` where it has no labels.

    images: (sample, height, width, channel), float32 from 0 to 255. labels: as they were asked for.

    Attributes:
        file_paths: the path of every picture, in the order that an unshuffled pass has.
        class_names: the names of the classes, in the order of their numbers; None without labels.
    """

    def __init__(
        self,
        file_paths: Sequence[Path],
        labels: Labels | None,
        class_names: Sequence[str] | None,
        reading: Reading,
    ) -> None:
        self._paths = list(file_paths)
        self._labels = labels
        self._reading = reading
        self._passes = 0
        self.file_paths = [str(path) for path in file_paths]
        self.class_names = None if class_names is None else list(class_names)
        super().__init__(self._read, -(-len(self._paths) // (reading.batch_size or 1)))

    def _read(self) -> Iterator[Any]:
        """One pass over all pictures, a few batches of them always under way."""
        count, size = len(self._paths), self._reading.batch_size or 1
        order = np.arange(count)
        if self._reading.seed is not None:
            self._passes += 1
            order = permutation(self._reading.seed, self._passes, count)
        waiting: deque[_Batch] = deque()
        pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="pellucid-pictures")
        try:
            for start in range(0, count, size):
                waiting.append(self._begin(pool, order[start : start + size]))
                if len(waiting) > AHEAD:
                    yield self._whole(waiting.popleft())
            while waiting:
                yield self._whole(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ThreadPoolExecutor, numbers: NDArray[np.int64]) -> _Batch:
        """Have a batch decoded: each picture into its own place."""
        reading = self._reading
        channels = len(MODES[reading.color_mode])
        images = np.empty((len(numbers), *reading.resizing.size, channels), np.float32)
        pictures = [
            pool.submit(
                read_picture, self._paths[number], reading.color_mode, reading.resizing, image
            )
            for number, image in zip(numbers, images, strict=True)
        ]
        return _Batch(numbers, images, pictures)

    def _whole(self, batch: _Batch) -> Any:
        """A batch once all of its pictures are there."""
        for picture in batch.pictures:
            picture.result()
        images: Any = batch.images
        labels = None if self._labels is None else self._labels[batch.numbers]
        if self._reading.batch_size is None:
            images = images[0]
            labels = None if labels is None else labels[0]
        return images if labels is None else (images, labels)


@dataclass(frozen=True)
class _Batch:
    """A batch under way: the numbers of its pictures, their place, and who decodes them."""

    numbers: NDArray[np.int64]
    images: Float32Array
    pictures: list[Future[None]]
