"""The user's cache of decoded data sets, and the place where downloads wait to be whole."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from pellucid.data.formats import Part, UInt8Array
from pellucid.storage import atomic_file, cache_folder, make_private_folder

FOLDER = "datasets"  # in the user's cache folder


def store_npz(path: Path, parts: Sequence[Part], arrays: Sequence[UInt8Array]) -> None:
    """Write arrays as one .npz, whole or not at all, in a folder of the user's own.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    make_private_folder(path.parent)
    # Any: NumPy's stubs take every keyword for its own option, not for an array.
    named: dict[str, Any] = {part.key: array for part, array in zip(parts, arrays, strict=True)}
    with atomic_file(path) as file:
        np.savez(file, **named)


def _try_lock(file: IO[bytes]) -> None:
    """Take a file's lock, which ends with the process; OSError if another process has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def download_folder(name: str) -> Iterator[Path]:
    """A folder for the downloads of one data set, where a killed one can be resumed.

    It lies in the cache. Where that cannot be written, or another process downloads into it just
    now, it is a temporary one.
    """
    folder = cache_folder(FOLDER) / "downloads" / name
    try:
        make_private_folder(folder)
        lock = open(folder.with_suffix(".lock"), "ab")  # noqa: SIM115 (closed below)
    except OSError:
        lock = None
    if lock is not None:
        with lock:
            try:
                _try_lock(lock)
            except OSError:
                pass
            else:
                yield folder
                return
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        yield Path(temporary)
