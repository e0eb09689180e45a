"""A small folder of photographs: two kinds of things, told apart by their colour and shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog")


def write_photographs(
    folder: Path, count: int, size: tuple[int, int] = (40, 48), seed: int = 0
) -> Path:
    """Write `count` pictures of each class: a bright disc on noise, reddish or bluish."""
    generator = np.random.default_rng(seed)
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = disc(generator, size, channel=2 * number)
            ending = ("jpg", "png")[index % 2]
            Image.fromarray(pixels).save(folder / name / f"{name}.{index:03}.{ending}")
    return folder


def disc(generator: np.random.Generator, size: Sequence[int], channel: int) -> np.ndarray:
    """One picture: (height, width, 3), uint8."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    row, column = generator.uniform(0.3, 0.7, 2) * (height, width)
    inside = (rows - row) ** 2 + (columns - column) ** 2 < (min(size) / 4) ** 2
    pixels = generator.integers(0, 100, (height, width, 3), np.uint8)
    pixels[..., channel][inside] += 150
    return pixels
