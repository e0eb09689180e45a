"""Compiled programs on disk, so that a network is compiled once for a machine.

A program is found by what it computes: by its description, by the machine, and by a digest of the
sources that emit it, so that a changed compiler never meets the code of an older one.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import llvmlite
from llvmlite import binding

from pellucid.engines.native.machine import Machine
from pellucid.storage import atomic_file, cache_folder, make_private_folder

_DIGEST_BYTES = 32
_EMITTING = ("engines/native", "ops", "graph.py", "random.py", "shapes.py")


def kept(description: str, machine: Machine, make: Callable[[], bytes]) -> bytes:
    """The bytes that `make` made when this was last asked for, or makes now."""
    key = _key(description, machine)
    content = _read(key)
    if content is None:
        content = make()
        _write(key, content)
    return content


@functools.cache
def _sources() -> str:
    """A digest of all that emits code."""
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for name in _EMITTING:
        place = package / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _key(description: str, machine: Machine) -> str:
    versions = (llvmlite.__version__, *binding.llvm_version_info)
    parts = [description, repr(machine), repr(versions), _sources()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _read(key: str) -> bytes | None:
    """What is kept, unless it is missing, not ours, or does not verify."""
    path = cache_folder("code") / key
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        found = path.read_bytes()
    except OSError:
        return None
    digest, content = found[:_DIGEST_BYTES], found[_DIGEST_BYTES:]
    return content if hashlib.sha256(key.encode() + content).digest() == digest else None


def _write(key: str, content: bytes) -> None:
    """Keep something for the next time; a cache that cannot be written is done without."""
    folder = cache_folder("code")
    try:
        make_private_folder(folder)
        digest = hashlib.sha256(key.encode() + content).digest()
        with atomic_file(folder / key) as file:
            file.write(digest + content)
    except OSError:
        return
