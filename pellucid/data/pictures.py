"""Pictures out of files, decoded with care: a file may be damaged, or larger than it looks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.data.formats import DAMAGE, UInt8Array
from pellucid.errors import DataError
from pellucid.ops.resizing import Resizing

if TYPE_CHECKING:
    from PIL.Image import Image

Float32Array = NDArray[np.float32]
Taps = tuple[NDArray[np.int64], Float32Array]
"""For every output, which places of an axis count and how much: both (output, tap)."""

FORMATS = ("BMP", "GIF", "JPEG", "PNG")
"""What is decoded, in Pillow's words."""

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
"""Keras's color modes in Pillow's words."""

MOST_PIXELS = 1 << 26
"""8192×8192: a file of a few bytes can claim to be a picture that fills the memory."""


@contextmanager
def opened(stream: IO[bytes], name: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image]:
    """A picture whose size is known, and none of whose pixels is read yet.

    Whatever goes wrong with it inside of the block is a DataError that names the file.
    """
    import PIL.Image

    try:
        with PIL.Image.open(stream, formats=formats) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise PIL.Image.DecompressionBombError
            yield picture
    except DataError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise DataError(f"{name} is no picture in {', '.join(formats)} format.") from error
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise DataError(f"{name} has more than {MOST_PIXELS:,} pixels.") from error
    except (
        *DAMAGE,
        OSError,
        SyntaxError,  # a PNG chunk that is none
        IndexError,
        TypeError,
        struct.error,
    ) as error:
        raise DataError(f"{name} is damaged or truncated ({error}).") from error


def read_picture(path: Path, color_mode: str, resizing: Resizing, into: Float32Array) -> None:
    """Read a picture, in the first of its frames, in another size.

    color_mode: one of `MODES`. into: (height, width, channel), what `resizing` makes; its values
    go from 0 to 255. Raises DataError where the file cannot be read, or is no such picture.
    """
    try:
        with open(path, "rb") as stream, opened(stream, str(path)) as picture:
            pixels = np.asarray(picture.convert(MODES[color_mode]))
    except DataError as error:
        raise DataError(f"{error} Remove it from the folder, or put another one there.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    into[...] = resized(pixels.reshape(*pixels.shape[:2], -1), resizing)


def resized(pixels: UInt8Array, resizing: Resizing) -> Float32Array:
    """One picture (height, width, channel) in another size.

    It is what `resizing` means, but reads only the pixels that count: two by two for "bilinear".
    """
    rows, columns = taps(resizing, *pixels.shape[:2])
    return _along_columns(_along_rows(pixels, rows), columns)


def _along_rows(pixels: UInt8Array, taps: Taps) -> Float32Array:
    places, counts = taps
    result = np.zeros((len(places), *pixels.shape[1:]), np.float32)
    for place, count in zip(places.T, counts.T, strict=True):
        result += count[:, None, None] * pixels[place]
    return result


def _along_columns(values: Float32Array, taps: Taps) -> Float32Array:
    places, counts = taps
    result = np.zeros((len(values), len(places), values.shape[2]), np.float32)
    for place, count in zip(places.T, counts.T, strict=True):
        result += count[:, None] * values[:, place]
    return result


@lru_cache(maxsize=64)
def taps(resizing: Resizing, height: int, width: int) -> tuple[Taps, Taps]:
    """Which rows and which columns of a picture count in each row and column of the new one."""
    rows, columns = resizing.matrices(height, width)
    return _taps(rows), _taps(columns)


def _taps(matrix: NDArray[np.float64]) -> Taps:
    """The places of a matrix (output, place) that are not zero: a few neighbours in every row."""
    outputs, size = matrix.shape
    nonzero = matrix != 0
    first = nonzero.argmax(axis=1)
    last = size - nonzero[:, ::-1].argmax(axis=1)
    count = int(np.where(nonzero.any(axis=1), last - first, 1).max())
    places = np.minimum(first, size - count)[:, None] + np.arange(count)
    return places, matrix[np.arange(outputs)[:, None], places].astype(np.float32)
