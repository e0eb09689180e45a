"""Reading CIFAR-10 out of the archives it comes in: its own binary one, and one of PNG pictures.

As in `formats`, nothing here trusts a file: sizes are known beforehand.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from pellucid.data.formats import (
    Part,
    Readable,
    UInt8Array,
    check_whole,
    damage_in,
    read_npz,
    read_tar,
)
from pellucid.data.pictures import opened
from pellucid.errors import DataError

CLASSES = 10
BATCHES = 5
"""In how many files the training pictures come."""

_MORE_THAN_PIXELS = 1.1
"""How much larger than its pixels a picture's file may be: PNG adds little where none is saved."""


def cifar_parts(train: int = 50_000, test: int = 10_000, side: int = 32) -> tuple[Part, ...]:
    """The four arrays, in the order and with the shapes of Keras."""
    return (
        Part("x_train", "data_batch", (train, side, side, 3)),
        Part("y_train", "data_batch", (train, 1)),
        Part("x_test", "test_batch", (test, side, side, 3)),
        Part("y_test", "test_batch", (test, 1)),
    )


def read_cifar_path(path: Path, parts: Sequence[Part]) -> list[UInt8Array]:
    """Read what a user points to: an .npz file, or the archive cifar-10-binary.tar.gz."""
    if path.suffix == ".npz":
        return read_npz(path, parts)
    with open(path, "rb") as stream:
        return read_binary_tar(stream, parts, path.name)


def read_binary_tar(stream: IO[bytes], parts: Sequence[Part], name: str) -> list[UInt8Array]:
    """Read an archive of records: a label, then one picture's red, green and blue values by rows.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009), and the
    description of the archive's binary version.
    """
    x_train, _, x_test, _ = parts
    side = x_train.shape[1]
    record = 1 + 3 * side * side
    counts = {f"data_batch_{i}.bin": x_train.shape[0] // BATCHES for i in range(1, BATCHES + 1)}
    counts["test_batch.bin"] = x_test.shape[0]

    def read(member: Readable, base: str) -> UInt8Array:
        data = _read_exactly(member, counts[base] * record, base)
        return np.frombuffer(data, np.uint8).reshape(counts[base], record)

    batches = _read_members(stream, counts, read, name)
    train = np.concatenate([batches[base] for base in counts if base.startswith("data")])
    arrays = []
    for rows in (train, batches["test_batch.bin"]):
        channels_first = rows[:, 1:].reshape(-1, 3, side, side)
        arrays += [np.ascontiguousarray(channels_first.transpose(0, 2, 3, 1)), rows[:, :1].copy()]
    return arrays


def read_png_tar(stream: IO[bytes], parts: Sequence[Part], name: str) -> list[UInt8Array]:
    """Read an archive of PNG pictures in which each row of pixels is one image, and JSON labels."""
    x_train, y_train, x_test, y_test = parts
    images = {f"data_batch_{i}.png": x_train.shape[0] // BATCHES for i in range(1, BATCHES + 1)}
    images["test_batch.png"] = x_test.shape[0]
    # The names are spelled so in the package.
    labels = {"train_lables.json": y_train.shape[0], "test_lables.json": y_test.shape[0]}
    pixels = x_train.shape[1] * x_train.shape[2]

    def read(member: Readable, base: str) -> UInt8Array:
        if base in labels:
            return _read_labels(member, labels[base], base)
        return _read_png(member, images[base], pixels, base)

    found = _read_members(stream, images | labels, read, name)
    train = np.concatenate([found[base] for base in images if base.startswith("data")])
    return [
        train.reshape(x_train.shape),
        found["train_lables.json"].reshape(y_train.shape),
        found["test_batch.png"].reshape(x_test.shape),
        found["test_lables.json"].reshape(y_test.shape),
    ]


def _read_members(
    stream: IO[bytes],
    wanted: dict[str, int],
    read: Callable[[Readable, str], UInt8Array],
    name: str,
) -> dict[str, UInt8Array]:
    """Read the wanted files of a tar archive (packed or not), in whichever folder they lie."""
    found = dict(read_tar(stream, wanted, read, name))
    check_whole(name, [base for base in wanted if base not in found])
    return found


def _read_exactly(member: Readable, count: int, name: str) -> bytes:
    data = member.read(count + 1)  # one more than wanted, to notice a longer file
    if len(data) != count:
        there = f"{len(data)}" if len(data) < count else "more"
        raise DataError(f"{name} has {there} bytes, expected {count}.")
    return data


def _read_png(member: Readable, images: int, pixels: int, name: str) -> UInt8Array:
    """One picture as (image, pixel, channel)."""
    most = int(images * pixels * 3 * _MORE_THAN_PIXELS) + 4096
    data = member.read(most + 1)
    if len(data) > most:
        raise DataError(f"{name} has more than {most} bytes, expected a picture of fewer.")
    with opened(io.BytesIO(data), name, ("PNG",)) as picture:
        if (picture.size, picture.mode) != ((pixels, images), "RGB"):
            width, height = picture.size
            raise DataError(
                f"{name} has {width}×{height} pixels of the kind {picture.mode}, expected "
                f"{pixels}×{images} RGB."
            )
        return np.array(picture, np.uint8)


def _read_labels(member: Readable, count: int, name: str) -> UInt8Array:
    """A JSON list of class numbers as (image,)."""
    most = 8 * count + 16
    data = member.read(most + 1)
    if len(data) > most:
        raise DataError(f"{name} has more than {most} bytes, expected {count} labels.")
    with damage_in(name):
        labels = json.loads(data)
    if not isinstance(labels, list) or len(labels) != count:
        raise DataError(f"{name} is no list of {count} labels.")
    if not all(type(label) is int and 0 <= label < CLASSES for label in labels):
        raise DataError(f"{name} has labels that are no whole numbers from 0 to {CLASSES - 1}.")
    return np.array(labels, np.uint8)
