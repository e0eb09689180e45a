"""Files that are whole or not there, and the cache folder, for every room that keeps things."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""The numbers of the errors that mean: no room left, on the disk or for this user."""


def cache_folder(purpose: str) -> Path:
    """The folder for what can be had again: in PELLUCID_CACHE, or in the user's cache folder."""
    chosen = os.environ.get("PELLUCID_CACHE")
    if chosen:
        return Path(chosen).expanduser() / purpose
    from platformdirs import user_cache_path

    return user_cache_path("pellucid", appauthor=False) / purpose


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the user alone.

    Raises:
        OSError: it cannot be made.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `path` when the block ends without error.

    Until then its bytes are in a neighbour, `.<name>.<process>.tmp`. A kill at any moment leaves
    what was at `path` before, or the whole new file.

    Raises:
        OSError: the folder cannot be written, or the disk is full; `path` is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_atomically(path: Path, content: str) -> None:
    """Write a text, in UTF-8, as a file that is whole or not there; raises as `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content.encode())
