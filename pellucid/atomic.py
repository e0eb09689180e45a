"""Files that are whole or not there: what every room that keeps something on disk writes with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


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
