"""The .keras file: a zip of what a model is, where it comes from, and its weights."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.errors import ModelFileError
from pellucid.files import access
from pellucid.files.access import ANOTHER_COPY

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

_LARGEST_JSON = 2**26  # bytes; a network of a thousand layers has about two millions
_LARGEST_EXPANSION = 16  # weights are hardly compressible, fresh slots of an optimizer are
_DAMAGE = (
    EOFError,
    MemoryError,
    OSError,
    RecursionError,  # JSON that is nested without end
    RuntimeError,  # an encrypted member, or one in a compression that zipfile does not know
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


class Archive(NamedTuple):
    """The members of a .keras file; `weights` is an HDF5 file."""

    config: dict[str, Any]
    metadata: dict[str, Any]
    weights: bytes


def write(path: Path, archive: Archive, overwrite: bool) -> None:
    """Write the file; the same model gives the same bytes. Raises as `access.replaced`."""
    members = {
        METADATA: json.dumps(archive.metadata).encode(),
        CONFIG: json.dumps(archive.config).encode(),
        WEIGHTS: archive.weights,
    }
    with access.replaced(path, overwrite) as file, zipfile.ZipFile(file, "w") as packed:
        for name, content in members.items():
            # A ZipInfo of its own has a fixed date, where `writestr` would take the clock's.
            packed.writestr(zipfile.ZipInfo(name), content)


def read(path: Path) -> Archive:
    """Read the file; ModelFileError if it is not there, damaged, or larger than it may be."""
    with access.opened(path) as file:
        try:
            with zipfile.ZipFile(file) as members:
                config, metadata = (_json(members, name, path) for name in (CONFIG, METADATA))
                return Archive(config, metadata, _weights(members, path))
        except ModelFileError:
            raise
        except _DAMAGE as error:
            raise ModelFileError(
                f"{path} is no .keras file, or is damaged ({error}). {ANOTHER_COPY}"
            ) from error


def _json(members: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    value = json.loads(_content(members, name, path, _LARGEST_JSON))
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value


def _weights(members: zipfile.ZipFile, path: Path) -> bytes:
    packed = members.getinfo(WEIGHTS).compress_size if WEIGHTS in members.namelist() else 0
    return _content(members, WEIGHTS, path, max(_LARGEST_JSON, _LARGEST_EXPANSION * packed))


def _content(members: zipfile.ZipFile, name: str, path: Path, largest: int) -> bytes:
    """A member, unpacked; zipfile checks its CRC and never unpacks more than its stated size."""
    if name not in members.namelist():
        raise ModelFileError(
            f"{path} has no {name}: it is no .keras file, or not a whole one. {ANOTHER_COPY}"
        )
    size = members.getinfo(name).file_size
    if size > largest:
        raise ModelFileError(
            f"{path}: {name} unpacks to {size:,} bytes, allowed are {largest:,}: more than such a "
            "file can need. It is not unpacked. Take the file from another source."
        )
    return members.read(name)
