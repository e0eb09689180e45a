"""Opening and replacing the files of models, with what the system says of them in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pellucid.errors import ModelFileError
from pellucid.storage import DISK_FULL, atomic_file

ANOTHER_COPY = "Save it again where it comes from, or put back a copy of the file."
"""What to do about a damaged file."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for reading; ModelFileError if there is none, or if it may not be read."""
    if path.is_dir():
        raise ModelFileError(
            f"{path} is a folder, not a file. Folders of models are not read: load it where it "
            "comes from, and save it as one .keras file."
        )
    with _in_words(path), open(path, "rb") as file:
        yield file


@contextmanager
def replaced(path: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` at the end, whole or not at all.

    Raises ModelFileError if something is there and `overwrite` is False, if the folder cannot be
    written, or if the disk is full; what was there stays.
    """
    if not overwrite and path.exists():
        raise ModelFileError(f"{path} exists already and is not replaced. overwrite=True does it.")
    with _in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            yield file


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ModelFileError(
            f"There is no file {path}.{_files_beside(path)} Relative paths begin at {Path.cwd()}."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in DISK_FULL:
            advice = "Free some space; what was there before is as it was."
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            advice = "Choose a folder of your own, or change its permissions."
        else:
            advice = "What was there before is as it was."
        raise ModelFileError(f"{path} cannot be read or written: {reason}. {advice}") from error


def _files_beside(path: Path) -> str:
    """A sentence with the models that are where one was looked for."""
    found = sorted(
        other.name for other in path.parent.glob("*") if other.suffix in (".keras", ".h5")
    )
    return f" There are: {', '.join(found[:5])}." if found else ""
